"""The daemon under a service manager, with a test in the manager's place: sockets handed over,
readiness, reload, watchdog and stop told, secrets in files of their own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.kit.daemon_process import ROOT, DaemonProcess, free_port
from tests.kit.require import absent

LIMIT_S = 20.0
MARKER = b"\xff" * 16
OPEN = 1

# What a manager does between fork and exec: descriptors from 3 on, and our own process id.
HAND_OVER = """
import fcntl, os, sys
descriptors = [int(word) for word in sys.argv[1].split(",") if word]
spare = [fcntl.fcntl(each, fcntl.F_DUPFD, 20) for each in descriptors]
for place, each in enumerate(spare):
    os.dup2(each, 3 + place, inheritable=True)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


INTERPRETED = (sys.executable, "-m", "prefixd")
BINARY = ROOT / "dist" / "prefixd"


@pytest.fixture(params=["interpreted", "one file"])
def program(request: pytest.FixtureRequest) -> Sequence[str | Path]:
    """The one file runs the daemon as its grandchild, which must make no difference."""
    if request.param == "interpreted":
        return INTERPRETED
    if not BINARY.exists():
        absent("dist/prefixd (make binary)")
    return (BINARY,)


@dataclass
class Manager:
    """Listens for what the service says of itself."""

    directory: Path
    program: Sequence[str | Path] = INTERPRETED
    channel: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.channel.settimeout(LIMIT_S)
        self.channel.bind(str(self.directory / "notify"))

    def hear(self, first: str) -> dict[str, str]:
        """The next message that begins with this assignment."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            text = self.channel.recv(4096).decode()
            if text.startswith(first):
                return dict(line.split("=", 1) for line in text.splitlines())
        raise AssertionError(f"never heard {first}")

    @contextlib.contextmanager
    def service(
        self, config: Path, sockets: dict[str, socket.socket], **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        descriptors = [each.fileno() for each in sockets.values()]
        with (self.directory / "daemon.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", HAND_OVER, ",".join(map(str, descriptors)),
                 *self.program, "run", "-c", str(config)],
                cwd=self.directory, stdout=log, stderr=log, pass_fds=descriptors,
                start_new_session=True,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "NOTIFY_SOCKET": str(self.directory / "notify"),
                    "LISTEN_FDS": str(len(descriptors)),
                    "LISTEN_FDNAMES": ":".join(sockets),
                    **environment,
                },
            )  # fmt: skip
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            self.channel.close()


def test_ready_reloading_watchdog_and_stopping_are_told(
    tmp_path: Path, program: Sequence[str | Path]
) -> None:
    daemon = DaemonProcess(tmp_path)
    daemon.write_config()
    manager = Manager(tmp_path, program)
    with manager.service(daemon.config_dir, {}, WATCHDOG_USEC="1000000") as process:
        ready = manager.hear("READY=1")
        assert f"127.0.0.1:{daemon.port}" in ready["STATUS"]
        assert daemon.get("/v1/health").status == 200  # ready means that it answers
        manager.hear("WATCHDOG=1")
        manager.hear("WATCHDOG=1")
        main = int(ready["MAINPID"])
        os.kill(main, signal.SIGHUP)
        assert int(manager.hear("RELOADING=1")["MONOTONIC_USEC"]) > 0
        manager.hear("READY=1")
        os.kill(main, signal.SIGTERM)
        manager.hear("STOPPING=1")
        assert process.wait(LIMIT_S) == 0


def test_a_broken_reload_still_ends_in_ready(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    daemon.write_config()
    manager = Manager(tmp_path)
    with manager.service(daemon.config_dir, {}) as process:
        manager.hear("READY=1")
        (daemon.config_dir / "playbooks.yaml").write_text("playbooks: [{name: broken}]\n")
        process.send_signal(signal.SIGHUP)
        manager.hear("RELOADING=1")
        manager.hear("READY=1")
        assert daemon.get("/v1/health/ready").status == 200
    assert "playbooks.yaml:1" in daemon.log_text


def test_callers_queue_at_inherited_sockets_until_the_daemon_serves_them(
    tmp_path: Path, program: Sequence[str | Path]
) -> None:
    port = free_port()
    neighbor = {
        "name": "edge1",
        "address": "127.0.0.1",
        "peer_asn": 64500,
        "direction": "passive",
        "export": {},
    }
    bgp = {"mode": "speaker", "listen": ["127.0.0.1:1"], "neighbors": [neighbor]}
    daemon = DaemonProcess(tmp_path, main={"bgp": bgp}, port=port)
    daemon.write_config()
    manager = Manager(tmp_path, program)
    with (
        socket.create_server(("127.0.0.1", 0)) as for_bgp,
        socket.create_server(("127.0.0.1", 0)) as for_api,
        socket.create_connection(for_bgp.getsockname(), LIMIT_S) as router,
        socket.create_connection(for_api.getsockname(), LIMIT_S) as detector,
    ):
        detector.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with manager.service(daemon.config_dir, {"bgp": for_bgp, "api": for_api}):
            manager.hear("READY=1")
            assert detector.recv(100).startswith(b"HTTP/1.1 200")
            heard = router.recv(19, socket.MSG_WAITALL)
            assert heard[:16] == MARKER
            assert heard[18] == OPEN
            # Nobody bound what the configuration names: the manager's sockets are used instead.
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_secret_comes_from_the_credentials_directory(tmp_path: Path) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "edge1").write_text("a key of edge1\n")
    (given / "edge1").chmod(0o400)
    neighbor = {
        "name": "edge1",
        "address": "192.0.2.7",
        "peer_asn": 64500,
        "password_file": "${CREDENTIALS_DIRECTORY}/edge1",
        "export": {},
    }
    daemon = DaemonProcess(tmp_path, main={"bgp": {"mode": "speaker", "neighbors": [neighbor]}})
    daemon.write_config()
    written = yaml.safe_load((daemon.config_dir / "prefixd.yaml").read_text())
    assert written["bgp"]["neighbors"] == [neighbor]
    good = check(daemon.config_dir, CREDENTIALS_DIRECTORY=str(given))
    assert good.returncode == 0, good.stdout
    assert "a key of edge1" not in good.stdout + good.stderr
    without = check(daemon.config_dir)
    assert without.returncode == 1
    assert "environment variable CREDENTIALS_DIRECTORY is not set" in without.stdout
    (given / "edge1").unlink()
    missing = check(daemon.config_dir, CREDENTIALS_DIRECTORY=str(given))
    assert missing.returncode == 1
    assert "cannot be read: no such file" in missing.stdout


def check(config: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefixd", "check", "-c", str(config)],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
