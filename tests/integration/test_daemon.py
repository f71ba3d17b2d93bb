"""The daemon as an operator meets it: started, asked, reloaded, stopped."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import yaml

from tests.kit.daemon_process import ROOT, DaemonProcess
from tests.kit.daemons import wait_for
from tests.kit.require import absent


def prefixd(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefixd", *words],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_event_becomes_a_rule_and_survives_a_restart(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        answer = daemon.event()
        assert answer.status == 202, answer.body
        assert answer.json["outcome"] == "mitigated"
        made = answer.json["mitigation_id"]
        (rule,) = daemon.get("/v1/bgp/rib").json["rules"]
        assert rule["rule"] == "dst 198.51.100.20/32 proto udp"
        assert daemon.stop() == 0
        daemon.start()
        (rule,) = daemon.get("/v1/bgp/rib").json["rules"]
        assert rule["mitigation_id"] == made


def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        made = {daemon.event(f"198.51.100.{n}").json["mitigation_id"] for n in range(20, 25)}
        daemon.kill()
        daemon.start()
        held = {rule["mitigation_id"] for rule in daemon.get("/v1/bgp/rib").json["rules"]}
        assert held == made


def test_the_curl_line_that_a_terminal_shows_works(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    daemon.write_config()
    terminal, program = os.openpty()
    command = [sys.executable, "-m", "prefixd", "run", "-c", str(daemon.config_dir)]
    with (
        subprocess.Popen(command, cwd=tmp_path, stdout=program, stderr=subprocess.DEVNULL) as run,
        os.fdopen(terminal, encoding="utf-8") as shown,
    ):
        line = next(line for line in shown if "curl" in line)
        done = subprocess.run(
            ["sh", "-c", line], capture_output=True, text=True, timeout=20, check=True
        )
        run.terminate()
    os.close(program)
    assert '"outcome":"mitigated"' in done.stdout


def test_reload_takes_new_playbooks_and_refuses_broken_ones(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        path = daemon.config_dir / "playbooks.yaml"
        good = path.read_text()
        tree = yaml.safe_load(good)
        tree["playbooks"] = [
            {
                "name": "only",
                "match": {"vector": "udp_flood"},
                "steps": [{"action": "discard", "ttl_seconds": 60}],
            }
        ]
        path.write_text(yaml.safe_dump(tree))
        answer = daemon.post("/v1/config/reload", None)
        assert answer.status == 200, answer.body
        assert daemon.event().json["reason"].startswith("Acted: discard")
        path.write_text("playbooks: [{name: broken}]\n")
        answer = daemon.post("/v1/config/reload", None)
        assert answer.status == 400
        assert "playbooks.yaml:1" in answer.json["errors"][0]
        assert daemon.get("/v1/config/playbooks").json["playbooks"][0]["name"] == "only"


def test_sigterm_twice_stops_at_once(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.stop(limit_s=10) == 0


def test_a_taken_port_is_one_clear_line_and_exit_code_2(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    daemon.write_config()
    with socket.create_server(("127.0.0.1", daemon.port)):
        done = prefixd("run", "-c", str(daemon.config_dir), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"prefixd: the API (http.listen) cannot listen on 127.0.0.1:{daemon.port}: another process"
        " uses it already (find it with `ss -ltnp`), or change the setting\n"
    )


def test_a_database_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    daemon = DaemonProcess(
        tmp_path, main={"storage": {"connection_string": "sqlite:/proc/nowhere/prefixd.db"}}
    )
    daemon.write_config()
    done = prefixd("run", "-c", str(daemon.config_dir), cwd=tmp_path)
    assert done.returncode == 2
    assert "/proc/nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("prefixd:")]) == 1


def test_a_broken_configuration_lists_every_problem_and_exits_2(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path, main={"pop": "", "colour": "green"})
    daemon.write_config()
    done = prefixd("run", "-c", str(daemon.config_dir), cwd=tmp_path)
    assert done.returncode == 2
    assert "colour" in done.stderr
    assert "pop" in done.stderr
    assert prefixd("check", "-c", str(daemon.config_dir), cwd=tmp_path).returncode == 1


def test_init_writes_a_configuration_that_checks(tmp_path: Path) -> None:
    done = prefixd("init", str(tmp_path / "fresh"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = prefixd("check", "-c", str(tmp_path / "fresh"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    again = prefixd("init", str(tmp_path / "fresh"), cwd=tmp_path)
    assert again.returncode == 2
    assert "nothing was written" in again.stderr


def test_the_words_of_existing_unit_files_still_start_it(tmp_path: Path) -> None:
    done = prefixd("-c", str(tmp_path / "missing"), cwd=tmp_path)
    assert done.returncode == 2
    assert str(tmp_path / "missing") in done.stderr


def test_backup_copies_a_database_in_use(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.event()
        copy = tmp_path / "copy.db"
        done = prefixd("backup", "-c", str(daemon.config_dir), str(copy), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert copy.exists()


def test_the_demo_shows_a_rule_arrive_and_leave(tmp_path: Path) -> None:
    done = prefixd("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    arrivals = [line for line in done.stdout.splitlines() if "+ dst 198.51.100.20/32" in line]
    leavings = [line for line in done.stdout.splitlines() if "- dst 198.51.100.20/32" in line]
    assert [line.split("udp  ")[1] for line in arrivals] == ["police to 20 Mbit/s", "discard"]
    assert len(leavings) == 2
    shown = [re.sub(r"\d\d:\d\d:\d\d", "now", text)
             for text in (done.stdout, (ROOT / "README.md").read_text())]  # fmt: skip
    assert shown[0] in shown[1], "README.md shows what `make demo` prints"


def test_adduser_makes_the_first_admin_once(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, main={"http": {"auth": {"mode": "credentials"}}}) as daemon:
        assert daemon.get("/v1/mitigations").status == 401
        words = ["adduser", "root", "-c", str(daemon.config_dir), "--password-stdin"]
        made = subprocess.run(
            [sys.executable, "-m", "prefixd", *words],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            input="correct horse battery\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        login = {"username": "root", "password": "correct horse battery"}
        answer = daemon.post("/v1/auth/login", login)
        assert answer.status == 200
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        assert daemon.get("/v1/mitigations", Cookie=cookie).status == 200
        assert "correct horse" not in daemon.log_text


def test_the_log_tells_the_life_of_a_rule(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        made = daemon.event().json["mitigation_id"]
        daemon.post(f"/v1/mitigations/{made}/withdraw", {"reason": "false alarm"})
        text = daemon.log_text
    assert f"mitigation created  mitigation_id={made} rule=" in text
    assert '"dst 198.51.100.20/32 proto udp" action="police to 20 Mbit/s"' in text
    assert f"mitigation withdrawn  mitigation_id={made}" in text
    assert "false alarm" in text


def test_files_that_cannot_be_taken_over_are_counted_and_told(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        (daemon.config_dir / "playbooks.yaml").write_text("playbooks: [{name: broken}]\n")
        assert daemon.post("/v1/config/reload", None).status == 400
        counted = [
            line
            for line in daemon.get("/metrics").body.decode().splitlines()
            if line.startswith("prefixd_config_reload") and 'error"' in line
        ]
        assert [line.rpartition(" ")[2] for line in counted] == ["1.0"]


def test_a_rule_by_hand_says_what_its_maker_should_know(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        wish = {"reason": "x", "victim_ip": "8.8.8.8", "action": "discard", "ttl_seconds": 32_400}
        answer = daemon.post("/v1/mitigations", wish)
    assert answer.status == 201, answer.body
    told = " ".join(answer.json["notes"])
    assert "1800" in told or "30 min" in told
    assert "8.8.8.8 belongs to no customer" in told


def test_without_a_command_it_is_the_daemon_and_help_says_so(tmp_path: Path) -> None:
    text = prefixd("--help", cwd=tmp_path).stdout
    assert "Without a command it runs the daemon" in " ".join(text.split())
    assert "[COMMAND]" in text
    plain = prefixd("-c", "absent", cwd=tmp_path)
    assert (plain.returncode, "directory does not exist" in plain.stderr) == (2, True)
    misspelt = prefixd("chekc", cwd=tmp_path)
    assert (misspelt.returncode, "invalid choice: 'chekc'" in misspelt.stderr) == (2, True)


def test_a_sample_for_the_group_of_a_service_is_readable_by_it(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        absent("root")
    directory = tmp_path / "conf"
    directory.mkdir()
    os.chown(directory, 0, 12345)
    assert prefixd("init", "conf", cwd=tmp_path).returncode == 0
    facts = (directory / "prefixd.yaml").stat()
    assert (facts.st_gid, oct(facts.st_mode & 0o777)) == (12345, "0o640")
    assert prefixd("init", "own", cwd=tmp_path).returncode == 0
    assert (tmp_path / "own" / "prefixd.yaml").stat().st_gid == 0


def test_a_refused_reload_names_each_problem_once_however_it_was_asked_for(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        good = (daemon.config_dir / "prefixd.yaml").read_text()
        (daemon.config_dir / "prefixd.yaml").write_text(f"{good}\nnonsense: 1\n")
        (daemon.config_dir / "playbooks.yaml").write_text("playbooks: [{name: broken}]\n")
        problems = daemon.post("/v1/config/reload", None).json["errors"]
        assert len(problems) == 2
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.log_text.count(problems[-1]) == 2, 10, "the second refusal")
        assert [daemon.log_text.count(text) for text in [*problems, "reload refused"]] == [2, 2, 2]
        (daemon.config_dir / "prefixd.yaml").write_text(good)


def test_a_reload_that_changes_no_session_says_nothing_of_sessions(tmp_path: Path) -> None:
    bgp = {"mode": "speaker", "listen": [], "neighbors": []}
    with DaemonProcess(tmp_path, main={"bgp": bgp}) as daemon:
        path = daemon.config_dir / "prefixd.yaml"
        tree = yaml.safe_load(path.read_text())
        tree["quotas"]["max_active_per_customer"] = 4
        path.write_text(yaml.safe_dump(tree))
        assert daemon.post("/v1/config/reload", None).json["reloaded"] == ["settings"]
        assert "configuration applied" in daemon.log_text
        assert "BGP settings applied" not in daemon.log_text


def test_a_database_that_root_makes_belongs_to_the_service(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        absent("root")
    daemon = DaemonProcess(tmp_path)
    daemon.write_config()
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 12345, 12346)
    config = daemon.config_dir / "prefixd.yaml"
    config.write_text(config.read_text().replace(f"{tmp_path}/prefixd.db", f"{folder}/prefixd.db"))
    words = ["adduser", "ops", "-c", "conf", "--password-stdin"]
    made = subprocess.run(
        [sys.executable, "-m", "prefixd", *words], input="a long password\n", cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()}
    assert owners == {(12345, 12346)}


def test_a_log_for_machines_is_json_from_the_first_line_to_the_last(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, main={"observability": {"log_format": "json"}}) as daemon:
        assert daemon.event().status == 202
        daemon.stop()
    phrases = [json.loads(line)["message"] for line in daemon.log_text.splitlines()]
    assert {"ready", "mitigation created", "shutting down"} <= {*phrases}
