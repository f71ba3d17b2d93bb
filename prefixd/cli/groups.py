"""Signal groups: what several detectors report of one attack, and the decisions about it."""

import json
from typing import Any

from prefixd.cli.client import segment
from prefixd.cli.completion import GROUP_STATE, GROUPS, SITES
from prefixd.cli.context import Call, Times, pages, say_rest, times_of
from prefixd.cli.grammar import PAGING, PERIOD, Command, arg
from prefixd.cli.table import Column


def list_groups(call: Call) -> None:
    words = call.words
    answer, tree = pages(
        call, "/v1/signal-groups", "groups", status=words.status, state=words.state,
        vector=words.vector, victim_ip=words.victim_ip, customer_id=words.customer,
        source=words.source, met=words.met, has_mitigation=words.mitigated, pop=words.site,
    )  # fmt: skip
    times = times_of(answer)
    columns = [
        Column("ID", "group_id"),
        Column("STATE", lambda row: row.get("state") or row["status"]),
        Column("VICTIM_IP", "victim_ip"),
        Column("VECTOR", "vector", drop=3),
        Column("SOURCES", "source_count", right=True),
        Column("CONFIDENCE", "derived_confidence", right=True),
        Column("AGREED", "corroboration_met"),
        Column("OPENED", lambda row: times(row["created_at"]), drop=1),
        Column("HELD BECAUSE", "held_reason", drop=2),
    ]
    call.out.rows(tree, tree["groups"], columns, empty="no signal groups")
    say_rest(call, tree)


def get(call: Call) -> None:
    answer = call.get(f"/v1/signal-groups/{segment(call.words.id)}")
    tree, times = answer.tree, times_of(answer)
    call.out.facts(tree, _facts(tree, times))
    if not call.out.is_table:
        return
    call.out.heading("Evidence")
    columns = [
        Column("SOURCE", "source"),
        Column("STATE", "state"),
        Column("VECTOR", "vector"),
        Column("WEIGHT", "source_weight", right=True),
        Column("CONFIDENCE", "confidence", right=True),
        Column("CORROBORATES", "is_corroborating", drop=2),
        Column("LAST SEEN", lambda row: times(row.get("last_seen_at"))),
    ]
    call.out.rows(tree, tree["events"], columns, empty="no evidence")


def _facts(tree: Any, times: Times) -> list[tuple[str, object]]:
    return [
        ("ID", tree["group_id"]),
        ("State", tree.get("state") or tree["status"]),
        ("Victim", tree["victim_ip"]),
        ("Vector", tree["vector"]),
        ("Opened", times(tree["created_at"])),
        ("Window ends", times(tree["window_expires_at"])),
        ("Confidence", tree["derived_confidence"]),
        ("Sources", tree["source_count"]),
        ("Agreed", "yes" if tree["corroboration_met"] else "no"),
        ("Held because", tree.get("held_reason")),
        ("Closed because", tree.get("close_reason")),
        ("Playbook", tree.get("playbook_name")),
        ("POP", tree.get("pop")),
        ("Mitigations", tree.get("mitigation_ids")),
    ]


def decisions(call: Call) -> None:
    answer = call.get(f"/v1/signal-groups/{segment(call.words.id)}/decisions")
    tree, times = answer.tree, times_of(answer)
    columns = [
        Column("AT", lambda row: times(row["at"])),
        Column("OUTCOME", "outcome"),
        Column("TRIGGER", "trigger", drop=1),
        Column("ID", "decision_id", drop=2),
        Column("WHY", "text", shrink=True),
    ]
    call.out.rows(tree, tree, columns, empty="no decisions")


def decision(call: Call) -> None:
    answer = call.get(f"/v1/decisions/{segment(call.words.id)}")
    tree, times = answer.tree, times_of(answer)
    call.out.facts(
        tree,
        [
            ("ID", tree["decision_id"]),
            ("At", times(tree["at"])),
            ("Outcome", tree["outcome"]),
            ("Trigger", tree["trigger"]),
            ("Why", tree["text"]),
            ("Playbook", tree["playbook"]),
            ("Signal group", tree["group_id"]),
            ("Event", tree["event_id"]),
            ("Mitigation", tree["mitigation_id"]),
        ],
    )
    if call.out.is_table and tree.get("record"):
        call.out.heading("Record")
        call.out.text(json.dumps(tree["record"], indent=2, ensure_ascii=False))


def approve(call: Call) -> None:
    call.ask("POST", f"/v1/signal-groups/{segment(call.words.id)}/approve")
    call.out.done({"approved": call.words.id}, f"{call.words.id} approved")


def dismiss(call: Call) -> None:
    body = {"reason": call.words.reason}
    call.ask("POST", f"/v1/signal-groups/{segment(call.words.id)}/dismiss", body)
    call.out.done({"dismissed": call.words.id}, f"{call.words.id} dismissed")


_ID = arg("id", metavar="ID", completer=GROUPS, help="its id")
_YES_NO = ("true", "false")
COMMANDS = (
    Command(
        path=("groups", "list"), summary="signal groups, newest first", run=list_groups,
        repeats=True,
        arguments=(
            arg("-s", "--status", choices=("open", "resolved", "expired"), help="older words"),
            arg("--state", metavar="WORD", completer=GROUP_STATE,
                help="open, ready, mitigating, held, unowned, clearing, closed"),
            arg("--vector", metavar="WORD", help="only of this kind"),
            arg("--victim", dest="victim_ip", metavar="ADDRESS", help="only about this address"),
            arg("-c", "--customer", metavar="ID", help="only of this customer"),
            arg("--source", metavar="NAME", help="only with events of this source"),
            arg("--met", choices=_YES_NO, help="whether sources agree"),
            arg("--mitigated", choices=_YES_NO, help="whether there is a mitigation"),
            arg("--site", metavar="POP", completer=SITES, help="only of this site"),
            *PERIOD, *PAGING,
        ),
        example="prefixdctl groups list --state held",
    ),
    Command(
        path=("groups", "get"), summary="one group with its evidence", run=get, repeats=True,
        arguments=(_ID,), example="prefixdctl groups get 01a1fc36-aaf0-7464-b60e-1db59833aaf0",
    ),
    Command(
        path=("groups", "decisions"), summary="decisions about one group, newest first",
        run=decisions, arguments=(_ID,),
        example="prefixdctl groups decisions 01a1fc36-aaf0-7464-b60e-1db59833aaf0",
    ),
    Command(
        path=("groups", "approve"), summary="approve a group that waits for it", run=approve,
        arguments=(_ID,), example="prefixdctl groups approve 01a1fc36-aaf0-7464-b60e-1db59833aaf0",
    ),
    Command(
        path=("groups", "dismiss"), summary="close a group without acting", run=dismiss,
        arguments=(_ID, arg("-r", "--reason", required=True, metavar="TEXT", help="why")),
        example="prefixdctl groups dismiss 01a1fc36-aaf0-7464-b60e-1db59833aaf0 -r 'load test'",
    ),
    Command(
        path=("decision",), summary="one decision: inputs, numbers, reasons", run=decision,
        arguments=(arg("id", metavar="ID", help="its id"),),
        example="prefixdctl decision 01a1fc36-aaf0-7464-b60e-1db59833aaf1",
    ),
)  # fmt: skip
