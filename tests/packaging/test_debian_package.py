"""The Debian package, built and installed into a root directory of its own."""

import gzip
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.kit.daemon_process import ROOT
from tests.kit.require import absent, binary

PROGRAM = ROOT / "build" / "binary" / "folder"


def build_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("deb", ROOT / "packaging/debian/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **more},
    )  # fmt: skip


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binary("dpkg-deb")
    if not PROGRAM.exists():
        absent("build/binary/folder (make binary)")
    directory = tmp_path_factory.mktemp("deb")
    built: Path = build_script().build(PROGRAM, directory, directory / "stage", packing=("-Znone",))
    return built


@pytest.fixture(scope="module")
def machine(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root directory with the package installed, as dpkg does it without a chroot."""
    if os.geteuid() != 0:
        absent("root")
    root = tmp_path_factory.mktemp("machine")
    for folder in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "etc"):
        (root / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    done = run(
        binary("dpkg"), f"--root={root}", "--force-script-chrootless", "--force-depends",
        "--install", package,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_the_user_owns_what_it_must_and_no_more(machine: Path) -> None:
    passwd = dict(line.split(":", 1) for line in (machine / "etc/passwd").read_text().splitlines())
    user, group = (int(word) for word in passwd["prefixd"].split(":")[1:3])
    found = {}
    for name in ("etc/prefixd", "etc/prefixd/prefixd.yaml", "var/lib/prefixd", "usr/bin/prefixd"):
        facts = (machine / name).stat()
        found[name] = (facts.st_uid, facts.st_gid, oct(facts.st_mode & 0o777))
    assert found == {
        "etc/prefixd": (0, group, "0o770"),
        "etc/prefixd/prefixd.yaml": (0, group, "0o640"),
        "var/lib/prefixd": (user, group, "0o750"),
        "usr/bin/prefixd": (0, 0, "0o755"),
    }


def test_the_unit_verifies_where_it_was_installed(machine: Path) -> None:
    for unit in Path("/lib/systemd/system").iterdir():
        target = machine / "lib/systemd/system" / unit.name
        if unit.suffix in {".target", ".slice", ".mount"} and not target.exists():
            shutil.copy(unit, target)
    (machine / "bin").mkdir(exist_ok=True)
    shutil.copy("/bin/kill", machine / "bin/kill")
    done = run(
        binary("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no",
        f"--root={machine}", "prefixd.service",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_installed_program_accepts_the_installed_configuration(machine: Path) -> None:
    checked = run(machine / "usr/bin/prefixd", "check", "-c", machine / "etc/prefixd")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "/var/lib/prefixd/prefixd.db" in (machine / "etc/prefixd/prefixd.yaml").read_text()
    client = run(machine / "usr/bin/prefixdctl", "--version")
    assert client.stdout.startswith("prefixdctl "), client.stdout + client.stderr


def test_the_manual_pages_say_what_the_programs_say(machine: Path) -> None:
    for name, words in (
        ("prefixd.8", ["install-service", "--config DIR", "SIGHUP"]),
        ("prefixdctl.1", ["mitigations withdraw", "--format FORMAT"]),
        ("prefixd.yaml.5", ["restart_time_seconds", "max_active_per_customer"]),
    ):
        packed = machine / f"usr/share/man/man{name[-1]}/{name}.gz"
        done = subprocess.run(
            [binary("man"), "--warnings", "--local-file", "-"],
            input=gzip.decompress(packed.read_bytes()).decode(), capture_output=True, text=True,
            timeout=60, check=False, env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), name
        assert [word for word in words if word not in done.stdout] == [], name


def test_completion_is_installed_where_each_shell_looks(machine: Path) -> None:
    for place in (
        "usr/share/bash-completion/completions/prefixdctl",
        "usr/share/zsh/vendor-completions/_prefixdctl",
        "usr/share/fish/vendor_completions.d/prefixdctl.fish",
    ):
        assert "_ARGCOMPLETE" in (machine / place).read_text()


def test_an_upgrade_keeps_the_operators_files_and_a_purge_keeps_the_database(
    machine: Path, package: Path
) -> None:
    edited = machine / "etc/prefixd/playbooks.yaml"
    edited.write_text(f"{edited.read_text()}\n# ours\n")
    (machine / "var/lib/prefixd/prefixd.db").write_text("rows")
    dpkg = [binary("dpkg"), f"--root={machine}", "--force-script-chrootless", "--force-depends"]
    again = run(*dpkg, "--force-confold", "--install", package)
    assert again.returncode == 0, again.stderr
    assert edited.read_text().endswith("# ours\n")
    gone = run(*dpkg, "--purge", "prefixd")
    assert gone.returncode == 0, gone.stderr
    assert not (machine / "usr/bin/prefixd").exists()
    assert not edited.exists()
    assert (machine / "var/lib/prefixd/prefixd.db").read_text() == "rows"


def test_the_same_tree_makes_the_same_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary("dpkg-deb")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    script = build_script()
    monkeypatch.setattr(script, "TREES", {})  # pages may change under our feet; the way does not
    program = tmp_path / "program"
    program.mkdir()
    executable = program / "prefixd"
    executable.write_text("#!/bin/sh\n")
    first, second = (
        script.build(program, tmp_path / name, tmp_path / "stages" / name) for name in "ab"
    )
    assert first.read_bytes() == second.read_bytes()
