"""The files for the service manager are judged by the service manager's own tools."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit.daemon_process import ROOT
from tests.kit.require import binary

UNITS = ROOT / "prefixd" / "daemon" / "service_files"
INSTALLED = Path("/lib/systemd/system")


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root directory with our units, the programs they name, and the distribution's targets."""
    ours = tmp_path / "etc/systemd/system"
    ours.mkdir(parents=True)
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.socket")]:
        shutil.copy(unit, ours)
    if not INSTALLED.exists():
        pytest.skip("systemd's own units are absent")
    shutil.copytree(INSTALLED, tmp_path / "lib/systemd/system", symlinks=True)
    for program in ("usr/bin/prefixd", "bin/kill"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def test_units_verify(machine: Path) -> None:
    names = sorted(path.name for path in (machine / "etc/systemd/system").iterdir())
    assert names == ["prefixd-api.socket", "prefixd.service", "prefixd.socket"]
    for name in names:
        done = run(
            binary("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no",
            f"--root={machine}", name,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_in_the_unit_would_be_noticed(machine: Path) -> None:
    unit = machine / "etc/systemd/system/prefixd.service"
    unit.write_text(unit.read_text().replace("ExecStart=/usr", "ExecStart=usr"))
    done = run(
        binary("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no",
        f"--root={machine}", "prefixd.service",
    )  # fmt: skip
    assert done.returncode != 0 or done.stderr


def test_the_sandbox_is_as_tight_as_the_deployment_page_says() -> None:
    done = run(
        binary("systemd-analyze"), "security", "--offline=yes", "--no-pager",
        UNITS / "prefixd.service",
    )  # fmt: skip
    found = re.search(r"exposure level for prefixd.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    page = (ROOT / "docs" / "deployment.md").read_text()
    assert f"exposure level {found[1]}" in page


def test_the_user_and_the_directories_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr/lib/sysusers.d").mkdir(parents=True)
    shutil.copy(UNITS / "sysusers.conf", tmp_path / "usr/lib/sysusers.d/prefixd.conf")
    done = run(binary("systemd-sysusers"), f"--root={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "prefixd:" in (tmp_path / "etc/passwd").read_text()
    assert "/var/lib/prefixd" in (tmp_path / "etc/passwd").read_text()
    (tmp_path / "usr/lib/tmpfiles.d").mkdir()
    shutil.copy(UNITS / "tmpfiles.conf", tmp_path / "usr/lib/tmpfiles.d/prefixd.conf")
    done = run(
        binary("systemd-tmpfiles"), f"--root={tmp_path}", "--create", "--prefix=/etc/prefixd",
        "--prefix=/var/lib/prefixd", "--prefix=/var/log/prefixd",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    modes = {
        name: (tmp_path / name).stat().st_mode & 0o777
        for name in ("etc/prefixd", "etc/prefixd/credentials", "var/lib/prefixd", "var/log/prefixd")
    }
    assert modes == {
        "etc/prefixd": 0o770,
        "etc/prefixd/credentials": 0o700,
        "var/lib/prefixd": 0o750,
        "var/log/prefixd": 0o750,
    }


def test_logrotate_understands_its_file() -> None:
    done = run(binary("logrotate"), "--debug", UNITS / "logrotate.conf")
    assert done.returncode == 0
    assert "error" not in done.stderr.lower()
