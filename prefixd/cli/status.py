"""How is it: the service, its parts, its neighbors; and the numbers."""

from typing import Any

from prefixd.cli.amount import duration
from prefixd.cli.context import Call, times_of
from prefixd.cli.failure import ExitCode
from prefixd.cli.grammar import Command, arg
from prefixd.cli.service import segment
from prefixd.cli.table import Column


def status(call: Call) -> int:
    """Degraded is worth an exit code: a check script need not read the text."""
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
        speaker = "no neighbors: nobody is told of any rule"
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
        Column(title="FROM", cell=lambda row: times(row["bucket"])),
        Column(title=words.metric.upper(), cell=lambda row: row["count"], right=True),
    ]
    if call.out.is_table:
        columns.append(Column(title="", cell=lambda row: _bar(row["count"], most)))
    call.out.rows(tree, tree["buckets"], columns, empty="no buckets")


def _bar(count: int, most: int) -> str:
    return "█" * (-(-24 * count // most) if most else 0) or " "


def pops(call: Call) -> None:
    tree = call.get("/v1/pops").tree
    columns = [
        Column(title="POP", cell=lambda row: row["pop"]),
        Column(title="ACTIVE", cell=lambda row: row["active_mitigations"], right=True),
        Column(title="EVER", cell=lambda row: row["total_mitigations"], right=True),
    ]
    call.out.rows(tree, tree, columns, empty="no sites")


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
            ("Customer", customer.get("name") or "nobody in the inventory"),
            ("Customer id", customer.get("customer_id")),
            ("Policy profile", customer.get("policy_profile")),
            ("Service", service.get("name")),
        ],
    )
    call.out.heading("Mitigations")
    columns = [
        Column(title="ID", cell=lambda row: row["mitigation_id"]),
        Column(title="STATUS", cell=lambda row: row["status"]),
        Column(title="ACTION", cell=lambda row: row.get("action") or row["action_type"]),
        Column(title="CREATED", cell=lambda row: times(row["created_at"])),
    ]
    call.out.rows(tree, tree["mitigations"], columns, empty="no mitigations")
    call.out.heading("Events")
    call.out.rows(tree, tree["events"], _history_columns(times), empty="no events")


def _history_columns(times: Any) -> list[Column]:
    return [
        Column(title="AT", cell=lambda row: times(row["ingested_at"])),
        Column(title="SOURCE", cell=lambda row: row["source"], shrink=True),
        Column(title="VECTOR", cell=lambda row: row["vector"]),
        Column(title="OUTCOME", cell=lambda row: row.get("outcome")),
        Column(title="REASON", cell=lambda row: row.get("reason"), shrink=True, drop=1),
    ]


_SESSIONS = [
    Column(title="PEER", cell=lambda row: row[0]),
    Column(title="STATE", cell=lambda row: row[1]),
]

COMMANDS = (
    Command(
        path=("status",), summary="how the service and its parts are", run=status, repeats=True,
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
        path=("history",), summary="everything known about one address", run=history,
        arguments=(
            arg("ip", metavar="ADDRESS", help="an IPv4 or IPv6 address"),
            arg("-l", "--limit", type=int, default=100, metavar="N",
                help="rows of each list; default 100"),
        ),
        example="prefixdctl history 198.51.100.20",
    ),
)  # fmt: skip
