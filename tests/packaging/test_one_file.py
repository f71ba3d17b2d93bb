"""The one-file executable in a root directory with nothing else in it: no Python, no C library."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.daemon_process import READY, ROOT
from tests.kit.require import absent, binary, network_namespaces

EXECUTABLE = ROOT / "dist" / "prefixd"
START = """
set -e
mount -t proc proc "$1/proc"
ip link set lo up
chroot "$1" /prefixd init /conf
exec chroot "$1" /prefixd run -c /conf
"""


@dataclass
class Emptiness:
    """An otherwise empty root directory in which the daemon runs."""

    root: Path
    pid: int
    """Of the daemon's outermost process."""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [binary("nsenter"), "--target", str(self.pid), "--all", "--root", *words],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def emptiness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emptiness]:
    network_namespaces()
    if not EXECUTABLE.exists():
        absent("dist/prefixd (make binary)")
    root = tmp_path_factory.mktemp("empty")
    for folder in ("proc", "tmp"):
        (root / folder).mkdir()
    (root / "prefixd").write_bytes(EXECUTABLE.read_bytes())
    (root / "prefixd").chmod(0o755)
    (root / "prefixdctl").symlink_to("prefixd")
    said = tmp_path_factory.mktemp("said") / "daemon.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [
                binary("setpriv"), "--pdeathsig", "KILL", binary("unshare"), "--mount", "--pid",
                "--fork", "--kill-child", "--net", "sh", "-c", START, "start", str(root),
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not READY.search(text := said.read_text()):
            assert process.poll() is None, text
            assert time.monotonic() < end, text
            time.sleep(0.1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        yield Emptiness(root, int(children.split()[0]))
    finally:
        process.kill()
        process.wait()


def test_it_answers_health_where_nothing_else_is(emptiness: Emptiness) -> None:
    assert not any((emptiness.root / each).exists() for each in ("bin", "lib", "lib64", "usr"))
    health = emptiness.run("/prefixdctl", "request", "GET", "/v1/health/ready")
    assert health.returncode == 0, health.stderr
    assert '"status": "ready"' in health.stdout


def test_an_event_becomes_a_rule_there(emptiness: Emptiness) -> None:
    words = ("events", "send", "198.51.100.20", "udp_flood", "--confidence", "0.9")
    sent = emptiness.run("/prefixdctl", *words)
    assert sent.stdout.startswith("mitigated, "), sent.stdout + sent.stderr
    assert "dst 198.51.100.20/32 proto udp" in emptiness.run("/prefixdctl", "rib").stdout


def test_the_demo_runs_from_it(tmp_path: Path) -> None:
    """It is its own interpreter: the demo starts it again, twice."""
    if not EXECUTABLE.exists():
        absent("dist/prefixd (make binary)")
    done = subprocess.run(
        [EXECUTABLE, "demo"], capture_output=True, text=True, timeout=120, check=False,
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Done. Every rule ends; nothing was left behind.\n")


def test_it_leaves_nothing_in_tmp(emptiness: Emptiness) -> None:
    """Stands last: it stops the daemon."""
    (newest,) = (
        each for each in Path("/proc").glob("[0-9]*") if _is_daemon_of(each, emptiness.root)
    )
    os.kill(int(newest.name), signal.SIGTERM)
    end = time.monotonic() + 20
    while any((emptiness.root / "tmp").iterdir()):
        assert time.monotonic() < end, list((emptiness.root / "tmp").iterdir())
        time.sleep(0.1)


def _is_daemon_of(process: Path, root: Path) -> bool:
    """The innermost of its processes: it has no children."""
    try:
        inside = (process / "root").readlink() == root
        words = (process / "cmdline").read_bytes().split(b"\0")
        children = (process / "task" / process.name / "children").read_text()
    except OSError:
        return False
    return inside and b"run" in words and not children.strip()
