"""`prefixd install-service` and its undo, for machines where no package does it.

Writes the same files the Debian package installs, with the path of the program that is running, and
makes the user and the directories. It starts nothing: the configuration comes first. The undo takes
away what was written, and leaves the configuration, the database and the user, which are yours.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from prefixd.errors import StartupError

MARK = "# Written by `prefixd install-service`; `prefixd uninstall-service` takes it away."
UNIT = "prefixd.service"
PLACES = {
    UNIT: Path("etc/systemd/system/prefixd.service"),
    "prefixd.socket": Path("etc/systemd/system/prefixd.socket"),
    "prefixd-api.socket": Path("etc/systemd/system/prefixd-api.socket"),
    "sysusers.conf": Path("etc/sysusers.d/prefixd.conf"),
    "tmpfiles.conf": Path("etc/tmpfiles.d/prefixd.conf"),
    "logrotate.conf": Path("etc/logrotate.d/prefixd"),
}
DIRECT = "NotifyAccess=main\n"
# The one file unpacks itself and runs the daemon as its grandchild, which notifies systemd and
# names itself the main process. systemd waits for no process that is not its child: without
# ExecStop it would kill the daemon right after the stop signal.
AS_GRANDCHILD = (
    "NotifyAccess=all\n"
    "ExecStop=-/bin/sh -c"
    " 'kill -TERM $MAINPID && while kill -0 $MAINPID 2>/dev/null; do sleep 0.1; done'\n"
)
HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")  # noqa: S108  the unit hides these
Runner = Callable[[Sequence[str]], None]


def service_file(name: str) -> str:
    return files("prefixd.daemon").joinpath("service_files", name).read_text(encoding="utf-8")


def running_program(argv0: str) -> Path:
    """The path of the program that was called, links kept: an upgrade may move their targets."""
    found = shutil.which(argv0)
    if found is None:
        raise StartupError(f"{argv0} is not a program: call prefixd by the path it is installed at")
    return Path(found).absolute()


def is_one_file() -> bool:
    return hasattr(sys, "frozen") and "STATICX_PROG_PATH" in os.environ


def install_service(
    program: Path,
    config: Path,
    *,
    root: Path = Path("/"),
    run: Runner | None = None,
    one_file: bool = False,
) -> list[str]:
    """The lines to show. Raises StartupError, having written nothing, when it must not be done."""
    if any(str(program).startswith(hidden) for hidden in HIDDEN):
        raise StartupError(
            f"{program} is invisible to a sandboxed service: install prefixd elsewhere first,"
            " for instance below /opt or as /usr/local/bin/prefixd"
        )
    _refuse_without_systemd(root)
    _refuse_foreign(root)
    act = run or _run
    try:
        said = [
            _write(root / place, _text(name, program, config, one_file=one_file))
            for name, place in PLACES.items()
        ]
    except OSError as error:
        raise _unwritable(error) from error
    at = [] if root == Path("/") else [f"--root={root}"]
    act(["systemd-sysusers", *at, str(root / PLACES["sysusers.conf"])])
    act(["systemd-tmpfiles", *at, "--create", str(root / PLACES["tmpfiles.conf"])])
    if not at:
        act(["systemctl", "daemon-reload"])
    return [
        *said,
        f"next: {program} init {config}   (unless it is there already)",
        f"      {program} check -c {config}",
        "      systemctl enable --now prefixd",
    ]


def uninstall_service(*, root: Path = Path("/"), run: Runner | None = None) -> list[str]:
    _refuse_without_systemd(root)
    _refuse_foreign(root)
    act = run or _run
    ours = [root / place for place in PLACES.values() if (root / place).exists()]
    if not ours:
        return ["nothing to take away: install-service was not used here"]
    if root == Path("/"):
        units = [name for name in PLACES if name.endswith((".service", ".socket"))]
        act(["systemctl", "disable", "--now", *units])
    try:
        for path in ours:
            path.unlink()
    except OSError as error:
        raise _unwritable(error) from error
    if root == Path("/"):
        act(["systemctl", "daemon-reload"])
    return [
        *(f"took away {path}" for path in ours),
        "left: /etc/prefixd, /var/lib/prefixd, /var/log/prefixd and the user prefixd",
    ]


def _refuse_without_systemd(root: Path) -> None:
    if root == Path("/") and not Path("/run/systemd/system").is_dir():
        raise StartupError("this machine was not booted with systemd: nothing was changed")


def _refuse_foreign(root: Path) -> None:
    """A file we did not write belongs to a package or a person."""
    for place in PLACES.values():
        path = root / place
        if path.exists() and not path.read_text(encoding="utf-8").startswith(MARK):
            raise StartupError(f"{path} was not written by install-service: nothing was changed")


def _text(name: str, program: Path, config: Path, *, one_file: bool) -> str:
    text = service_file(name)
    if name == UNIT:
        text = text.replace("/usr/bin/prefixd ", f"{program} ")
        text = text.replace("--config /etc/prefixd", f"--config {config}")
        text = text.replace(DIRECT, AS_GRANDCHILD) if one_file else text
    return f"{MARK}\n{text}"


def _write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return f"wrote {path}"


def _unwritable(error: OSError) -> StartupError:
    reason = (error.strerror or str(error)).lower()
    hint = "" if os.geteuid() == 0 else " (this needs root)"
    return StartupError(f"{error.filename}: {reason}{hint}")


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own words
    except FileNotFoundError:
        raise StartupError(f"{command[0]} is absent: this machine does not run systemd") from None
    if done.returncode != 0:
        raise StartupError(f"{' '.join(command)}: {done.stderr.strip()}")
