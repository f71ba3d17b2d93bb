"""prefixdctl as a process against the real daemon as a process: every command, once at least."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from prefixd.cli.main import COMMANDS
from tests.kit.daemon_process import ROOT, DaemonProcess

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \([^)]*\)")
VICTIM = "198.51.100.20"
RUN: set[tuple[str, ...]] = set()


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def golden(self) -> str:
        """Without what differs each time: ids, times, and the padding that depends on them."""
        text = TIME.sub("<time>", UUID.sub("<id>", self.out))
        return re.sub(r" {2,}", "  ", text)


@dataclass
class Ctl:
    daemon: DaemonProcess
    home: Path

    def __call__(self, *words: str, typed: str | None = None, **environ: str) -> Done:
        RUN.update(command.path for command in COMMANDS if set(command.path) <= set(words))
        done = subprocess.run(
            [sys.executable, "-m", "prefixd.cli.main", *words],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "PYTHONWARNINGS": "error",
                "HOME": str(self.home),
                "PREFIXD_API": f"http://127.0.0.1:{self.daemon.port}",
                **environ,
            },
            capture_output=True,
            text=True,
            input=typed,
            timeout=60,
            check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str, typed: str | None = None, **environ: str) -> Done:
        done = self(*words, typed=typed, **environ)
        assert done.code == 0, (words, done)
        return done


@pytest.fixture(scope="module")
def ctl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ctl]:
    directory = tmp_path_factory.mktemp("daemon")
    main = {
        "bgp": {
            "mode": "speaker",
            "listen": ["127.0.0.1:0"],
            "neighbors": [
                {"name": "edge1", "address": "127.0.0.9", "port": 1, "peer_asn": 64500,
                 "direction": "passive", "export": {}},
            ],
        },
        "http": {"unix_socket": str(directory / "api.sock")},
        "guardrails": {"max_ttl_seconds": 3600},
    }  # fmt: skip
    with DaemonProcess(directory, main=main) as daemon:
        yield Ctl(daemon, directory)


@pytest.fixture
def mitigation(ctl: Ctl) -> Iterator[str]:
    """A live manual rule, withdrawn afterwards."""
    made = ctl.ok(
        "-f", "json", "mitigations", "create", "203.0.113.7", "police", "--rate", "5M",
        "--protocol", "udp", "--port", "53", "--ttl", "10m", "-r", "test",
    )  # fmt: skip
    found = json.loads(made.out)["mitigation_id"]
    yield found
    ctl("mitigations", "withdraw", found, "-r", "end of test")


def test_an_event_becomes_a_row_of_the_table(ctl: Ctl) -> None:
    sent = ctl.ok("events", "send", VICTIM, "udp_flood", "--bps", "2.5G", "--confidence", "0.9")
    assert sent.golden.startswith("mitigated, mitigation <id>: Acted: police to 20 Mbit/s")
    assert ctl.ok("mitigations", "list", "--victim", VICTIM).golden == (
        "ID  STATUS  VICTIM_IP  VECTOR  ACTION  EXPIRES  CUSTOMER  POP\n"
        f"<id>  active  {VICTIM}  udp_flood  police to 20 Mbit/s  <time>  cust_example  lab1\n"
        "Count: 1\n"
    )
    assert ctl.ok("events", "list", "--victim", VICTIM, "--since", "1h").golden == (
        "AT  SOURCE  VICTIM_IP  VECTOR  BITS  PACKETS  OUTCOME  REASON\n"
        f"<time>  prefixdctl  {VICTIM}  udp_flood  2.5 Gbit/s  -  mitigated  Acted: police to"
        f" 20 Mbit/s dst {VICTIM}/32 proto udp for 180 s; 1 of 1 sources agree (prefixdctl),"
        " confidence 0.90 ≥ 0.50.\n"
    )
    groups = ctl.ok("groups", "list", "--victim", VICTIM)
    assert groups.golden == (
        "ID  STATE  VICTIM_IP  VECTOR  SOURCES  CONFIDENCE  AGREED  OPENED  HELD BECAUSE\n"
        f"<id>  mitigating  {VICTIM}  udp_flood  1  0.9  yes  <time>  -\n"
    )
    group = UUID.search(groups.out)
    assert group is not None
    assert "Evidence\nSOURCE" in ctl.ok("groups", "get", group.group()).out
    decided = ctl.ok("-f", "json", "groups", "decisions", group.group())
    decision = json.loads(decided.out)[0]["decision_id"]
    shown = ctl.ok("decision", decision).golden
    assert shown.startswith("ID:  <id>\nAt:  <time>\nOutcome:  mitigated\nTrigger:  signal\n")
    assert '"group_state": "mitigating"' in shown
    assert ctl.ok("groups", "approve", group.group()).golden == "<id> approved\n"
    assert f"# Incident report: {VICTIM}" in ctl.ok("report", VICTIM).out
    assert "Customer:" in ctl.ok("history", VICTIM).out
    assert ctl.ok("groups", "dismiss", group.group(), "-r", "test").golden == "<id> dismissed\n"
    assert ctl("groups", "dismiss", group.group(), "-r", "test").code == 1


def test_a_manual_rule_from_preview_to_withdrawal(ctl: Ctl) -> None:
    preview = ctl.ok("preview", "203.0.113.8", "discard", "--protocol", "udp")
    assert preview.out.startswith("Plan:     create\nRule:     dst 203.0.113.8/32 proto udp\n")
    made = ctl.ok("mitigations", "create", "203.0.113.8", "discard", "-r", "NOC 4711")
    found = UUID.search(made.out)
    assert found is not None
    shown = ctl.ok("mitigations", "get", found.group())
    assert re.search(r"^Reason: +NOC 4711$", shown.out, re.MULTILINE)
    longer = ctl.ok("mitigations", "extend", found.group(), "20m")
    assert "expires" in longer.out
    assert "1 acknowledged, 0 failed" in ctl.ok("mitigations", "acknowledge", found.group()).out
    gone = ctl.ok("mitigations", "withdraw", found.group(), "--reason", "over", "-o", "me")
    assert gone.golden == "<id> withdrawn (203.0.113.8)\n"
    again = ctl("mitigations", "withdraw", found.group(), "-r", "over")
    assert again.code == 1
    assert "has ended: withdrawn (400)" in again.err
    assert ctl("mitigations", "get", "01a1fc36-aaf0-7465-a881-f86d63249002").code == 1


def test_guardrails_refuse_with_reasons(ctl: Ctl) -> None:
    done = ctl("mitigations", "create", "192.0.2.1", "discard", "-r", "test")
    assert (done.code, done.out) == (1, "")
    assert "192.0.2.1 is safelisted" in done.err
    assert ctl("preview", "192.0.2.1", "discard").code == 1


def test_bgp_is_shown(ctl: Ctl, mitigation: str) -> None:
    assert re.match(r"PEER +STATE +SINCE", ctl.ok("peers").out)
    assert "edge1" in ctl.ok("peers", "-f", "csv").out
    assert ctl.ok("peers", "edge1").out.startswith("Peer:")
    assert ctl("peers", "nobody").code == 1
    rib = ctl.ok("rib")
    assert f"{mitigation}  dst 203.0.113.7/32 proto udp dport 53" in rib.out
    why = ctl.ok("explain", mitigation, "edge1")
    assert "STEP" in why.out
    assert ctl("explain", "no such rule", "edge1").code == 1
    decided = ctl.ok(
        "simulate", "203.0.113.7", "198.51.100.9", "udp",
        "--dst-port", "53", "--src-port", "53", "--length", "512",
    )  # fmt: skip
    assert re.search(r"edge1 +dst 203\.0\.113\.7/32 proto udp dport 53 +police", decided.out)
    passed = ctl.ok("simulate", "203.0.113.8", "198.51.100.9", "17")
    assert re.search(r"edge1 +none matches +forwarded", passed.out)
    assert ctl("simulate", "203.0.113.8", "2001:db8::1", "udp").code == 1


def test_a_neighbor_is_operated_and_the_audit_says_who_and_why(ctl: Ctl) -> None:
    assert ctl.ok("peer", "reset", "edge1", "-r", "stuck queue").out == "session with edge1 reset\n"
    disabled = ctl.ok("peer", "disable", "edge1", "-r", "router upgrade")
    assert disabled.out == "edge1 disabled until it is enabled again\n"
    assert "disabled" in ctl.ok("peers").out
    again = ctl("peer", "disable", "edge1")
    assert again.code == 1
    assert "the neighbor is disabled already" in again.err
    assert ctl.ok("peer", "enable", "edge1").out == "edge1 enabled\n"
    assert "not established" in ctl("peer", "refresh", "edge1").err
    assert "no rule is quarantined" in ctl("peer", "release", "edge1").err
    assert ctl("peer", "reset", "nobody").code == 1
    audit = ctl.ok("audit", "list", "-f", "json").out
    assert "peer_disable" in audit
    assert "router upgrade" in audit


def test_status_is_degraded_while_a_neighbor_is_away(ctl: Ctl) -> None:
    done = ctl("status")
    assert done.code == 1
    assert done.out.startswith("Status:             degraded\n")
    assert json.loads(ctl("status", "-f", "json").out)["pop"] == "lab1"
    assert "bad   neighbor edge1" in ctl("doctor").out
    assert "prefixd" in ctl.ok("top").out


def test_numbers(ctl: Ctl) -> None:
    assert ctl.ok("stats").out.startswith("Active mitigations:")
    assert ctl.ok("pops").out.startswith("POP")
    assert ctl.ok("series", "events", "--range", "3h").out.startswith("FROM")
    assert len(json.loads(ctl.ok("series", "-f", "json").out)["buckets"]) >= 24


def test_batches(ctl: Ctl, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    event = {"timestamp": "2026-01-01T00:00:00Z", "source": "file", "vector": "udp_flood",
             "action": "unban"}  # fmt: skip
    rows = [{**event, "victim_ip": f"198.51.100.{n}", "event_id": str(n)} for n in range(1, 151)]
    path.write_text("\n".join(map(json.dumps, [*rows, {**event, "victim_ip": "nobody"}])))
    done = ctl("events", "batch", str(path))
    assert done.code == 1
    assert done.out.endswith("150 accepted, 1 rejected\n")
    assert re.search(r"^ 151  rejected  .*victim_ip", done.out, re.MULTILINE)
    piped = ctl("events", "batch", "-", typed=json.dumps(rows[:1]))
    assert (piped.code, piped.out) == (0, "1 accepted, 0 rejected\n")


def test_the_safelist(ctl: Ctl, mitigation: str) -> None:
    added = ctl.ok("safelist", "add", "203.0.113.0/28", "-r", "payment")
    assert added.out == f"203.0.113.0/28 added to the safelist; withdrew 1: {mitigation}\n"
    listed = ctl.ok("safelist", "list")
    assert re.search(r"^203\.0\.113\.0/28 +anonymous .* api +payment$", listed.out, re.MULTILINE)
    assert ctl.ok("safelist", "remove", "203.0.113.0/28").code == 0
    assert ctl("safelist", "remove", "203.0.113.0/28").code == 1


def test_audit(ctl: Ctl, mitigation: str) -> None:
    rows = json.loads(ctl.ok("audit", "list", "--target", mitigation, "-f", "json").out)
    assert [row["action"] for row in rows["entries"]] == ["create"]
    assert "create" in ctl.ok("audit", "list", "--all").out
    verified = ctl.ok("audit", "verify")
    assert re.search(r"^lab1 +\d+ +intact +[0-9a-f]{64} +-$", verified.out, re.MULTILINE)


def test_configuration(ctl: Ctl) -> None:
    assert "playbooks" in json.loads(ctl.ok("config", "show", "playbooks").out)
    assert set(json.loads(ctl.ok("config", "show").out)) == {
        "settings", "inventory", "playbooks", "correlation", "alerting",
    }  # fmt: skip
    directory = ctl.daemon.config_dir
    assert ctl.ok("config", "diff", "-c", str(directory)).err == "no difference\n"
    path = directory / "playbooks.yaml"
    good = path.read_text()
    path.write_text(good.replace("rate_bps: 20000000", "rate_bps: 30000000"))
    differs = ctl("config", "diff", "-c", str(directory))
    assert differs.code == 1
    assert '+          "rate_bps": 30000000,' in differs.out
    assert ctl.ok("config", "reload").out == "loaded: playbooks\n"
    assert '"rate_bps": 30000000' in ctl.ok("config", "show", "playbooks").out
    assert ctl.ok("config", "diff", "-c", str(directory)).out == ""
    path.write_text("playbooks: [{name: broken}]\n")
    broken = ctl("reload")
    assert broken.code == 1
    assert "playbooks.yaml:1" in broken.err
    path.write_text(good)
    assert ctl.ok("reload").code == 0
    part = directory / "mine.json"
    part.write_text(json.dumps({"playbooks": json.loads(
        ctl.ok("config", "show", "playbooks").out)["playbooks"]}))  # fmt: skip
    assert ctl.ok("config", "apply", "playbooks", str(part)).code == 0
    part.unlink()
    assert re.search(r"^ +1  initial", ctl.ok("migrations").out, re.MULTILINE)
    assert ctl.ok("alerts", "test").err == "no destinations are configured\n"
    assert ctl("alerts", "test", "nobody").code == 1


def test_evidence(ctl: Ctl) -> None:
    done = ctl("send-corroborator", "-s", "snmp", "--pop", "lab1", "--confidence", "0.5")
    assert done.code == 1
    assert "snmp is not configured" in done.err
    assert ctl.ok("corroborators", "activity").code == 0
    assert json.loads(ctl.ok("corroborators", "waiting", "-f", "json").out)["total"] == 0


def test_people_and_tokens(ctl: Ctl, tmp_path: Path) -> None:
    home = str(tmp_path)
    made = ctl.ok(
        "operators", "create", "-u", "alice", "-r", "operator", "--password-stdin",
        typed="correct horse\n",
    )  # fmt: skip
    assert made.golden == "operator alice (operator), id <id>\n"
    assert ctl("operators", "create", "-u", "alice", "-r", "viewer", "-p", "long enough").code == 1
    assert re.search(r"alice +operator", ctl.ok("operators", "list").out)
    assert ctl("login", "alice", "--password-stdin", typed="wrong\n", HOME=home).code == 4
    assert (
        ctl.ok("login", "alice", "--password-stdin", typed="correct horse\n", HOME=home).code == 0
    )
    assert "User:    alice\nRole:    operator\n" in ctl.ok("whoami", HOME=home).out
    assert ctl("operators", "list", HOME=home).code == 4
    changed = ctl.ok(
        "operators", "password", "--password-stdin", HOME=home,
        typed="correct horse\nbattery staple\n",
    )  # fmt: skip
    assert "password of alice changed" in changed.out
    assert ctl.ok("login", "alice", "--password-stdin", typed="battery staple\n", HOME=home)
    assert ctl.ok("logout", HOME=home).code == 0
    assert ctl("logout", HOME=home).code == 2
    assert (
        ctl.ok("operators", "role", "alice", "viewer").out == "operator alice: role is now viewer\n"
    )
    assert ctl.ok("operators", "delete", "alice", "--yes").out == "operator alice removed\n"

    token = ctl.ok("tokens", "create", "fnm", "ingest", "--source", "fastnetmon").out.strip()
    assert ctl("mitigations", "list", PREFIXD_API_TOKEN=token).code == 4
    bound = ctl("events", "send", "198.51.100.77", "udp_flood", "--over", PREFIXD_API_TOKEN=token)
    assert bound.code == 4, bound
    spoken = ctl.ok(
        "events", "send", "198.51.100.77", "udp_flood", "--over", "--source", "fastnetmon",
        PREFIXD_API_TOKEN=token,
    )  # fmt: skip
    assert spoken.out
    assert re.search(r"fnm +ingest +fastnetmon", ctl.ok("tokens", "list").out)
    assert ctl.ok("tokens", "revoke", "fnm").code == 0
    assert ctl("tokens", "revoke", "fnm").code == 1


def test_the_feed_shows_what_happens(ctl: Ctl) -> None:
    lines: list[Done] = []
    watcher = threading.Thread(
        target=lambda: lines.append(
            ctl("watch", "--type", "safelist_added", "-n", "1", "--after", "0", "-f", "json")
        )
    )
    watcher.start()
    ctl.ok("safelist", "add", "203.0.113.200/32", "-r", "feed")
    watcher.join(30)
    ctl.ok("safelist", "remove", "203.0.113.200/32")
    assert lines[0].code == 0, lines
    assert json.loads(lines[0].out)["type"] == "safelist_added"


def test_unix_socket_and_contexts(ctl: Ctl, tmp_path: Path) -> None:
    path = tmp_path / ".config/prefixd/ctl.yaml"
    path.parent.mkdir(parents=True)
    socket = ctl.daemon.directory / "api.sock"
    path.write_text(f"contexts:\n  here: {{api: 'unix://{socket}'}}\n")
    home = str(tmp_path)
    assert "lab1" in ctl.ok("--context", "here", "pops", HOME=home).out
    assert ctl.ok("contexts", "use", "here", HOME=home).code == 0
    assert re.search(r"here +unix://.* yes", ctl.ok("contexts", "list", HOME=home).out)
    who = ctl.ok("whoami", HOME=home, PREFIXD_API="")
    assert "Context: here" in who.out
    assert "ready" in ctl.ok("request", "GET", "/v1/health/ready").out


def test_taking_over_from_an_earlier_service(ctl: Ctl, tmp_path: Path, mitigation: str) -> None:
    api = f"http://127.0.0.1:{ctl.daemon.port}"
    assert "203.0.113.7/32" in ctl.ok("import", "prefixd", api).out
    again = ctl.ok("import", "prefixd", api, "--apply")
    assert "extended" in again.out
    conf = tmp_path / "gobgpd.conf"
    conf.write_text('[global.config]\nas = 64500\nrouter-id = "192.0.2.250"\n')
    assert "local_asn: 64500" in ctl.ok("import", "gobgp-conf", str(conf)).out


def test_panic_ends_everything(ctl: Ctl, mitigation: str) -> None:
    refused = ctl("panic", "-r", "test", "--confirm", "yes")
    assert refused.code == 1
    assert "withdraw all of lab1" in refused.err
    done = ctl.ok("panic", "-r", "test", "--confirm", "withdraw all of lab1")
    assert f"{mitigation}  withdrawn" in done.out
    assert json.loads(ctl.ok("rib", "-f", "json").out)["count"] == 0


def test_backup_runs_the_daemons_own_command(ctl: Ctl, tmp_path: Path) -> None:
    binary = tmp_path / "bin/prefixd"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} -m prefixd "$@"\n')
    binary.chmod(0o755)
    copy = tmp_path / "copy.db"
    path = f"{binary.parent}:{os.environ['PATH']}"
    words = ("backup", "-c", str(ctl.daemon.config_dir), str(copy))
    assert str(copy) in ctl.ok(*words, PATH=path).out
    assert copy.read_bytes().startswith(b"SQLite format 3")
    assert ctl(*words, PATH=path).code == 1


def test_a_screen_that_lacks_a_sign_shows_its_number(ctl: Ctl, mitigation: str) -> None:
    shown = ctl.ok("series", "--range", "1h", PYTHONIOENCODING="ascii")
    assert "\\u2588" in shown.out
    assert mitigation


def test_an_interrupt_ends_a_watch_quietly(ctl: Ctl) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "prefixd.cli.main", "pops", "--watch", "0.2"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(ctl.home),
             "PREFIXD_API": f"http://127.0.0.1:{ctl.daemon.port}"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(4)]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert seen[0] == seen[2] == "POP   ACTIVE  EVER\n"
    assert (process.returncode, err) == (130, "\n")


def test_a_closed_pipe_is_no_error(ctl: Ctl) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m prefixd.cli.main config show | head -n 1"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT),
             "PREFIXD_API": f"http://127.0.0.1:{ctl.daemon.port}"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_every_command_was_run(ctl: Ctl) -> None:
    """Stands last: what the tests above did not run has no test."""
    ctl.ok("completion", "bash")
    assert {command.path for command in COMMANDS} - RUN == set()
