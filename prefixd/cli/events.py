"""Events of detectors: the list, one manual event, many from a file."""

import json
from typing import Any

from prefixd.cli.amount import bit_rate, packet_rate, parse_rate
from prefixd.cli.completion import SITES
from prefixd.cli.context import Call, given, pages, say_rest, times_of
from prefixd.cli.failure import ExitCode, usage
from prefixd.cli.files import read_text
from prefixd.cli.grammar import PAGING, PERIOD, Command, arg, flag
from prefixd.cli.table import Column

BATCH = 100


def list_events(call: Call) -> None:
    words = call.words
    answer, tree = pages(
        call, "/v1/events", "events", source=words.source, victim_ip=words.victim_ip,
        vector=words.vector, outcome=words.outcome, action=words.action, pop=words.site,
    )  # fmt: skip
    times = times_of(answer)
    columns = [
        Column("AT", lambda row: times(row["ingested_at"])),
        Column("SOURCE", "source", shrink=True),
        Column("VICTIM_IP", "victim_ip"),
        Column("VECTOR", "vector"),
        Column("BITS", lambda row: bit_rate(row["bps"]), right=True, drop=2),
        Column("PACKETS", lambda row: packet_rate(row["pps"]), right=True, drop=3),
        Column("OUTCOME", "outcome"),
        Column("REASON", "reason", shrink=True, drop=1),
    ]
    call.out.rows(tree, tree["events"], columns, empty="no events")
    say_rest(call, tree)


def send(call: Call) -> None:
    words = call.words
    event = {
        "timestamp": words.timestamp or call.clock.now().isoformat().replace("+00:00", "Z"),
        "source": words.source,
        "victim_ip": words.victim,
        "vector": words.vector,
        "event_id": words.event_id,
        "bps": words.bps,
        "pps": words.pps,
        "confidence": words.confidence,
        "top_dst_ports": words.port or None,
        "action": "unban" if words.over else "ban",
        "force": words.force or None,
    }
    tree = call.ask("POST", "/v1/events", given(event)).tree
    made = f", mitigation {tree['mitigation_id']}" if tree.get("mitigation_id") else ""
    call.out.done(tree, f"{tree.get('outcome', tree['status'])}{made}: {tree.get('reason', '')}")


def batch(call: Call) -> int:
    """Chunks of a hundred, one after another: the service answers each when it is durable."""
    events = read_events(call.words.file)
    results: list[Any] = []
    for at in range(0, len(events), BATCH):
        part = call.ask("POST", "/v1/events/batch", {"events": events[at : at + BATCH]}).tree
        results += [{**row, "index": row["index"] + at} for row in part["results"]]
        call.out.progress(_progress(len(results), len(events)))
    call.out.progress("")
    rejected = [row for row in results if row["status"] == "rejected"]
    tree = {
        "accepted": len(results) - len(rejected),
        "rejected": len(rejected),
        "results": results,
    }
    columns = [
        Column("LINE", lambda row: row["index"] + 1, right=True),
        Column("STATUS", "status"),
        Column("ERROR", "error", shrink=True),
    ]
    if not call.out.is_table or rejected:
        call.out.rows(tree, rejected if call.out.is_table else results, columns, empty="")
    if call.out.is_table:
        call.out.lines([f"{tree['accepted']} accepted, {tree['rejected']} rejected"])
    return ExitCode.REFUSED if rejected else ExitCode.OK


def read_events(path: str) -> list[Any]:
    """A JSON list, an object with `events`, or one JSON object a line."""
    text = read_text(path)
    try:
        tree = json.loads(text)
    except ValueError:
        return _lines(path, text)
    if isinstance(tree, dict):
        tree = tree["events"] if isinstance(tree.get("events"), list) else [tree]
    if not isinstance(tree, list) or not tree:
        raise usage(f"no events in {path}")
    return tree


def _lines(path: str, text: str) -> list[Any]:
    events = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            events.append(json.loads(line))
        except ValueError as error:
            raise usage(f"{path}:{number}: not JSON: {error}") from error
    if not events:
        raise usage(f"no events in {path}")
    return events


def _progress(done: int, total: int) -> str:
    filled = 30 * done // total
    return f"[{'#' * filled}{'.' * (30 - filled)}] {done} of {total}"


def corroborate(call: Call) -> None:
    words = call.words
    body = given(
        {
            "source": words.source,
            "vector": words.vector,
            "customer_id": words.customer_id,
            "pop": words.pop,
            "service_id": words.service_id,
            "interface": words.interface,
            "confidence": words.confidence,
        }
    )
    if not {"customer_id", "pop", "service_id", "interface"} & set(body):
        raise usage("give at least one of --customer-id, --pop, --service-id, --interface")
    tree = call.ask("POST", "/v1/signals/corroborator", body).tree
    groups = ", ".join(tree["attached_group_ids"])
    call.out.done(tree, f"{tree['status']}{': ' + groups if groups else ''} ({tree['signal_id']})")


