"""Mitigations: list, show, create, extend, acknowledge, withdraw."""

from collections.abc import Sequence
from typing import Any

from prefixd.cli.amount import parse_duration
from prefixd.cli.client import Answer, segment
from prefixd.cli.completion import LIVE_MITIGATIONS, MITIGATION_STATUS, MITIGATIONS, SITES
from prefixd.cli.context import LARGEST_PAGE, Call, Times, pages, say_rest, times_of
from prefixd.cli.failure import ExitCode, usage
from prefixd.cli.grammar import PAGING, PERIOD, Argument, Command, arg, flag
from prefixd.cli.rule_args import RULE, rule_body
from prefixd.cli.table import Column

MOST_IDS = 100
LIVE = "pending,active,escalated"

FILTERS: tuple[Argument, ...] = (
    arg("-s", "--status", metavar="WORDS", completer=MITIGATION_STATUS,
        help="pending, active, escalated, expired, withdrawn, rejected; several with commas"),
    arg("-c", "--customer", metavar="ID", help="only of this customer"),
    arg("--victim", dest="victim_ip", metavar="ADDRESS", help="only of this address"),
    arg("--vector", metavar="WORD", help="only of this kind of attack"),
    arg("--site", metavar="POP", completer=SITES, help="only of this site"),
    arg("--unacknowledged", action="store_true", help="only those not acknowledged"),
)  # fmt: skip


def list_mitigations(call: Call) -> None:
    answer, tree = pages(call, "/v1/mitigations", "mitigations", **_asked(call))
    call.out.rows(
        tree, tree["mitigations"], mitigation_columns(times_of(answer)), empty="no mitigations"
    )
    if call.out.is_table and tree["mitigations"]:
        call.out.lines([f"Count: {tree['count']}"])
    say_rest(call, tree)


def mitigation_columns(times: Times) -> list[Column]:
    return [
        Column("ID", "mitigation_id"),
        Column("STATUS", "status"),
        Column("VICTIM_IP", "victim_ip"),
        Column("VECTOR", "vector", drop=2),
        Column("ACTION", _action),
        Column("EXPIRES", lambda row: times(row.get("withdrawn_at") or row["expires_at"])),
        Column("CUSTOMER", "customer_id", shrink=True, drop=3),
        Column("POP", "pop", shrink=True, drop=4),
    ]


def _action(row: Any) -> str:
    """In dry run a row looks live, but no router has the rule: the table says so."""
    action: str = row.get("action") or row["action_type"]
    return f"{action} (dry run)" if row.get("dry_run") else action


def get(call: Call) -> None:
    answer = call.get(f"/v1/mitigations/{segment(call.words.id)}")
    call.out.facts(answer.tree, facts(answer.tree, times_of(answer)))


def facts(row: Any, times: Times) -> list[tuple[str, object]]:
    found = row.get("correlation") or {}

    def at(name: str) -> object:
        return None if row.get(name) is None else times(row[name])

    return [
        ("ID", row["mitigation_id"]),
        ("Status", row["status"]),
        ("Victim", row["victim_ip"]),
        ("Vector", row["vector"]),
        ("Rule", row.get("match") or row["dst_prefix"]),
        ("Action", row.get("action") or row["action_type"]),
        ("Reason", row["reason"]),
        ("Created", at("created_at")),
        ("Updated", at("updated_at")),
        ("Expires", at("expires_at")),
        ("Escalated", at("escalated_at")),
        ("Ended", at("withdrawn_at")),
        ("Ended by", row.get("ended_by")),
        ("Rejected because", row.get("rejection_reason")),
        ("Customer", row["customer_id"]),
        ("Service", row["service_id"]),
        ("POP", row["pop"]),
        ("Playbook", row.get("playbook")),
        ("Step", None if row.get("playbook") is None else str(row.get("step", 0) + 1)),
        ("Made by", row.get("created_by")),
        ("Sources", row.get("sources")),
        ("Confidence", row.get("confidence")),
        ("Acknowledged", at("acknowledged_at")),
        ("Acknowledged by", row["acknowledged_by"]),
        ("Dry run", "yes: not announced" if row.get("dry_run") else None),
        ("Signal group", found.get("signal_group_id")),
        ("Explanation", found.get("explanation")),
        ("Scope hash", row["scope_hash"]),
    ]


