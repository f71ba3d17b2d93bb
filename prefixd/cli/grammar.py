"""What a command is: one row that the parser, the manual and the completions are made from."""

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from prefixd import __version__
from prefixd.cli.amount import seconds_type
from prefixd.cli.completion import FILES, context_names, files
from prefixd.cli.context import Call
from prefixd.cli.failure import usage
from prefixd.cli.output import FORMATS

Handler = Callable[[Call], int | None]


@dataclass(frozen=True, slots=True)
class Argument:
    """One flag or positional; `options` are those of argparse."""

    names: tuple[str, ...]
    options: Mapping[str, Any]
    completer: Callable[..., Iterable[str]] | None = None
    """What argcomplete calls for values; without one, the choices of argparse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    path: tuple[str, ...]
    summary: str
    run: Handler
    example: str
    arguments: tuple[Argument, ...] = ()
    about: str = ""
    """More than the summary, where there is more to know."""
    repeats: bool = False
    """Shows something that changes: `--watch` repeats it."""


def arg(
    *names: str, completer: Callable[..., Iterable[str]] | None = None, **options: Any
) -> Argument:
    return Argument(names, options, completer)


def flag(*names: str, **options: Any) -> Argument:
    return Argument(names, {"action": "store_true", **options})


GLOBAL_ARGUMENTS: tuple[Argument, ...] = (
    arg("-a", "--api", metavar="URL", help="address of the service: http://HOST:PORT, https://HOST "
        "or unix:///PATH (PREFIXD_API; default http://127.0.0.1:8080)"),
    arg("-t", "--token", metavar="TOKEN",
        help="bearer token; visible to other users of this machine, so prefer PREFIXD_API_TOKEN"),
    arg("-f", "--format", choices=FORMATS, metavar="FORMAT",
        help="table, json (the service's answer whole) or csv; default table"),
    arg("-C", "--context", metavar="NAME", completer=context_names,
        help="context of ctl.yaml (PREFIXD_CONTEXT)"),
    arg("--timeout", type=seconds_type("time", 0.001), metavar="SECONDS",
        help="timeout of a request; default 30"),
    arg("--ca", metavar="FILE", help="CA that signed the certificate of the service"),
    arg("--cert", metavar="FILE", help="client certificate"),
    arg("--key", metavar="FILE", help="key of the client certificate"),
    flag("--insecure", help="accept any certificate (an attacker can then read and change all)"),
    flag("--no-color", help="no colors (so does NO_COLOR)"),
)  # fmt: skip
WATCH = arg(
    "--watch", nargs="?", type=seconds_type("interval", 0.2), const=2.0, metavar="SECONDS",
    help="repeat every 2 seconds (or SECONDS) until interrupted",
)  # fmt: skip


PAGING = (
    arg("-l", "--limit", type=int, default=50, metavar="N", help="at most N; default 50"),
    flag("--all", help="all pages, not only the first"),
    arg("--cursor", metavar="TEXT", help="continue at `next_cursor` of an earlier answer"),
)
PERIOD = (
    arg(
        "--since",
        metavar="TIME",
        help="from this time on: 2026-01-10, 2026-01-10T08:00:00Z, or 24h (ago)",
    ),
    arg("--until", metavar="TIME", help="up to this time, in the same forms"),
)

_WRONG_COMMAND = re.compile(r"argument COMMAND: invalid choice: '(?P<word>.*?)' \(choose from")


class Parser(argparse.ArgumentParser):
    """Reports errors by exception, so that all errors look alike."""

    def error(self, message: str) -> NoReturn:
        see = f"see `{self.prog} --help`"
        if wrong := _WRONG_COMMAND.match(message):
            near = difflib.get_close_matches(wrong["word"], self.commands(), n=1)
            guess = f"; did you mean `{near[0]}`?" if near else ""
            raise usage(f"unknown command {wrong['word']!r}{guess}", see)
        raise usage(message, see)

    def _print_message(self, message: str, file: Any = None) -> None:
        """argparse ignores a disk that is full."""
        (file or sys.stdout).write(message)

    def commands(self) -> list[str]:
        if self._subparsers is None:
            return []
        (choices,) = (action.choices for action in self._subparsers._group_actions)
        return list(choices or ())


def build_parser(commands: Sequence[Command], nouns: Mapping[str, str]) -> Parser:
    parser = Parser(
        prog="prefixdctl",
        description="Client of the prefixd API: show state, decide, act.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"prefixdctl {__version__}")
    _add(parser, GLOBAL_ARGUMENTS, hidden=False)
    # Shared by reference: creating each option again for each command costs a fifth of the start.
    everywhere = Parser(add_help=False)
    _add(everywhere, GLOBAL_ARGUMENTS, hidden=True)
    tops = parser.add_subparsers(metavar="COMMAND", title="commands")
    groups: dict[str, Any] = {}
    for command in commands:
        *nouns_above, verb = command.path
        below = tops
        if nouns_above:
            (noun,) = nouns_above
            if noun not in groups:
                above = tops.add_parser(
                    noun,
                    help=nouns[noun],
                    description=nouns[noun],
                    allow_abbrev=False,
                    parents=[everywhere],
                )
                above.set_defaults(parser=above)
                groups[noun] = above.add_subparsers(metavar="COMMAND", title="commands")
            below = groups[noun]
        _add_command(below, verb, command, everywhere)
    parser.set_defaults(parser=parser, root=parser)
    return parser


def _add_command(below: Any, verb: str, command: Command, everywhere: Parser) -> None:
    made = below.add_parser(
        verb,
        help=command.summary,
        description=command.summary[:1].upper() + command.summary[1:] + ".",
        epilog=_epilog(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        parents=[everywhere],
    )
    _add(made, command.arguments, hidden=False)
    if command.repeats:
        _add(made, (WATCH,), hidden=False)
    made.set_defaults(command=command, parser=made)


def _add(parser: argparse.ArgumentParser, arguments: Sequence[Argument], *, hidden: bool) -> None:
    for argument in arguments:
        options = dict(argument.options)
        if hidden or argument in GLOBAL_ARGUMENTS:
            # Before or after the command: only the option that is given sets the value.
            options["default"] = argparse.SUPPRESS
        if hidden:
            options["help"] = argparse.SUPPRESS
        action = parser.add_argument(*argument.names, **options)
        local = files if options.get("metavar") in FILES else None
        if completer := argument.completer or local:
            action.completer = completer  # type: ignore[attr-defined]  # because: argcomplete looks there


def _epilog(command: Command) -> str:
    about = f"{command.about}\n\n" if command.about else ""
    example = "\n".join(f"  {line}" for line in command.example.splitlines())
    return f"{about}example:\n{example}\n\nGlobal options: prefixdctl --help"


EXIT_CODES = """\
exit codes:
  0  done
  1  refused by the service, or the state shown is not good (degraded, different)
  2  usage error, or a local file cannot be used
  3  service unreachable, or it cannot serve now (502, 503, 504)
  4  not signed in, or not permitted (401, 403)

environment: PREFIXD_API, PREFIXD_API_TOKEN, PREFIXD_CONTEXT, NO_COLOR
contexts:    ~/.config/prefixd/ctl.yaml"""
