"""Take over from other software: a GoBGP configuration, or what an earlier prefixd holds.

An earlier prefixd is read from a plain SQL dump or from its API, shown as a plan, and imported with
`--apply` through our API, so that every guardrail and the audit trail see it. What cannot be
imported (password hashes, a mitigation that a guardrail refuses) is named. A second run changes
nothing: the same scope is extended, the same prefix is on the safelist already.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from prefixd.cli.amount import duration
from prefixd.cli.client import Answer, Client
from prefixd.cli.context import Call
from prefixd.cli.failure import ExitCode, Failure, usage
from prefixd.cli.files import read_text
from prefixd.cli.grammar import Command, arg, flag
from prefixd.cli.table import Column
from prefixd.cli.target import Target
from prefixd.errors import PrefixdError
from prefixd.migrate.earlier import LIVE, Holdings, OldMitigation, Request, from_api, from_dump

SCHEMES = ("http://", "https://", "unix://")
PAGE = 1000


def import_gobgp(call: Call) -> None:
    import yaml  # because: YAML and TOML readers are 15 ms of start that only this command needs

    from prefixd.migrate.gobgp import convert, parse_gobgp

    path = call.words.file
    try:
        section = convert(parse_gobgp(read_text(path)), export=call.words.export)
    except PrefixdError as error:
        raise usage(f"{path}: {error}") from error
    if call.out.form == "json":
        call.out.json({"bgp": section.bgp, "remarks": section.remarks})
    else:
        call.out.text(yaml.safe_dump({"bgp": section.bgp}, sort_keys=False, width=100))
    for remark in section.remarks:
        call.out.say(f"note: {remark}")


@dataclass(slots=True)
class Step:
    what: str
    which: str
    detail: str
    request: Request | None = None
    state: str = "planned"


def import_prefixd(call: Call) -> int:
    now = call.clock.now()
    holdings = read_holdings(call, now)
    steps = list(plan(holdings, now))
    for remark in holdings.remarks:
        call.out.warn(remark)
    if call.words.apply:
        perform(call, steps)
    names = ("what", "which", "detail", "state")
    columns = [
        Column("WHAT", "what"),
        Column("WHICH", "which"),
        Column("DETAIL", "detail", shrink=True),
        Column("STATE", "state", shrink=True),
    ]
    tree = [{name: getattr(step, name) for name in names} for step in steps]
    call.out.rows(tree, tree, columns, empty="nothing to import")
    if steps and not call.words.apply:
        call.out.say("nothing was changed; run again with --apply")
    failed = any(step.state.startswith("refused") for step in steps)
    return ExitCode.REFUSED if failed else ExitCode.OK


def read_holdings(call: Call, now: datetime) -> Holdings:
    source: str = call.words.source
    if not source.startswith(SCHEMES):
        try:
            return from_dump(read_text(source), now)
        except PrefixdError as error:
            raise usage(f"{source}: {error}") from error
    # The earlier service has its own credentials; ours are never sent there.
    token = call.words.source_token or call.environ.get("PREFIXD_SOURCE_TOKEN")
    service = Client(Target(api=source, token=token), call.clock, call.cookies.get(source))
    try:
        return ask_holdings(service)
    finally:
        service.close()


def ask_holdings(service: Client) -> Holdings:
    safelist = service.ask("GET", "/v1/safelist")
    mitigations = [row for status in sorted(LIVE) for row in _pages(service, status)]
    try:
        operators = service.ask("GET", "/v1/operators").tree["operators"]
    except Failure as failure:
        holdings = from_api(mitigations, safelist.tree, (), safelist.now)
        return replace(holdings, remarks=(f"operators cannot be listed: {failure.message}",))
    return from_api(mitigations, safelist.tree, operators, safelist.now)


def _pages(service: Client, status: str) -> Iterator[Any]:
    query: dict[str, object] = {"status": status, "limit": PAGE}
    while True:
        tree = service.ask("GET", "/v1/mitigations", query=query).tree
        yield from tree["mitigations"]
        if not tree.get("has_more"):
            return
        query["cursor"] = tree["next_cursor"]


def plan(holdings: Holdings, now: datetime) -> Iterator[Step]:
    """The safelist first: what it covers must not be mitigated even for a second."""
    for entry in holdings.safelist:
        detail = entry.reason or f"by {entry.added_by}"
        yield Step("safelist", entry.prefix, detail, entry.request())
    for row in holdings.mitigations:
        yield Step("mitigation", row.victim, _described(row, now), row.request(now))
    for operator in holdings.operators:
        words = f"-u {operator.username} -r {operator.role}"
        detail = f"password hashes are not imported: prefixdctl operators create {words}"
        yield Step("operator", operator.username, operator.role, state=f"manual; {detail}")


def perform(call: Call, steps: list[Step]) -> None:
    asked = [(step, step.request) for step in steps if step.request is not None]
    for at, (step, request) in enumerate(asked, start=1):
        try:
            step.state = _state_after(call.ask("POST", request.path, request.body))
        except Failure as failure:
            if failure.code in {ExitCode.DENIED, ExitCode.UNREACHABLE}:
                raise
            step.state = f"refused: {failure.message}"
        call.out.progress(f"{at} of {len(asked)}")
    call.out.progress("")


def _state_after(answer: Answer) -> str:
    mitigation = answer.tree.get("mitigation_id")
    if mitigation is None:
        return "done"
    return f"done: {mitigation}" if answer.status == 201 else "exists, extended"


def _described(row: OldMitigation, now: datetime) -> str:
    ports = f" ports {','.join(map(str, row.ports))}" if row.ports else ""
    left = duration((row.expires_at - now).total_seconds())
    return f"{row.action}{ports}, {left} left, site {row.pop or '?'}"


COMMANDS = (
    Command(
        path=("import", "gobgp-conf"), summary="turn a GoBGP configuration into a bgp section",
        run=import_gobgp,
        arguments=(
            arg("file", metavar="FILE", help="TOML, YAML or JSON"),
            flag("--export", help="announce rules to every neighbor (`export: {}`)"),
        ),
        example="prefixdctl import gobgp-conf /etc/gobgpd.conf > bgp.yaml",
        about="Put the section into prefixd.yaml, then run: prefixd check",
    ),
    Command(
        path=("import", "prefixd"), summary="import the live state of an earlier prefixd",
        run=import_prefixd,
        arguments=(
            arg("source", metavar="FILE|URL", help="a plain SQL dump, or the URL of its API"),
            flag("--apply", help="import; without this only the plan is shown"),
            arg("--source-token", metavar="TOKEN",
                help="bearer token of the earlier service (PREFIXD_SOURCE_TOKEN)"),
        ),
        example="pg_dump -Fp prefixd > old.sql; prefixdctl import prefixd old.sql\n"
        "prefixdctl import prefixd http://old.example.net:8080 --apply",
        about="Stop the earlier service only after --apply: for a moment routers then have both\n"
        "sets of rules, which is harmless. Create operators again, with new passwords.",
    ),
)  # fmt: skip