def create(call: Call) -> None:
    reason = call.words.reason
    answer = call.ask("POST", "/v1/mitigations", rule_body(call.words, reason))
    made = answer.tree
    verb = "created" if answer.status == 201 else "exists already, extended"
    rule = f"{made.get('match', made['dst_prefix'])}: {made.get('action', made['action_type'])}"
    call.out.done(made, f"{made['mitigation_id']} {verb}: {rule}, until {_expiry(answer)}")
    for note in made.get("notes", ()):
        call.out.warn(note)


def extend(call: Call) -> None:
    body = {"ttl_seconds": call.words.ttl}
    answer = call.ask("POST", f"/v1/mitigations/{segment(call.words.id)}/extend", body)
    call.out.done(answer.tree, f"{answer.tree['mitigation_id']} expires {_expiry(answer)}")


def _expiry(answer: Answer) -> str:
    when = times_of(answer)(answer.tree["expires_at"])
    return when if isinstance(when, str) else when.text(short=False)


def acknowledge(call: Call) -> int:
    ids = list(call.words.id)
    if not ids and not call.words.all_live:
        raise usage("give ids, or --all-live")
    if call.words.all_live:
        ids = [row["mitigation_id"] for row in _live(call) if row["acknowledged_at"] is None]
    return _bulk(call, ids, "/v1/mitigations/acknowledge", {}, "acknowledged")


def withdraw(call: Call) -> int | None:
    """One id is one request; several, or a filter, are bulk requests of 100 each."""
    words = call.words
    body = {"reason": words.reason}
    if words.operator:
        body["operator_id"] = words.operator
    if len(words.id) == 1:
        answer = call.ask("POST", f"/v1/mitigations/{segment(words.id[0])}/withdraw", body)
        row = answer.tree
        call.out.done(row, f"{row['mitigation_id']} {row['status']} ({row['victim_ip']})")
        return None
    ids = list(words.id) or _matching(call)
    return _bulk(call, ids, "/v1/mitigations/withdraw", body, "withdrawn")


def _matching(call: Call) -> list[str]:
    """Live mitigations that the filters select, after the operator has confirmed them."""
    words = call.words
    if not (words.customer or words.victim_ip or words.vector or words.site):
        raise usage(
            "give ids, or a filter (--victim, --customer, --vector, --site)",
            "everything at once: prefixdctl panic",
        )
    rows = _live(call)
    if rows and not words.yes:
        listed = [f"{row['mitigation_id']}  {row['victim_ip']}  {row['vector']}" for row in rows]
        for line in listed:
            call.out.say(line)
        call.prompt.insist(f"This withdraws {len(rows)}.", str(len(rows)), "--yes")
    return [row["mitigation_id"] for row in rows]


def _live(call: Call) -> list[Any]:
    query = {**_asked(call), "status": LIVE, "limit": LARGEST_PAGE}
    tree = call.get("/v1/mitigations", **query).tree
    rows = list(tree["mitigations"])
    while tree["has_more"]:
        tree = call.get("/v1/mitigations", **{**query, "cursor": tree["next_cursor"]}).tree
        rows += tree["mitigations"]
    return rows


def _asked(call: Call) -> dict[str, object]:
    return {
        "status": call.word("status"),
        "customer_id": call.word("customer"),
        "victim_ip": call.word("victim_ip"),
        "vector": call.word("vector"),
        "pop": call.word("site"),
        "acknowledged": "false" if call.word("unacknowledged") else None,
    }


def _bulk(call: Call, ids: Sequence[str], path: str, body: dict[str, str], done: str) -> int:
    if not ids:
        call.out.say("nothing matches")
        return ExitCode.OK
    results: list[Any] = []
    for at in range(0, len(ids), MOST_IDS):
        part = {"mitigation_ids": list(ids[at : at + MOST_IDS]), **body}
        tree = call.ask("POST", path, part).tree
        results += tree["results"]
    failed = sum(row["status"] == "error" for row in results)
    whole = {done: len(results) - failed, "failed": failed, "results": results}
    report_items(call, whole, done)
    return ExitCode.REFUSED if failed else ExitCode.OK


