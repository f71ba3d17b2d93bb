"""The manual pages of the package, made from what the programs say of themselves.

prefixdctl(1) comes from the client's grammar, prefixd(8) from the daemon's parser, prefixd.yaml(5)
from the generated configuration reference. Nothing here is written twice.
"""

import argparse
import re
from collections.abc import Iterator

from prefixd import __version__
from prefixd.__main__ import __doc__ as about
from prefixd.__main__ import build_parser
from prefixd.cli.manual import man, roff
from prefixd.config.reference import render_reference

FILES = """\
/etc/prefixd/*.yaml: the configuration, see prefixd.yaml(5)
/var/lib/prefixd/prefixd.db: the embedded database
/usr/share/doc/prefixd/index.md: quickstart, concepts, operations, runbooks
"""
SIGNALS = """\
SIGTERM, SIGINT: stop in order; a second one stops at once
SIGHUP: reload the configuration, whole or not at all
"""


def pages() -> dict[str, str]:
    return {"prefixdctl.1": man(), "prefixd.8": daemon(), "prefixd.yaml.5": configuration()}


def head(name: str, section: int, summary: str) -> list[str]:
    title = f'.TH {name.upper()} {section} "" "prefixd {__version__}" "prefixd"'
    return [title, ".SH NAME", f"{roff(name)} \\- {roff(summary)}"]


def daemon() -> str:
    parser = build_parser()
    lines = head("prefixd", 8, "detector events in, BGP FlowSpec rules out")
    lines += [".SH SYNOPSIS", ".B prefixd", "\\fICOMMAND\\fR [\\fIOPTION\\fR...]"]
    lines += [".SH DESCRIPTION", "The daemon, and what belongs to it. The client is"]
    lines += [".BR prefixdctl (1).", ".SH COMMANDS"]
    (verbs,) = (act for act in parser._actions if isinstance(act, argparse._SubParsersAction))
    summaries = {choice.dest: choice.help or "" for choice in verbs._choices_actions}
    for name, verb in verbs.choices.items():
        usage = verb.format_usage().removeprefix("usage: ")
        lines += [
            f".SS {roff(name)}",
            roff(summaries[name][:1].upper() + summaries[name][1:] + "."),
        ]
        lines += [".PP", f".B {roff(' '.join(usage.split()))}"]
        for action in verb._actions:
            if action.dest != "help":
                lines += [".TP", f".B {roff(named(action))}", roff(action.help or "")]
    exit_codes = re.split(r"\n\n(?=Exit codes)", about or "")[-1]
    lines += [".SH SIGNALS", *listed(SIGNALS), ".SH FILES", *listed(FILES)]
    lines += [".SH EXIT STATUS", *map(roff, exit_codes.strip().splitlines())]
    lines += [".SH SEE ALSO", ".BR prefixdctl (1),", ".BR prefixd.yaml (5)"]
    return "\n".join(lines) + "\n"


def named(action: argparse.Action) -> str:
    value = action.metavar or (action.choices and "{" + ",".join(action.choices) + "}")
    words = [", ".join(action.option_strings), str(value or "") if action.nargs != 0 else ""]
    return " ".join(word for word in words if word) or action.dest


def listed(text: str) -> Iterator[str]:
    for line in text.splitlines():
        what, _, means = line.partition(": ")
        yield from (".TP", f".B {roff(what)}", roff(means))


def configuration() -> str:
    """The page for people again, its tables as lists of keys."""
    lines = head("prefixd.yaml", 5, "configuration of prefixd")
    lines.append(".SH DESCRIPTION")
    for line in render_reference().splitlines()[1:]:
        if row := re.fullmatch(
            r"\| `(.+?)` \| (.*?) \| (.*) \| (\S+|peer restart) \| (.*) \|", line
        ):
            name, kind, default, change, doc = (plain(cell) for cell in row.groups())
            facts = [f"default {default}" if default != "required" else default]
            facts += [change] if change != "–" else []
            lines += [".TP", f".BR {roff(name)}", roff(f"{kind}; {'; '.join(facts)}. {doc}")]
        elif line.startswith("#"):
            depth, _, title = line.partition(" ")
            lines.append(f"{'.SH' if depth == '##' else '.SS'} {roff(plain(title))}")
        elif not line.startswith("|"):
            lines.append(roff(plain(line)) if line else ".PP")
    lines += [".SH SEE ALSO", ".BR prefixd (8)"]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    return text.replace("`", "").replace("**", "").replace("*", "").replace("\\|", "|")
