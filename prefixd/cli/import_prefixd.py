"""Take over from an earlier prefixd: its live mitigations, safelist and operators.

Read from a plain SQL dump or from its API, shown as a plan, and done with `--apply` through our
API, so every guardrail and the audit trail see it. What cannot be carried over (password hashes, a
mitigation that a guardrail refuses) is named. Done twice, it changes nothing the second time: the
same scope is extended, the same prefix is safe already.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from prefixd.cli.amount import duration
from prefixd.cli.context import Call
from prefixd.cli.failure import ExitCode, Failure
from prefixd.cli.grammar import Command, arg, flag
from prefixd.cli.legacy_rows import Holdings, OldEntry, OldMitigation, from_api, from_dump
from prefixd.cli.service import Service
from prefixd.cli.table import Column
from prefixd.cli.target import Target

SCHEMES = ("http://", "https://", "unix://")


@dataclass(slots=True)
class Step:
    what: str
    which: str
    detail: str
    state: str = "planned"


def import_prefixd(call: Call) -> int:
    now = call.clock.now()
    holdings = read_holdings(call, now)
    steps = plan(holdings, now)
    for remark in holdings.remarks:
        call.out.warn(remark)
    if call.words.apply:
        perform(call, holdings, steps, now)
    columns = [
        Column(title="WHAT", cell=lambda row: row.what),
        Column(title="WHICH", cell=lambda row: row.which),
        Column(title="DETAIL", cell=lambda row: row.detail, shrink=True),
        Column(title="STATE", cell=lambda row: row.state, shrink=True),
    ]
    tree = [
        {"what": row.what, "which": row.which, "detail": row.detail, "state": row.state}
        for row in steps
    ]
    call.out.rows(tree, steps, columns, empty="there is nothing to take over")
    failed = sum(row.state.startswith("refused") for row in steps)
    if steps and not call.words.apply:
        call.out.say("nothing was changed; --apply does it")
    return ExitCode.REFUSED if failed else ExitCode.OK


def read_holdings(call: Call, now: datetime) -> Holdings:
    source: str = call.words.source
    if not source.startswith(SCHEMES):
        return from_dump(Path(source), now)
    service = _other(call, source)
    try:
        return from_api(service)
    finally:
        service.close()


def _other(call: Call, api: str) -> Service:
    """The earlier service has its own credentials; ours are never sent there."""
    from prefixd.cli.client import Client

    token = call.words.source_token or call.environ.get("PREFIXD_SOURCE_TOKEN")
    return Client(Target(api=api, token=token), call.clock, call.cookies.get(api))


def plan(holdings: Holdings, now: datetime) -> list[Step]:
    steps = [
        Step("safelist", entry.prefix, entry.reason or f"by {entry.added_by}")
        for entry in holdings.safelist
    ]
    steps += [Step("mitigation", row.victim, _described(row, now)) for row in holdings.mitigations]
    steps += [
        Step(
            "operator", row.username, row.role,
            "by hand: a password hash cannot be taken over; prefixdctl operators create"
            f" -u {row.username} -r {row.role}",
        )
        for row in holdings.operators
    ]  # fmt: skip
    return steps


def perform(call: Call, holdings: Holdings, steps: list[Step], now: datetime) -> None:
    """The safelist first: what it covers shall not be mitigated even for a second."""
    items: list[OldEntry | OldMitigation] = [*holdings.safelist, *holdings.mitigations]
    for at, (item, step) in enumerate(zip(items, steps, strict=False), start=1):
        try:
            step.state = _one(call, item, now)
        except Failure as failure:
            if failure.code in {ExitCode.DENIED, ExitCode.UNREACHABLE}:
                raise
            step.state = f"refused: {failure.message}"
        call.out.progress(f"{at} of {len(items)}")
    call.out.progress("")


def _one(call: Call, item: OldEntry | OldMitigation, now: datetime) -> str:
    if isinstance(item, OldEntry):
        body = {"prefix": item.prefix, "reason": item.reason or f"added by {item.added_by}"}
        call.ask("POST", "/v1/safelist", body)
        return "done"
    answer = call.ask("POST", "/v1/mitigations", item.body(now))
    made: Any = answer.tree
    return f"done: {made['mitigation_id']}" if answer.status == 201 else "there already, extended"


def _described(row: OldMitigation, now: datetime) -> str:
    ports = f" ports {','.join(map(str, row.ports))}" if row.ports else ""
    left = duration((row.expires_at - now).total_seconds())
    return f"{row.action}{ports}, {left} left, site {row.pop or '?'}"


COMMANDS = (
    Command(
        path=("import", "prefixd"), summary="take over from an earlier prefixd", run=import_prefixd,
        arguments=(
            arg("source", metavar="FILE|URL", help="a plain SQL dump, or the address of its API"),
            flag("--apply", help="do it; without this the plan is shown"),
            arg("--source-token", metavar="TOKEN",
                help="bearer token of the earlier service (PREFIXD_SOURCE_TOKEN)"),
        ),
        example="pg_dump -Fp prefixd > old.sql; prefixdctl import prefixd old.sql\n"
        "prefixdctl import prefixd http://old.example.net:8080 --apply",
        about="Stop the earlier service only after --apply: routers then hold both for a moment,\n"
        "which is harmless. Operators are made anew, with new passwords.",
    ),
)  # fmt: skip
