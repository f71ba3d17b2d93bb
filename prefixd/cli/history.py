"""What happened to one address: its mitigations and events, and the report for a ticket."""

import re
from pathlib import Path
from typing import Any

from prefixd.cli.client import segment
from prefixd.cli.completion import MITIGATIONS
from prefixd.cli.context import Call, times_of
from prefixd.cli.failure import usage
from prefixd.cli.files import reason_of
from prefixd.cli.grammar import Command, arg
from prefixd.cli.table import Column

_ID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def history(call: Call) -> None:
    answer = call.get(f"/v1/ip/{segment(call.words.ip)}/history", limit=call.words.limit)
    tree, times = answer.tree, times_of(answer)
    if not call.out.is_table:
        events = tree["events"]
        call.out.rows(tree, events, _history_columns(times), empty="no events")
        return
    customer, service = tree.get("customer") or {}, tree.get("service") or {}
    call.out.facts(
        tree,
        [
            ("Address", tree["ip"]),
            ("Customer", customer.get("name") or "not in the inventory"),
            ("Customer id", customer.get("customer_id")),
            ("Policy profile", customer.get("policy_profile")),
            ("Service", service.get("name")),
        ],
    )
    call.out.heading("Mitigations")
    columns = [
        Column("ID", "mitigation_id"),
        Column("STATUS", "status"),
        Column("ACTION", lambda row: row.get("action") or row["action_type"]),
        Column("CREATED", lambda row: times(row["created_at"])),
    ]
    call.out.rows(tree, tree["mitigations"], columns, empty="no mitigations")
    call.out.heading("Events")
    call.out.rows(tree, tree["events"], _history_columns(times), empty="no events")


def _history_columns(times: Any) -> list[Column]:
    return [
        Column("AT", lambda row: times(row["ingested_at"])),
        Column("SOURCE", "source", shrink=True),
        Column("VECTOR", "vector"),
        Column("OUTCOME", "outcome"),
        Column("REASON", "reason", shrink=True, drop=1),
    ]


def report(call: Call) -> None:
    """An id or an address; the form decides which."""
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
        raise usage(f"{path}: {reason_of(error)}") from error
    call.out.say(f"wrote {path}")


COMMANDS = (
    Command(
        path=("history",), summary="mitigations and events of one address", run=history,
        arguments=(
            arg("ip", metavar="ADDRESS", help="an IPv4 or IPv6 address"),
            arg("-l", "--limit", type=int, default=100, metavar="N",
                help="rows of each list; default 100"),
        ),
        example="prefixdctl history 198.51.100.20",
    ),
    Command(
        path=("report",), summary="the incident report of a mitigation or an address", run=report,
        arguments=(
            arg("about", metavar="ID|ADDRESS", completer=MITIGATIONS,
                help="a mitigation's id, or an attacked address"),
            arg("-o", "--output", metavar="FILE", help="write to this file"),
        ),
        example="prefixdctl report 198.51.100.20 -o incident.md",
    ),
)  # fmt: skip
