"""One live page for the wall: health, neighbors, the newest rules, how much arrives."""

from typing import Any

from prefixd.cli.amount import duration
from prefixd.cli.context import Call, times_of
from prefixd.cli.grammar import Command, arg
from prefixd.cli.mitigations import LIVE, columns
from prefixd.cli.peers import peer_columns


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
        call.out.rows(tree, live, columns(times_of(newest)), empty="no rules")
        return
    rates = per_minute(call, totals["total_events"], totals["total_mitigations"])
    call.out.lines(_head(call, health, rates))
    call.out.heading("Neighbors")
    call.out.rows(tree, tree["peers"], peer_columns(times_of(neighbors)), empty="no neighbors")
    call.out.heading("Newest rules")
    call.out.rows(tree, live, columns(times_of(newest)), empty="no rules")


def per_minute(call: Call, events: int, mitigations: int) -> str:
    """How many came since the last look of this `--watch`."""
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


COMMANDS = (
    Command(
        path=("top",), summary="a live page: health, neighbors, newest rules, rates", run=top,
        repeats=True,
        arguments=(arg("--rules", type=int, default=10, metavar="N", help="rules; default 10"),),
        example="prefixdctl top",
        about="On a terminal it shows itself again every 2 seconds until interrupted.",
    ),
)  # fmt: skip