def report_items(call: Call, tree: Any, done: str) -> None:
    rows = [
        Column("ID", "mitigation_id"),
        Column("STATUS", "status"),
        Column("ERROR", "error", shrink=True),
    ]
    call.out.rows(tree, tree["results"], rows, empty="nothing to do")
    if call.out.is_table and tree["results"]:
        call.out.lines([f"{tree[done]} {done}, {tree['failed']} failed"])


def panic(call: Call) -> int:
    health = call.get("/v1/health/detail").tree
    sentence = f"withdraw all of {health['pop']}"
    if call.words.confirm is None:
        count = health["active_mitigations"]
        question = f"This withdraws all {count} active mitigations of {health['pop']}, now."
        call.prompt.insist(question, sentence, f"--confirm '{sentence}'")
        confirm = sentence
    else:
        confirm = call.words.confirm
    body = {"reason": call.words.reason, "confirm": confirm}
    tree = call.ask("POST", "/v1/panic", body).tree
    report_items(call, tree, "withdrawn")
    return ExitCode.REFUSED if tree["failed"] else ExitCode.OK


_REASON = arg(
    "-r", "--reason", required=True, metavar="TEXT", help="reason, kept in the audit trail"
)
_IDS = arg("id", nargs="*", metavar="ID", completer=LIVE_MITIGATIONS, help="one or several")
COMMANDS = (
    Command(
        path=("mitigations", "list"), summary="mitigations, newest first", run=list_mitigations,
        repeats=True, arguments=(*FILTERS, *PERIOD, *PAGING),
        example="prefixdctl mitigations list -s active,escalated --watch\n"
        "prefixdctl mitigations list --all -f csv > all.csv",
    ),
    Command(
        path=("mitigations", "get"), summary="one, in full", run=get, repeats=True,
        arguments=(arg("id", metavar="ID", completer=MITIGATIONS, help="its id"),),
        example="prefixdctl mitigations get 01a1fc36-aaf0-7465-a881-f86d63249002",
    ),
    Command(
        path=("mitigations", "create"), summary="create a manual mitigation", run=create,
        arguments=(*RULE, _REASON),
        example="prefixdctl mitigations create 198.51.100.20 discard --protocol udp --ttl 30m "
        "-r 'NOC ticket 4711'",
        about="`preview` shows what it would do.",
    ),
    Command(
        path=("mitigations", "extend"), summary="extend the lifetime of one", run=extend,
        arguments=(
            arg("id", metavar="ID", completer=LIVE_MITIGATIONS, help="its id"),
            arg("ttl", type=parse_duration, metavar="TIME", help="from now: 600, 10m, 2h"),
        ),
        example="prefixdctl mitigations extend 01a1fc36-aaf0-7465-a881-f86d63249002 30m",
    ),
    Command(
        path=("mitigations", "acknowledge"), summary="acknowledge", run=acknowledge,
        arguments=(_IDS, flag("--all-live", help="every live one")),
        example="prefixdctl mitigations acknowledge --all-live",
    ),
    Command(
        path=("mitigations", "withdraw"), summary="withdraw one, several, or all that match",
        run=withdraw,
        arguments=(
            _IDS, _REASON,
            arg("-o", "--operator", metavar="NAME",
                help="accepted for older scripts; the service knows who you are"),
            *FILTERS[1:5],
            flag("--yes", help="do not ask when a filter selects them"),
        ),
        example="prefixdctl mitigations withdraw 01a1fc36-aaf0-7465-a881-f86d63249002 -r over\n"
        "prefixdctl mitigations withdraw --victim 198.51.100.20 -r 'false alarm'",
    ),
    Command(
        path=("panic",), summary="withdraw everything of this site, after a typed confirmation",
        run=panic,
        arguments=(
            arg("-r", "--reason", required=True, metavar="TEXT", help="why"),
            arg("--confirm", metavar="TEXT",
                help="the sentence to type, for scripts: 'withdraw all of SITE'"),
        ),
        example="prefixdctl panic -r 'router trouble, ticket 4712'",
        about="New attacks create new mitigations. To prevent that too, set `mode: dry-run`.",
    ),
)  # fmt: skip
