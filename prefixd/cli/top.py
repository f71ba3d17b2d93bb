"""One live page for the wall: health, neighbours, the newest rules, how much arrives."""

from dataclasses import dataclass
from typing import Any

from prefixd.cli.amount import duration
from prefixd.cli.call import Call, since
from prefixd.cli.grammar import Command, arg
from prefixd.cli.mitigations import LIVE, columns
from prefixd.cli.peers import peer_columns


@dataclass(slots=True)
class Rates:
    """Counts of the last look, to say how many came since."""

    at_s: float | None = None
    events: int = 0
    mitigations: int = 0

    def per_minute(self, now_s: float, events: int, mitigations: int) -> str:
        before, self.at_s = self.at_s, now_s
        came, made = events - self.events, mitigations - self.mitigations
        self.events, self.mitigations = events, mitigations
        if before is None or now_s <= before:
            return "-"
        minutes = (now_s - before) / 60
        return f"{came / minutes:.0f} events, {made / minutes:.0f} new mitigations a minute"


_rates = Rates()


def top(call: Call) -> None:
    health = call.get("/v1/health/detail").tree
    totals = call.get("/v1/stats").tree
    neighbours = call.get("/v1/bgp/peers")
    newest = call.get("/v1/mitigations", status=LIVE, limit=call.words.rules)
    rates = _rates.per_minute(
        call.clock.monotonic(), totals["total_events"], totals["total_mitigations"]
    )
    if call.out.form != "table":
        call.out.json(
            {
                "health": health,
                "stats": totals,
                "peers": neighbours.tree["peers"],
                "mitigations": newest.tree["mitigations"],
            }
        )
        return
    call.out.lines(_head(call, health, rates))
    call.out.heading("Neighbours")
    rows = neighbours.tree["peers"]
    call.out.rows(rows, rows, peer_columns(since(neighbours)), empty="no neighbours")
    call.out.heading("Newest rules")
    live = newest.tree["mitigations"]
    call.out.rows(live, live, columns(since(newest)), empty="no rules")


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
        path=("top",), summary="a live page: health, neighbours, newest rules, rates", run=top,
        repeats=True,
        arguments=(arg("--rules", type=int, default=10, metavar="N", help="rules; default 10"),),
        example="prefixdctl top",
        about="On a terminal it shows itself again every 2 seconds until interrupted.",
    ),
)  # fmt: skip
