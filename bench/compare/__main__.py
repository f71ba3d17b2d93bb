"""GoBGP, ExaBGP, BIRD and prefixd announce the same rules to the same sink, in turns.

    python -m bench.compare [--rules 1000 10000] [--repeats 3] [--svg docs/compare.svg]

All speakers are up and have all rules; in each round the sink listens for one after the other, so
what is timed is the way of a whole table to a router that has just come up: from the speaker's
first KEEPALIVE to the last rule. CPU seconds are those of the speaker's process from then to the
last rule, memory is its peak. Medians over the rounds.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.compare.plot import bars
from bench.compare.sink import Sink
from bench.compare.speakers import ASN, SINK, SPEAKERS, version_of
from tests.kit.daemon_process import free_port

LIMIT_S = 120
SLOW_AT_MANY = {"ExaBGP": 10_000}
"""More rules than this are left out: reading them takes minutes, telling them too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    seconds: float
    updates: int
    octets: int
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Speaking:
    name: str
    pid: int
    port: int
    """Of the sink it calls."""


def cpu_seconds(pid: int) -> float:
    """Of all threads, to the nanosecond; /proc/PID/stat counts hundredths of a second."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(speaking: Speaking, rules: int) -> Result:
    sink = Sink(SINK, speaking.port, ASN, rules)
    before = cpu_seconds(speaking.pid)
    sink.listen()
    complete = sink.done.wait(LIMIT_S)
    found = Result(
        seconds=sink.last_at - sink.up_at,
        updates=sink.updates,
        octets=sink.octets,
        cpu_s=cpu_seconds(speaking.pid) - before,
        peak_mib=peak_mib(speaking.pid),
    )
    sink.close()
    if not complete:
        sys.exit(f"{speaking.name}: only {len(sink.rules)} of {rules} rules arrived")
    return found


def median(results: Sequence[Result]) -> Result:
    def of(name: str) -> float:
        return statistics.median(getattr(result, name) for result in results)

    return Result(
        seconds=of("seconds"),
        updates=int(of("updates")),
        octets=int(of("octets")),
        cpu_s=of("cpu_s"),
        peak_mib=of("peak_mib"),
    )


def compare(names: Sequence[str], rules: int, repeats: int) -> dict[str, Result]:
    """In every round each speaker has its turn."""
    with contextlib.ExitStack() as stack:
        speaking = []
        for name in names:
            if rules > SLOW_AT_MANY.get(name, rules):
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            port = free_port(SINK)
            pid = stack.enter_context(SPEAKERS[name](folder, rules, port))
            speaking.append(Speaking(name, pid, port))
        time.sleep(1.0)
        found: dict[str, list[Result]] = {each.name: [] for each in speaking}
        for _ in range(repeats):
            for each in speaking:
                found[each.name].append(measure(each, rules))
    return {name: median(results) for name, results in found.items()}


def table(found: Mapping[str, Result]) -> str:
    lines = [
        "| | seconds to the last rule | UPDATEs | octets | CPU s | peak MiB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {version_of(name)} | {row.seconds:.3f} | {row.updates:,} | {row.octets:,}"
        f" | {row.cpu_s:.3f} | {row.peak_mib:.0f} |"
        for name, row in found.items()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.compare")
    parser.add_argument("--rules", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(SPEAKERS))
    parser.add_argument("--svg", type=Path)
    given = parser.parse_args()
    panels: dict[str, dict[str, float]] = {}
    for rules in given.rules:
        found = compare(given.only, rules, given.repeats)
        print(f"{rules:,} rules, median of {given.repeats} rounds\n\n{table(found)}\n", flush=True)
        panels[f"{rules:,} rules"] = {name: row.seconds for name, row in found.items()}
    if given.svg:
        given.svg.write_text(bars("Seconds to the last rule at one router (logarithmic)", panels))


if __name__ == "__main__":
    main()
