"""The Debian package on a machine that systemd booted: installed, started, reloaded, hung, killed,
given secrets and sockets. Process 1 is real; so are the sandbox and the watchdog."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests.kit.booted import Machine, booted
from tests.kit.daemon_process import ROOT
from tests.kit.require import absent

CONFIG = "/etc/prefixd/prefixd.yaml"
EXECUTABLE = ROOT / "dist" / "prefixd"
DROP_IN = "/etc/systemd/system/prefixd.service.d/test.conf"
BIND_ONLY = 1 << 10  # CAP_NET_BIND_SERVICE
ROUTER = {
    "name": "router", "address": "127.0.0.1", "port": 1791, "peer_asn": 64500,
    "afi_safi": ["ipv4-flowspec"], "export": {},
}  # fmt: skip
PASSIVE = {
    "name": "edge",
    "address": "127.0.0.1",
    "peer_asn": 64500,
    "direction": "passive",
    "export": {},
}
FIRST_OCTETS = """
import socket
with socket.create_connection(("127.0.0.1", 179), 20) as router:
    print(router.recv(19, socket.MSG_WAITALL).hex())
"""

POST = """
import sys, urllib.error, urllib.request
path, body = sys.argv[1:]
request = urllib.request.Request(
    "http://127.0.0.1:8080" + path, body.encode(), {"Content-Type": "application/json"}
)
try:
    print(urllib.request.urlopen(request, timeout=20).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    packages = sorted((ROOT / "dist").glob("prefixd_*.deb"))
    if not packages:
        absent("dist/prefixd_*.deb (make deb)")
    with booted(tmp_path_factory.mktemp("machine") / "fs") as machine:
        machine.path("/root/prefixd.deb").write_bytes(packages[-1].read_bytes())
        said = machine.run("dpkg", "--install", "/root/prefixd.deb")
        assert "systemctl enable --now prefixd" in said
        assert machine.unit("prefixd", "ActiveState") == "inactive"  # that moment is the operator's
        # By root, before there is a database: the daemon must be able to open what this makes.
        adduser = "echo 'a long password' | prefixd adduser ops --password-stdin"
        assert "made operator ops (admin)" in machine.run("sh", "-c", adduser)
        yield machine


@pytest.fixture
def service(box: Machine) -> Iterator["Service"]:
    service = Service(box)
    yield service
    for unit in ("prefixd.socket", "prefixd-api.socket", "prefixd.service", "router.service"):
        box.run("systemctl", "stop", unit, check=False)  # not all of them exist in each test
    box.path(DROP_IN).unlink(missing_ok=True)


class Service:
    """What an operator does with it."""

    def __init__(self, box: Machine) -> None:
        self.box = box

    def configure(self, unit: str = "", **bgp: object) -> None:
        tree = yaml.safe_load(self.box.path(CONFIG).read_text())
        tree["bgp"] |= {"mode": "mock", "listen": [], "neighbors": []} | bgp
        self.box.path(CONFIG).write_text(yaml.safe_dump(tree))
        drop_in = self.box.path(DROP_IN)
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(f"[Service]\n{unit}\n")
        self.box.run("systemctl", "daemon-reload")
        self.box.run("systemctl", "reset-failed")

    def start(self, unit: str = "", **bgp: object) -> None:
        self.configure(unit, **bgp)
        self.box.run("systemctl", "restart", "prefixd", check=False)
        assert self.box.unit("prefixd", "ActiveState") == "active", self.journal()[-2000:]

    def start_router(self) -> None:
        words = ("prefixd", "listen", "--port", "1791")
        self.box.run("systemd-run", "--unit=router", "--collect", *words)

    @property
    def pid(self) -> int:
        return int(self.box.unit("prefixd", "MainPID"))

    def ask(self, path: str, body: object = None) -> Any:
        words = ["GET", path] if body is None else ["POST", path, "--data", json.dumps(body)]
        return json.loads(self.box.run("prefixdctl", "request", *words))

    def journal(self, unit: str = "prefixd") -> str:
        return self.box.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def await_line(self, unit: str, pattern: str, times: int = 1) -> None:
        end = time.monotonic() + 20
        while len(re.findall(pattern, text := self.journal(unit))) < times:
            assert time.monotonic() < end, f"{pattern} is missing:\n{text}"
            time.sleep(0.1)


def test_start_waits_until_it_answers_and_the_daemon_is_the_main_process(service: Service) -> None:
    service.start()
    assert service.ask("/v1/health/ready")["status"] == "ready"
    status = dict(
        line.split(":\t", 1)
        for line in service.box.run("cat", f"/proc/{service.pid}/status").splitlines()
    )
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == BIND_ONLY
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Uid"].split()[0] != "0"
    assert "listens on http://127.0.0.1:8080" in service.box.unit("prefixd", "StatusText")


def test_the_sandbox_shows_it_nothing_it_could_break(service: Service) -> None:
    service.start()
    inside = ("nsenter", "--target", str(service.pid), "--mount", "--setuid=0", "--")
    for path in ("/usr/bin/x", "/etc/x", "/root/x", "/var/x"):
        said = service.box.run(*inside, "touch", path, check=False)
        assert "Read-only file system" in said, said
    service.box.run(*inside, "touch", "/var/lib/prefixd/x", "/etc/prefixd/x", "/run/prefixd/x")
    assert service.box.run(*inside, "ls", "/home", "/root").split() == ["/home:", "/root:"]
    judged = service.box.run("systemd-analyze", "security", "--no-pager", "prefixd.service")
    exposure = re.search(r"exposure level for prefixd.service: ([\d.]+)", judged)
    assert exposure is not None
    assert f"exposure level {exposure[1]}" in (ROOT / "docs" / "deployment.md").read_text()


def test_a_reload_takes_over_what_is_good_and_refuses_what_is_not(service: Service) -> None:
    service.start()
    before = service.pid
    playbooks = service.box.path("/etc/prefixd/playbooks.yaml")
    good = playbooks.read_text()
    playbooks.write_text(good.replace("ttl_seconds: 120", "ttl_seconds: 180"))
    service.box.run("systemctl", "reload", "prefixd")
    service.await_line("prefixd", "configuration applied")
    playbooks.write_text("playbooks: [{name: broken}]\n")
    service.box.run("systemctl", "reload", "prefixd")
    service.await_line("prefixd", r"playbooks\.yaml:1")
    playbooks.write_text(good)
    assert (service.pid, service.box.unit("prefixd", "ActiveState")) == (before, "active")


def test_a_hung_daemon_is_killed_by_the_watchdog_and_started_again(service: Service) -> None:
    service.start("WatchdogSec=2\nRestartSec=100ms")
    service.box.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "prefixd")
    service.box.wait_for("prefixd", "NRestarts", "1")
    service.box.wait_for("prefixd", "ActiveState", "active")
    assert "watchdog" in service.box.run("journalctl", "--no-pager", "--unit=prefixd").lower()
    assert service.ask("/v1/health/ready")["status"] == "ready"


