"""The incident report, as Markdown for a ticket."""

import re
from pathlib import Path

from prefixd.cli.context import Call
from prefixd.cli.failure import usage
from prefixd.cli.grammar import Command, arg

_ID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def report(call: Call) -> None:
    """An id or an address: the words are told apart by their form."""
    about = call.words.about
    query = {"mitigation_id": about} if _ID.fullmatch(about) else {"ip": about}
    text = call.get("/v1/reports/incident", **query).text
    if call.words.output is None:
        if call.out.form == "json":
            call.out.json({"markdown": text})
        else:
            call.out.text(text)
        return
    path = Path(call.words.output)
    try:
        path.write_text(text)
    except OSError as error:
        raise usage(f"{path}: {(error.strerror or str(error)).lower()}") from error
    call.out.say(f"wrote {path}")


COMMANDS = (
    Command(
        path=("report",), summary="the incident report of a mitigation or an address", run=report,
        arguments=(
            arg("about", metavar="ID|ADDRESS", help="a mitigation's id, or an attacked address"),
            arg("-o", "--output", metavar="FILE", help="write it there"),
        ),
        example="prefixdctl report 198.51.100.20 -o incident.md",
    ),
)  # fmt: skip
