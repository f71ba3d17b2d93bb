"""The audit trail, and whether it was changed afterwards."""

import json

from prefixd.cli.context import Call, pages, say_rest, times_of
from prefixd.cli.failure import ExitCode
from prefixd.cli.grammar import PAGING, PERIOD, Command, arg
from prefixd.cli.table import Column


def list_entries(call: Call) -> None:
    words = call.words
    answer, tree = pages(
        call, "/v1/audit", "entries", actor_id=words.actor, action=words.action,
        target_type=words.target_type, target_id=words.target,
    )  # fmt: skip
    times = times_of(answer)
    columns = [
        Column("AT", lambda row: times(row["timestamp"])),
        Column("WHO", lambda row: row["actor_id"] or row["actor_type"], shrink=True),
        Column("ACTION", "action"),
        Column("WHAT", "target_type", drop=2),
        Column("TARGET", "target_id", drop=1),
        Column("DETAILS", lambda row: _details(row["details"]), shrink=True),
        Column("POP", "pop", drop=3),
    ]
    call.out.rows(tree, tree["entries"], columns, empty="no entries")
    say_rest(call, tree)


def _details(details: object) -> str:
    if isinstance(details, dict):
        return ", ".join(
            f"{key}={value if isinstance(value, str) else json.dumps(value)}"
            for key, value in details.items()
        )
    return json.dumps(details) if details else ""


def verify(call: Call) -> int:
    """The service walks its hash chains; a fault names the first row that does not fit."""
    tree = call.get("/v1/audit/verify").tree
    columns = [
        Column("CHAIN", "chain"),
        Column("ROWS", "rows", right=True),
        Column("STATE", lambda row: "broken" if row["fault"] else "intact"),
        Column("HEAD", "head", shrink=True),
        Column("FAULT", "fault", shrink=True),
    ]
    call.out.rows(tree, tree["chains"], columns, empty="no audit rows yet")
    return ExitCode.OK if tree["ok"] else ExitCode.REFUSED


COMMANDS = (
    Command(
        path=("audit", "list"), summary="the audit trail, newest first", run=list_entries,
        repeats=True,
        arguments=(
            arg("--actor", metavar="NAME", help="only by this operator or token"),
            arg("--action", metavar="WORD", help="only this: create, withdraw, reload, ..."),
            arg("--target-type", metavar="WORD", help="only about: mitigation, safelist, ..."),
            arg("--target", metavar="ID", help="only about this one"),
            *PERIOD, *PAGING,
        ),
        example="prefixdctl audit list --actor alice --since 7d",
    ),
    Command(
        path=("audit", "verify"), summary="check the hash chain of the audit trail", run=verify,
        example="prefixdctl audit verify",
        about="Exit code 1 when a row was changed or is missing. With storage.audit_head_file the\n"
        "service also notices that the newest rows were cut off, or all of them.",
    ),
)  # fmt: skip
