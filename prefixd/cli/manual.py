"""The manual, generated from the rows of the parser: a page of the documentation, a page for `man`.

python -m prefixd.cli.manual markdown > docs/cli.md
python -m prefixd.cli.manual man > prefixdctl.1
"""

import argparse
import sys
from collections.abc import Sequence

from prefixd import __version__
from prefixd.cli.grammar import EXIT_CODES, GLOBAL_ARGUMENTS, WATCH, Argument, Command
from prefixd.cli.main import COMMANDS, NOUNS

INTRODUCTION = """\
# prefixdctl

Client of the prefixd API: show state, decide, act. It needs nothing but the public API.
This page is generated from the parser: `python -m prefixd.cli.manual markdown > docs/cli.md`.

Data goes to standard output, messages to standard error. `-f json` prints the whole answer of the
service, `-f csv` the columns of the table with times as the service wrote them. On a terminal
a table fits the width: times become relative, long texts are cut, and the least important columns
are left out; a pipe gets everything. Colors appear only on a terminal and never with `NO_COLOR`.
Titles with an underscore are those of the earlier client, kept for scripts. Times are UTC.
Durations are `600`, `10m`, `2h` or `1d`, rates `20M` or `2.5G`.

## Exit codes

| Code | Meaning |
|---|---|
| 0 | done |
| 1 | refused by the service, or the state shown is not good (degraded, different) |
| 2 | usage error, or a local file cannot be used |
| 3 | service unreachable, or it cannot serve now (502, 503, 504) |
| 4 | not signed in, or not permitted (401, 403) |

An interrupted `--watch` ends with 130.

## Which service, and as whom

Flags come first, then the environment, then the current context of `~/.config/prefixd/ctl.yaml`:

```yaml
current: ams1
contexts:
  ams1:
    api: https://prefixd.ams1.example.net
    token_file: ~/.config/prefixd/ams1.token   # or token:, or none and `prefixdctl login`
    ca: /etc/ssl/example-ca.pem                # cert: and key: for a client certificate
  local:
    api: unix:///run/prefixd/api.sock
```

A context named with `--context` or `PREFIXD_CONTEXT` is used alone: neither `PREFIXD_API` nor
`PREFIXD_API_TOKEN` is used with it, because they belong to another service. `prefixdctl login`
keeps the session in `~/.local/state/prefixd/sessions.json`, readable by its owner only; a token
has precedence over a session. Create the first operator on the host of the service:
`prefixd adduser NAME --role admin`.
"""


def markdown(commands: Sequence[Command] = COMMANDS) -> str:
    parts = [INTRODUCTION, "## Global options\n", _option_table(GLOBAL_ARGUMENTS)]
    parts.append("They may be given before or after the command.\n")
    parts.append("## Commands\n")
    parts.append(_index(commands))
    parts += map(_section, commands)
    return "\n".join(parts)


def _index(commands: Sequence[Command]) -> str:
    lines = ["| Command | |", "|---|---|"]
    for command in commands:
        name = " ".join(command.path)
        lines.append(f"| [`{name}`](#{'-'.join(command.path)}) | {_cell(command.summary)} |")
    return "\n".join(lines) + "\n"


def _section(command: Command) -> str:
    parts = [f"### {' '.join(command.path)}\n", f"{_sentence(command.summary)}\n"]
    parts.append(f"```\n{synopsis(command)}\n```\n")
    arguments = _arguments(command)
    if arguments:
        parts.append(_option_table(arguments))
    if command.about:
        parts.append(f"{command.about}\n")
    parts.append(f"```sh\n{command.example}\n```\n")
    return "\n".join(parts)


def synopsis(command: Command) -> str:
    words = ["prefixdctl", *command.path]
    for argument in command.arguments:
        if argument.names[0].startswith("-"):
            shown = f"{argument.names[-1]} {_value(argument)}".strip()
            words.append(shown if argument.options.get("required") else f"[{shown}]")
        else:
            shown = _value(argument)
            nargs = argument.options.get("nargs")
            forms = {"?": f"[{shown}]", "*": f"[{shown} ...]", "+": f"{shown} [{shown} ...]"}
            words.append(forms.get(str(nargs), shown))
    return " ".join(words)


def _arguments(command: Command) -> tuple[Argument, ...]:
    return (*command.arguments, WATCH) if command.repeats else command.arguments


def _option_table(arguments: Sequence[Argument]) -> str:
    lines = ["| Argument | |", "|---|---|"]
    lines += [
        f"| `{_names(argument)}` | {_cell(str(argument.options.get('help', '')))} |"
        for argument in arguments
    ]
    return "\n".join(lines) + "\n"


def _names(argument: Argument) -> str:
    if not argument.names[0].startswith("-"):
        return _value(argument)
    return f"{', '.join(argument.names)} {_value(argument)}".strip()


def _value(argument: Argument) -> str:
    options = argument.options
    if options.get("action") == "store_true":
        return ""
    if options.get("choices") and "metavar" not in options:
        return "{" + ",".join(options["choices"]) + "}"
    return str(options.get("metavar", argument.names[0].upper()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def man(commands: Sequence[Command] = COMMANDS) -> str:
    lines = [
        f'.TH PREFIXDCTL 1 "" "prefixd {__version__}" "prefixd"',
        ".SH NAME", "prefixdctl \\- client of the prefixd API",
        ".SH SYNOPSIS", ".B prefixdctl",
        "[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]",
        ".SH DESCRIPTION", "Shows the state of prefixd, and acts, through the public API.",
        ".SH OPTIONS",
    ]  # fmt: skip
    for argument in GLOBAL_ARGUMENTS:
        lines += _man_option(argument)
    noun = None
    lines.append(".SH COMMANDS")
    for command in commands:
        if len(command.path) > 1 and command.path[0] != noun:
            noun = command.path[0]
            lines += [".PP", roff(NOUNS[noun]) + ":"]
        lines += [f".SS {roff(' '.join(command.path))}", roff(_sentence(command.summary))]
        lines += [".PP", f".B {roff(synopsis(command))}"]
        for argument in _arguments(command):
            lines += _man_option(argument)
        if command.about:
            lines += [".PP", *map(roff, command.about.splitlines())]
        lines += [".PP", ".nf", ".RS", *map(roff, command.example.splitlines()), ".RE", ".fi"]
    lines += [".SH EXIT STATUS AND ENVIRONMENT", ".nf", *map(roff, EXIT_CODES.splitlines()), ".fi"]
    lines += [".SH SEE ALSO", ".BR prefixd (8)"]
    return "\n".join(lines) + "\n"


def _man_option(argument: Argument) -> list[str]:
    return [".TP", f".B {roff(_names(argument))}", roff(str(argument.options.get("help", "")))]


def roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m prefixd.cli.manual")
    parser.add_argument("form", choices=("markdown", "man"))
    form = parser.parse_args().form
    sys.stdout.write(markdown() if form == "markdown" else man())
    return 0


if __name__ == "__main__":
    sys.exit(main())
