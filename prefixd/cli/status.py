"""The state of the service, its neighbors and its newest rules; totals and series."""

from typing import Any

from prefixd.cli.amount import duration
from prefixd.cli.context import Call, times_of
from prefixd.cli.failure import ExitCode
from prefixd.cli.grammar import Command, arg
from prefixd.cli.mitigations import LIVE, mitigation_columns
from prefixd.cli.peers import peer_columns
from prefixd.cli.table import Column


def status(call: Call) -> int:
    """Degraded has an exit code: a check script need not read the text."""
    tree = call.get("/v1/health/detail").tree
    call.out.facts(tree, _facts(tree))
    sessions = tree.get("bgp_sessions") or {}
    if call.out.is_table and sessions:
        call.out.heading("BGP sessions")
        call.out.rows(tree, list(sessions.items()), _SESSIONS, empty="")
    return ExitCode.OK if tree.get("status") == "healthy" else ExitCode.REFUSED


def _facts(tree: Any) -> list[tuple[str, object]]:
    bgp = tree.get("gobgp") or {}
    speaker = bgp.get("status")
    if not tree.get("bgp_sessions"):
        speaker = "no neighbors configured: rules are not announced"
    if bgp.get("error"):
        speaker = f"{speaker}: {bgp['error']}"
    return [
        ("Status", tree.get("status")),
        ("Reasons", "; ".join(tree.get("reasons") or [])),
        ("Active mitigations", str(tree.get("active_mitigations"))),
        ("Database", tree.get("database")),
        ("BGP", speaker),
        ("Mode", "dry-run: nothing is announced" if tree.get("dry_run") else "enforced"),
        ("Waiting work", str(tree.get("queue_depth", "-"))),
        ("POP", tree.get("pop")),
        ("Version", tree.get("version")),
        ("Uptime", duration(tree.get("uptime_seconds") or 0)),
        ("Authentication", tree.get("auth_mode")),
    ]


def stats(call: Call) -> None:
    tree = call.get("/v1/stats").tree
    actions = tree.get("active_by_action") or {}
    call.out.facts(
        tree,
        [
            ("Active mitigations", str(tree["total_active"])),
            ("Mitigations ever", str(tree["total_mitigations"])),
            ("Events ever", str(tree["total_events"])),
            ("Active by action", ", ".join(f"{count} {word}" for word, count in actions.items())),
        ],
    )


def series(call: Call) -> None:
    words = call.words
    answer = call.get(
        "/v1/stats/timeseries", metric=words.metric, range=words.range, bucket=words.bucket
    )
    tree, times = answer.tree, times_of(answer)
    most = max((row["count"] for row in tree["buckets"]), default=0)
    columns = [
        Column("FROM", lambda row: times(row["bucket"])),
        Column(words.metric.upper(), "count", right=True),
    ]
    if call.out.is_table:
        columns.append(Column("", lambda row: _bar(row["count"], most)))
    call.out.rows(tree, tree["buckets"], columns, empty="no buckets")


def _bar(count: int, most: int) -> str:
    return "█" * (-(-24 * count // most) if most else 0) or " "


def pops(call: Call) -> None:
    tree = call.get("/v1/pops").tree
    columns = [
        Column("POP", "pop"),
        Column("ACTIVE", "active_mitigations", right=True),
        Column("EVER", "total_mitigations", right=True),
    ]
    call.out.rows(tree, tree, columns, empty="no sites")


def top(call: Call) -> None:
    health = call.get("/v1/health/detail").tree
    totals = call.get("/v1/stats").tree
    neighbors = call.get("/v1/bgp/peers")
    newest = call.get("/v1/mitigations", status=LIVE, limit=call.words.rules)
    live = newest.tree["mitigations"]
    tree = {
        "health": health,
        "stats": totals,
        "peers": neighbors.tree["peers"],
        "mitigations": live,
    }
    if not call.out.is_table:
        call.out.rows(tree, live, mitigation_columns(times_of(newest)), empty="no rules")
        return
    rates = per_minute(call, totals["total_events"], totals["total_mitigations"])
    call.out.lines(_head(call, health, rates))
    call.out.heading("Neighbors")
    call.out.rows(tree, tree["peers"], peer_columns(times_of(neighbors)), empty="no neighbors")
    call.out.heading("Newest rules")
    call.out.rows(tree, live, mitigation_columns(times_of(newest)), empty="no rules")


def per_minute(call: Call, events: int, mitigations: int) -> str:
    """How many arrived since the last page of this `--watch`."""
    now = {"at_s": call.clock.monotonic(), "events": events, "mitigations": mitigations}
    before = dict(call.last_look)
    call.last_look.update(now)
    if not before or now["at_s"] <= before["at_s"]:
        return "-"
    minutes = (now["at_s"] - before["at_s"]) / 60
    came = (events - before["events"]) / minutes
    made = (mitigations - before["mitigations"]) / minutes
    return f"{came:.0f} events, {made:.0f} new mitigations a minute"


def _head(call: Call, health: Any, rates: str) -> list[str]:
    parts = [
        f"prefixd {health['version']} at {health['pop']}",
        call.out.painted(health["status"]),
        f"up {duration(health['uptime_seconds'])}",
        f"{health['active_mitigations']} active",
        rates,
    ]
    lines = ["  ".join(parts)]
    lines += [f"  {reason}" for reason in health.get("reasons") or []]
    return lines


_SESSIONS = [
    Column("PEER", lambda row: row[0]),
    Column("STATE", lambda row: row[1]),
]

COMMANDS = (
    Command(
        path=("status",), summary="state of the service and its parts", run=status, repeats=True,
        example="prefixdctl status", about="Exit code 1 when it is not healthy.",
    ),
    Command(
        path=("stats",), summary="totals", run=stats, repeats=True,
        example="prefixdctl stats -f json",
    ),
    Command(
        path=("series",), summary="mitigations or events over time", run=series, repeats=True,
        arguments=(
            arg("metric", nargs="?", choices=("mitigations", "events"), default="mitigations",
                help="default mitigations"),
            arg("--range", default="24h", metavar="SPAN", help="how far back; default 24h"),
            arg("--bucket", default="1h", metavar="SPAN", help="size of a step; default 1h"),
        ),
        example="prefixdctl series events --range 7d --bucket 6h",
    ),
    Command(
        path=("pops",), summary="sites and their counts", run=pops, repeats=True,
        example="prefixdctl pops",
    ),
    Command(
        path=("top",), summary="a live page: health, neighbors, newest rules, rates", run=top,
        repeats=True,
        arguments=(arg("--rules", type=int, default=10, metavar="N", help="rules; default 10"),),
        example="prefixdctl top",
        about="On a terminal it refreshes every 2 seconds until interrupted.",
    ),
)  # fmt: skip