def test_rules_survive_a_crash_and_a_restart(service: Service) -> None:
    service.start_router()
    service.start(mode="speaker", neighbors=[ROUTER])
    service.await_line("router", "established")
    rule = {"victim_ip": "198.51.100.20", "protocol": "udp", "action": "discard",
            "ttl_seconds": 600, "reason": "test"}  # fmt: skip
    service.ask("/v1/mitigations", rule)
    service.await_line("router", r"\+ dst 198\.51\.100\.20/32 proto udp +discard")
    service.box.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "prefixd")
    service.await_line("router", "established", times=2)
    assert service.box.unit("prefixd", "NRestarts") == "1"
    service.box.run("systemctl", "restart", "prefixd")
    service.await_line("router", "established", times=3)
    assert [row["status"] for row in service.ask("/v1/mitigations")["mitigations"]] == ["active"]
    assert "- dst" not in service.journal("router")  # it was never taken back


def test_a_broken_configuration_is_no_start_and_says_why(service: Service) -> None:
    service.configure(mode="speaker", neighbors=[{**ROUTER, "adress": "192.0.2.1"}])
    said = service.box.run("systemctl", "restart", "prefixd", check=False)
    assert "failed" in said
    assert "adress" in service.journal()


def test_systemd_holds_the_sockets_while_prefixd_is_away(service: Service) -> None:
    service.configure(mode="speaker", neighbors=[PASSIVE])
    service.box.run("systemctl", "start", "prefixd.socket", "prefixd-api.socket")
    assert service.box.unit("prefixd", "ActiveState") == "inactive"
    heard = bytes.fromhex(service.box.run("python3", "-c", FIRST_OCTETS).strip())
    assert (heard[:16], heard[18]) == (b"\xff" * 16, 1)  # the router's call started it: an OPEN
    service.box.run("systemctl", "stop", "prefixd")
    assert service.ask("/v1/health")["status"] == "ok"  # and so does a detector's


