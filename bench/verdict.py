"""Flat or not: the last third of a run against its first.

Allowances are for a machine that has other work: what they let through is noise, what grows with
time is not, because it would be larger in the longer run of the night. When the daemon had to wait
for a processor for a good part of the time, latency says nothing about the daemon and is not
judged; memory always is.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MEMORY_FACTOR, MEMORY_MIB = 1.05, 2.0
LATENCY_FACTOR, LATENCY_MS = 1.5, 5.0
RATE_SHARE = 0.98
STARVED_SHARE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some seconds of a run; depths and lag are the worst that was seen."""

    until_s: int
    answered: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    rss_mib: float
    cpu_share: float
    starved_share: float
    """Of the time: ready to run, and no processor free."""
    lag_ms: float
    queue: int
    outbox: int


def table_head() -> str:
    names = (
        "until s", "events/s", "p50 ms", "p99 ms", "worst ms", "RSS MiB", "CPU", "waiting for CPU",
        "loop lag ms", "queue", "outbox",
    )  # fmt: skip
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def table_row(part: Part, seconds: int) -> str:
    cells = (
        f"{part.until_s}",
        f"{part.answered / seconds:.0f}",
        f"{part.p50_ms:.1f}",
        f"{part.p99_ms:.1f}",
        f"{part.worst_ms:.1f}",
        f"{part.rss_mib:.1f}",
        f"{part.cpu_share:.2f}",
        f"{part.starved_share:.2f}",
        f"{part.lag_ms:.1f}",
        f"{part.queue}",
        f"{part.outbox}",
    )
    return f"| {' | '.join(cells)} |"


def starved(parts: Sequence[Part]) -> bool:
    return statistics.mean(part.starved_share for part in parts) > STARVED_SHARE


def verdict(parts: Sequence[Part], seconds: int, rate: int) -> list[str]:
    """What is not flat; empty when everything is."""
    third = max(1, len(parts) // 3)
    first, last = parts[:third], parts[-third:]
    problems = []

    def grew(name: str, of: Callable[[Part], float], factor: float, more: float, unit: str) -> None:
        # A single bad moment of the machine is not a trend.
        early, late = (statistics.median(map(of, some)) for some in (first, last))
        if late > early * factor + more:
            problems.append(f"{name} from {early:.1f} to {late:.1f} {unit}")

    grew("memory", lambda part: part.rss_mib, MEMORY_FACTOR, MEMORY_MIB, "MiB")
    if starved(parts):
        return problems
    grew("median latency", lambda part: part.p50_ms, LATENCY_FACTOR, LATENCY_MS, "ms")
    grew("p99 latency", lambda part: part.p99_ms, 2 * LATENCY_FACTOR, 10 * LATENCY_MS, "ms")
    answered = sum(part.answered for part in parts)
    wanted = rate * seconds * len(parts)
    if answered < wanted * RATE_SHARE:
        problems.append(f"only {answered} of {wanted} events were answered in time")
    return problems
