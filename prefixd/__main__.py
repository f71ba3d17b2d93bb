"""`prefixd`: the daemon's own command line.

    prefixd run [-c DIR] [--listen ADDR]    the daemon; the word `run` may be left out
    prefixd check [-c DIR]                  read the configuration, say what is wrong or would run
    prefixd init DIR                        write a commented sample configuration
    prefixd replay --events FILE            run recorded events through a configuration
    prefixd backup FILE                     copy the embedded database while it is in use
    prefixd adduser NAME                    create an operator when no operator can log in yet
    prefixd install-service [-c DIR]        make it a systemd service; uninstall-service undoes it
    prefixd listen                          a small router that prints the rules it receives
    prefixd dissect HEX                     explain a BGP message field by field
    prefixd demo                            the whole way in under a minute, without privileges
    prefixd version

Exit codes: 0 good, 1 the configuration has problems (check) or a replay differs, 2 it cannot start
or a usage error.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from prefixd import __version__, commands
from prefixd.dissect import command as dissect

DEFAULT_CONFIG = Path("/etc/prefixd")
COMMANDS = (
    "run",
    "check",
    "init",
    "replay",
    "backup",
    "adduser",
    "install-service",
    "uninstall-service",
    "listen",
    "dissect",
    "demo",
    "version",
)


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser().parse_args(with_default_command(words))
    act: Callable[[argparse.Namespace], int] = arguments.act
    try:
        return act(arguments)
    except KeyboardInterrupt:
        # At a prompt; the daemon itself takes the signal as a request to stop.
        sys.stderr.write("\n")
        return 130


def with_default_command(words: list[str]) -> list[str]:
    """`prefixd` and `prefixd -c DIR`, as existing unit files say it, mean `prefixd run`."""
    asks_for_help = any(word in {"-h", "--help", "-V", "--version"} for word in words)
    names_one = bool(words) and not words[0].startswith("-")  # rightly or wrongly
    if names_one or asks_for_help or any(word in COMMANDS for word in words):
        return words
    return ["run", *words]


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prefixd",
        description="DDoS-mitigation control plane: detector events in, BGP FlowSpec rules out.",
        usage="%(prog)s [-h] [-V] [COMMAND] [OPTION ...]",
        epilog="Without a command it runs the daemon: `prefixd -c DIR` is `prefixd run -c DIR`. "
        "Try `prefixd init ./conf && prefixd run -c ./conf`. The client is prefixdctl.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"prefixd {__version__}")
    verbs = parser.add_subparsers(
        dest="command", metavar="COMMAND", prog=parser.prog, required=True
    )

    run = verbs.add_parser("run", help="run the daemon")
    _config_flag(run)
    run.add_argument("--listen", metavar="HOST:PORT", help="override http.listen")
    run.set_defaults(act=commands.run)

    check = verbs.add_parser("check", help="check the configuration; exit code 1 on problems")
    _config_flag(check)
    check.set_defaults(act=commands.check)

    init = verbs.add_parser("init", help="write a commented sample configuration")
    init.add_argument("directory", type=Path, metavar="DIR", help="made if it does not exist")
    init.set_defaults(act=commands.init)

    replay = verbs.add_parser(
        "replay", help="run recorded events through a configuration; announces nothing"
    )
    _config_flag(replay)
    replay.add_argument("--events", type=Path, required=True, metavar="FILE", help="JSON lines")
    replay.add_argument(
        "--against", type=Path, metavar="DIR", help="a second configuration: print the difference"
    )
    replay.set_defaults(act=commands.replay)

    backup = verbs.add_parser("backup", help="copy the embedded database while it is in use")
    _config_flag(backup)
    backup.add_argument("file", type=Path, metavar="FILE", help="must not exist yet")
    backup.set_defaults(act=commands.backup)

    adduser = verbs.add_parser(
        "adduser", help="make an operator in the store; asks for the password without echo"
    )
    _config_flag(adduser)
    adduser.add_argument("username", metavar="NAME")
    adduser.add_argument("--role", choices=("viewer", "operator", "admin"), default="admin")
    adduser.add_argument(
        "--password-stdin", action="store_true", help="read it from standard input"
    )
    adduser.set_defaults(act=commands.adduser)

    install = verbs.add_parser("install-service", help="make it a systemd service (as root)")
    _config_flag(install)
    install.set_defaults(act=commands.install)
    uninstall = verbs.add_parser("uninstall-service", help="undo that; data and files stay")
    uninstall.set_defaults(act=commands.uninstall)

    listening = verbs.add_parser(
        "listen", help="a small router that prints the FlowSpec rules it receives"
    )
    listening.add_argument("--host", default="127.0.0.1", help="address (default 127.0.0.1)")
    listening.add_argument("--port", type=int, default=1791, help="TCP port (default 1791)")
    listening.add_argument("--asn", type=int, default=64500, help="our AS (default 64500)")
    listening.add_argument("--peer-asn", type=int, help="the neighbor's AS (default: ours)")
    listening.add_argument("--allow", default="", metavar="PREFIX", help="who may connect")
    listening.set_defaults(act=commands.listen_for_rules)

    explain = verbs.add_parser(
        "dissect", help="explain BGP messages field by field, or print a recorded session"
    )
    dissect.add_arguments(explain)
    explain.set_defaults(act=dissect.dissect)

    show = verbs.add_parser("demo", help="event to rule to router and back, in under a minute")
    show.set_defaults(act=commands.show_demo)

    version = verbs.add_parser("version", help="print the version")
    version.set_defaults(act=commands.version)
    return parser


def _config_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--config", type=Path, default=DEFAULT_CONFIG, metavar="DIR",
        help=f"configuration directory (default {DEFAULT_CONFIG})",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
