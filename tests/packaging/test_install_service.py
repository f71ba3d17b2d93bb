from collections.abc import Sequence
from pathlib import Path

import pytest

from prefixd.daemon.install_service import (
    PLACES,
    UNIT,
    install_service,
    running_program,
    uninstall_service,
)
from prefixd.errors import StartupError

PROGRAM, CONFIG = Path("/opt/prefixd/bin/prefixd"), Path("/etc/prefixd")


class Commands:
    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> None:
        self.seen.append(list(command))


def test_what_was_installed_is_taken_away_again(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    run = Commands()
    said = install_service(PROGRAM, Path("/srv/conf"), root=tmp_path, run=run)
    unit = (tmp_path / PLACES[UNIT]).read_text()
    assert "ExecStart=/opt/prefixd/bin/prefixd run --config /srv/conf\n" in unit
    assert "ExecStartPre=/opt/prefixd/bin/prefixd check --config /srv/conf\n" in unit
    assert "/usr/bin/prefixd" not in unit
    assert [command[0] for command in run.seen] == ["systemd-sysusers", "systemd-tmpfiles"]
    assert "systemctl enable --now prefixd" in said[-1]
    uninstall_service(root=tmp_path, run=run)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert "nothing to take away" in uninstall_service(root=tmp_path, run=run)[0]


def test_the_one_file_is_stopped_by_name_because_systemd_is_not_its_parent(tmp_path: Path) -> None:
    install_service(PROGRAM, CONFIG, root=tmp_path, run=Commands())
    plain = (tmp_path / PLACES[UNIT]).read_text().splitlines()
    install_service(PROGRAM, CONFIG, root=tmp_path, run=Commands(), one_file=True)
    special = (tmp_path / PLACES[UNIT]).read_text().splitlines()
    assert [line for line in plain if line not in special] == ["NotifyAccess=main"]
    added = [line for line in special if line not in plain]
    assert added[0] == "NotifyAccess=all"
    assert added[1].startswith("ExecStop=-/bin/sh -c 'kill -TERM $MAINPID && ")


def test_twice_is_as_good_as_once(tmp_path: Path) -> None:
    install_service(PROGRAM, CONFIG, root=tmp_path, run=Commands())
    install_service(Path("/usr/local/bin/prefixd"), CONFIG, root=tmp_path, run=Commands())
    assert "/usr/local/bin/prefixd run" in (tmp_path / PLACES[UNIT]).read_text()


def test_a_unit_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / PLACES["prefixd-api.socket"]
    path.parent.mkdir(parents=True)
    path.write_text("[Socket]\n")
    run = Commands()
    for act in (
        lambda: install_service(PROGRAM, CONFIG, root=tmp_path, run=run),
        lambda: uninstall_service(root=tmp_path, run=run),
    ):
        with pytest.raises(StartupError, match="nothing was changed"):
            act()
    assert run.seen == []
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


@pytest.mark.parametrize(
    "program", ["/root/.venv/bin/prefixd", "/home/eve/prefixd", "/tmp/prefixd"]
)
def test_a_program_the_sandbox_hides_is_refused(tmp_path: Path, program: str) -> None:
    with pytest.raises(StartupError, match="invisible to a sandboxed service"):
        install_service(Path(program), CONFIG, root=tmp_path, run=Commands())
    assert list(tmp_path.rglob("*")) == []


def test_the_running_program_is_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "prefixd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert running_program("prefixd") == program
    with pytest.raises(StartupError, match="is not a program"):
        running_program("elsewhere")


def test_a_machine_without_systemd_is_left_as_it_is() -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("this machine runs systemd")
    run = Commands()
    for act in (
        lambda: install_service(PROGRAM, CONFIG, run=run),
        lambda: uninstall_service(run=run),
    ):
        with pytest.raises(StartupError, match="not booted with systemd"):
            act()
    assert run.seen == []