def activity(call: Call) -> None:
    answer = call.get("/v1/signals/corroborator/activity", minutes=call.words.minutes)
    tree, times = answer.tree, times_of(answer)
    columns = [
        Column("SOURCE", "source"),
        Column("SIGNALS", "count", right=True),
        Column("LAST_SEEN", lambda row: times(row["last_seen"])),
    ]
    call.out.rows(tree, tree["sources"], columns, empty="no recent corroborating signals")


def waiting(call: Call) -> None:
    words = call.words
    answer = call.get("/v1/signals/corroborator/cache", limit=words.limit, source=words.source)
    tree, times = answer.tree, times_of(answer)
    columns = [
        Column("ID", "signal_id"),
        Column("SOURCE", "source"),
        Column("CUSTOMER", "customer_id"),
        Column("POP", "pop"),
        Column("INTERFACE", "interface", shrink=True),
        Column("EXPIRES", lambda row: times(row["expires_at"])),
    ]
    call.out.rows(tree, tree["signals"], columns, empty="nothing pending")


_CONFIDENCE = arg("--confidence", type=float, metavar="NUMBER", help="0 to 1")
COMMANDS = (
    Command(
        path=("events", "list"), summary="events, newest first", run=list_events, repeats=True,
        arguments=(
            arg("--source", metavar="NAME", help="only from this source"),
            arg("--victim", dest="victim_ip", metavar="ADDRESS", help="only about this address"),
            arg("--vector", metavar="WORD", help="only of this kind"),
            arg("--outcome", metavar="WORD", help="only with this outcome: mitigated, held, ..."),
            arg("--action", choices=("ban", "unban"), help="only starts, or only ends"),
            arg("--site", metavar="POP", completer=SITES, help="only of this site"),
            *PERIOD, *PAGING,
        ),
        example="prefixdctl events list --victim 198.51.100.20 --since 24h",
    ),
    Command(
        path=("events", "send"), summary="report an attack or its end manually", run=send,
        arguments=(
            arg("victim", metavar="ADDRESS", help="the attacked address"),
            arg("vector", metavar="VECTOR", help="udp_flood, syn_flood, dns_amplification, ..."),
            arg("--source", default="prefixdctl", metavar="NAME", help="default prefixdctl"),
            arg("--bps", type=parse_rate, metavar="RATE", help="bits per second: 2.5G"),
            arg("--pps", type=parse_rate, metavar="RATE", help="packets per second: 300k"),
            _CONFIDENCE,
            arg("--port", type=int, action="append", default=[], metavar="PORT",
                help="attacked port; may be repeated"),
            arg("--event-id", metavar="TEXT", help="the detector's own id"),
            arg("--timestamp", metavar="TIME", help="when it was seen; default now"),
            flag("--over", help="the attack is over"),
            flag("--force", help="mitigate even if too few sources agree"),
        ),
        example="prefixdctl events send 198.51.100.20 udp_flood --bps 2.5G --confidence 0.9",
    ),
    Command(
        path=("events", "batch"), summary="report all events of a file", run=batch,
        arguments=(arg("file", metavar="FILE", help="JSON list or JSON lines; - reads stdin"),),
        example="prefixdctl events batch attacks.jsonl",
        about="Exit code 1 when any event was rejected; the others are accepted.",
    ),
    Command(
        path=("send-corroborator",), summary="report evidence without a victim address",
        run=corroborate,
        arguments=(
            arg("-s", "--source", required=True, metavar="NAME", help="a corroborating source"),
            arg("-v", "--vector", metavar="TEXT", help="vector"),
            arg("--customer-id", metavar="ID", help="customer"),
            arg("--pop", metavar="NAME", completer=SITES, help="site"),
            arg("--service-id", metavar="ID", help="service"),
            arg("--interface", metavar="NAME", help="interface"),
            _CONFIDENCE,
        ),
        example="prefixdctl send-corroborator -s snmp --interface edge1:xe-0/0/0 --confidence 0.8",
    ),
    Command(
        path=("corroborators", "activity"), summary="corroborating sources of the last minutes",
        run=activity, repeats=True,
        arguments=(arg("--minutes", type=int, default=60, metavar="N", help="default 60"),),
        example="prefixdctl corroborators activity --minutes 15",
    ),
    Command(
        path=("corroborators", "waiting"), summary="evidence that has no group yet", run=waiting,
        repeats=True,
        arguments=(
            arg("-l", "--limit", type=int, default=100, metavar="N", help="default 100"),
            arg("--source", metavar="NAME", help="only from this source"),
        ),
        example="prefixdctl corroborators waiting",
    ),
)  # fmt: skip
