"""Where the self-contained executable begins: the daemon, or the client when called prefixdctl.

The one file unpacks itself and starts a second and a third process, of which this is the last. What
the first was given is therefore not given to us: the name it was called by, and the process number
that a service manager uses for its sockets and its watchdog. Both are looked up here.
"""

import os
import sys
from pathlib import Path

ADDRESSED = ("LISTEN_PID", "WATCHDOG_PID")


def launchers() -> list[int]:
    """The processes of this same program above us, nearest first."""
    ours = {os.environ.get("STATICX_PROG_PATH"), os.environ.get("_PYI_ARCHIVE_FILE")} - {None}
    found: list[int] = []
    parent = os.getppid()
    while parent > 1 and (program := _program_of(parent)) is not None and program in ours:
        found.append(parent)
        parent = _parent_of(parent)
    return found


def _program_of(process: int) -> str | None:
    try:
        return os.readlink(f"/proc/{process}/exe")
    except OSError:
        return None


def _parent_of(process: int) -> int:
    # The name in parentheses may contain anything; the numbers begin behind the last one.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


def called_as(above: list[int]) -> str:
    if above:
        words = Path(f"/proc/{above[-1]}/cmdline").read_bytes().split(b"\0")
        return os.fsdecode(words[0])
    return sys.argv[0]


def main() -> int:
    above = launchers()
    for name in ADDRESSED:
        if os.environ.get(name) in map(str, above):
            os.environ[name] = str(os.getpid())
    sys.argv[0] = called_as(above)
    # because: each loads only its own half; the client would wait a second for the daemon's
    if Path(sys.argv[0]).name == "prefixdctl":
        from prefixd.cli.main import main as client

        return client()
    from prefixd.__main__ import main as daemon

    return daemon()


if __name__ == "__main__":
    sys.exit(main())