def test_a_secret_is_handed_over_by_the_service_manager(service: Service) -> None:
    secret = service.box.path("/etc/prefixd/credentials/bgp_router")
    secret.write_text("a key of the router\n")
    secret.chmod(0o400)
    neighbor = {**ROUTER, "password_file": "${CREDENTIALS_DIRECTORY}/bgp_router"}
    service.start("LoadCredential=bgp_router:/etc/prefixd/credentials/bgp_router",
                  mode="speaker", neighbors=[neighbor])  # fmt: skip
    assert service.ask("/v1/health/ready")["status"] == "ready"
    service.configure(mode="speaker", neighbors=[neighbor])
    assert "failed" in service.box.run("systemctl", "restart", "prefixd", check=False)
    assert "CREDENTIALS_DIRECTORY is not set" in service.journal()
    assert "a key of the router" not in service.journal()


def test_an_upgrade_beneath_it_disturbs_nothing_until_the_restart(service: Service) -> None:
    """The program's files are gone, as far as the running one can tell."""
    hook = {"destinations": [{"type": "generic", "url": "https://alerts.example.invalid/hook"}]}
    alerting = service.box.path("/etc/prefixd/alerting.yaml")
    before = alerting.read_text()
    alerting.write_text(yaml.safe_dump(hook))
    service.start()
    service.box.run("mv", "/usr/lib/prefixd", "/usr/lib/prefixd.old")
    try:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        event = {"timestamp": now, "source": "test", "victim_ip": "198.51.100.77",
                 "vector": "udp_flood", "confidence": 0.9}  # fmt: skip
        for path, body, answer in (
            ("/v1/events", event, '"outcome":"mitigated"'),
            ("/v1/config/reload", {}, "reloaded"),
            ("/v1/config/alerting/test", {}, "name resolution failed"),
        ):
            said = service.box.run("python3", "-c", POST, path, json.dumps(body))
            assert answer in said, said
        assert "Traceback" not in service.journal()
    finally:
        service.box.run("mv", "/usr/lib/prefixd.old", "/usr/lib/prefixd")
        alerting.write_text(before)


def test_removing_the_package_stops_the_service(service: Service) -> None:
    service.start()
    service.box.run("systemctl", "enable", "prefixd")
    service.box.run("dpkg", "--remove", "prefixd")
    service.box.wait_for("prefixd", "LoadState", "not-found")
    assert "INFO    shutting down  signal=SIGTERM" in service.journal()
    assert service.box.path("/etc/prefixd/prefixd.yaml").exists()
    assert service.box.path("/var/lib/prefixd/prefixd.db").exists()


def test_the_one_file_is_as_good_a_service_as_the_package(service: Service) -> None:
    """Last: the package is gone. systemd is not the parent of this daemon, and must wait for it."""
    if not EXECUTABLE.exists():
        absent("dist/prefixd (make binary)")
    box = service.box
    program = box.path("/usr/local/bin/prefixd")
    program.write_bytes(EXECUTABLE.read_bytes())
    program.chmod(0o755)
    box.run("dpkg", "--purge", "prefixd")
    box.run("/usr/local/bin/prefixd", "install-service")
    box.run("/usr/local/bin/prefixd", "init", "/etc/prefixd")
    service.start("RestartSec=100ms")
    first = service.pid
    box.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "prefixd")
    box.wait_for("prefixd", "NRestarts", "1")
    box.wait_for("prefixd", "ActiveState", "active")
    assert service.pid != first
    box.run("systemctl", "reload", "prefixd")
    service.await_line("prefixd", "configuration applied")
    box.run("systemctl", "stop", "prefixd")
    assert box.unit("prefixd", "Result") == "success"
    assert "INFO    shutting down  signal=SIGTERM" in service.journal()
    box.run("/usr/local/bin/prefixd", "uninstall-service")
    box.wait_for("prefixd", "LoadState", "not-found")
