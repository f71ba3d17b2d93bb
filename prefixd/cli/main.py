"""`prefixdctl`: the table of all commands, and how a command starts and ends.

Each noun has a module with its rows; this file puts them in order. The parser, the manual, the man
page and the completions are all made from these rows.
"""

import io
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn, TextIO

from prefixd.cli import (
    accounts,
    audit,
    configuration,
    contexts,
    doctor,
    events,
    groups,
    history,
    migrate,
    mitigations,
    peers,
    rule_args,
    safelist,
    status,
    watch,
)
from prefixd.cli.client import Client
from prefixd.cli.completion import asked_by_a_shell, complete
from prefixd.cli.context import Call
from prefixd.cli.failure import ExitCode, Failure
from prefixd.cli.files import reason_of
from prefixd.cli.grammar import Command, Parser, build_parser
from prefixd.cli.output import Output
from prefixd.cli.target import Cookies, Target, choose_target
from prefixd.cli.terminal import Prompt, drop_output, screen_of
from prefixd.clock import Clock, SystemClock

COMMANDS: tuple[Command, ...] = (
    *status.COMMANDS,
    *watch.COMMANDS,
    *peers.COMMANDS,
    *rule_args.COMMANDS,
    *mitigations.COMMANDS,
    *events.COMMANDS,
    *groups.COMMANDS,
    *safelist.COMMANDS,
    *history.COMMANDS,
    *audit.COMMANDS,
    *accounts.COMMANDS,
    *configuration.COMMANDS,
    *contexts.COMMANDS,
    *doctor.COMMANDS,
    *migrate.COMMANDS,
)

NOUNS: Mapping[str, str] = {
    "mitigations": "Mitigations: list, show, create, extend, withdraw",
    "events": "Events of detectors",
    "corroborators": "Evidence without a victim address",
    "groups": "What several detectors report of one attack",
    "peer": "What is done to one BGP neighbor",
    "safelist": "Prefixes that are never mitigated",
    "audit": "The audit trail",
    "operators": "Operators who may sign in",
    "tokens": "API tokens of programs",
    "config": "The running configuration",
    "alerts": "Destinations of alerts",
    "contexts": "Named services of ctl.yaml",
    "import": "Import from other software",
}


def main(argv: Sequence[str] | None = None) -> int:
    if asked_by_a_shell(os.environ):
        complete(build_grammar())
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows its number; the command goes on.
            stream.reconfigure(errors="backslashreplace")
    return run(words, sys.stdin, sys.stdout, sys.stderr, os.environ, SystemClock())


def run(
    argv: Sequence[str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    environ: Mapping[str, str],
    clock: Clock,
) -> int:
    plain = "--no-color" in argv
    screen = screen_of(stdout, environ, plain=plain)
    out = Output(stdout, stderr, screen, screen_of(stderr, environ, plain=plain), "table")
    try:
        try:
            return start(argv, out, Prompt(stdin, stderr), environ, clock)
        finally:
            stdout.flush()
    except Failure as failure:
        out.say_painted("error: ", failure.message, "red")
        for hint in failure.hints:
            out.say(f"  {hint}")
        return failure.code
    except BrokenPipeError:
        drop_output()
        return ExitCode.OK
    except OSError as error:
        what = error.filename or "cannot write the output"
        out.say_painted("error: ", f"{what}: {reason_of(error)}", "red")
        drop_output()
        return ExitCode.USAGE
    except KeyboardInterrupt:
        out.say("")
        return 130


def start(
    argv: Sequence[str], out: Output, prompt: Prompt, environ: Mapping[str, str], clock: Clock
) -> int:
    words = build_grammar().parse_args(argv)
    if "command" not in words:
        out.text(words.parser.format_help())
        return ExitCode.USAGE
    out.form = getattr(words, "format", None) or "table"
    target = choose_target(words, environ)
    warn_of_risks(target, out)
    cookies = Cookies(environ)
    service = Client(target, clock, cookies.get(target.api))
    call = Call(
        words=words, out=out, service=service, prompt=prompt,
        clock=clock, cookies=cookies, environ=environ,
    )  # fmt: skip
    return perform(call)


def build_grammar() -> Parser:
    return build_parser(COMMANDS, NOUNS)


def perform(call: Call) -> int:
    """Once, or with `--watch` repeatedly; an unreachable service is waited for."""
    command: Command = call.words.command
    every_s: float | None = getattr(call.words, "watch", None)
    if every_s is None and command.path == ("top",) and call.out.screen.interactive:
        every_s = 2.0
    try:
        if every_s is None:
            code = command.run(call) or ExitCode.OK
            call.out.flush()
            return code
        repeat(call, command, every_s)
    finally:
        call.service.close()


def repeat(call: Call, command: Command, every_s: float) -> NoReturn:
    """Prints an outage when it begins, when it changes and when it ends."""
    shown: str | None = None
    while True:
        try:
            with call.out.page():
                command.run(call)
            if shown is not None:
                call.out.say("service reachable again")
            shown = None
        except Failure as failure:
            if failure.code is not ExitCode.UNREACHABLE:
                raise
            if failure.message != shown:
                call.out.say(f"{failure.message}; retrying every {every_s:g} s")
            shown = failure.message
        time.sleep(every_s)


def warn_of_risks(target: Target, out: Output) -> None:
    if target.insecure and target.api.startswith("https:"):
        out.warn("--insecure: an attacker in between can read and change everything")
    local = ("http://127.", "http://localhost", "http://[::1]")
    if target.token and target.api.startswith("http:") and not target.api.startswith(local):
        out.warn(f"the token is sent unencrypted to {target.api}")


if __name__ == "__main__":
    sys.exit(main())
