"""GoBGP, ExaBGP, BIRD and prefixd announce the same rules to the same sink, one after another.

    python -m bench.compare [--rules 1000] [--repeats 3] [--svg docs/compare.svg]

Every speaker has all rules before the sink begins to listen, so what is timed is the way of a whole
table to a router that has just come up: from the speaker's first KEEPALIVE to the last rule. CPU
seconds are those of the speaker's process from then to the last rule, memory is its peak.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.compare.plot import bars
from bench.compare.sink import Sink
from bench.compare.speakers import ASN, SINK, SPEAKERS, Speaker
from tests.kit.daemon_process import free_port

LIMIT_S = 60


@dataclass
class Result:
    seconds: float
    updates: int
    octets: int
    cpu_s: float
    peak_mib: float


def cpu_seconds(pid: int) -> float:
    """Of the process and the children it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(speaker: Speaker, rules: int) -> Result:
    sink = Sink(SINK, free_port(SINK), ASN, rules)
    with (
        tempfile.TemporaryDirectory() as folder,
        speaker(Path(folder), rules, sink.port) as pid,
    ):
        time.sleep(0.5)
        before = cpu_seconds(pid)
        sink.listen()
        complete = sink.done.wait(LIMIT_S)
        found = Result(
            seconds=sink.last_at - sink.up_at,
            updates=sink.updates,
            octets=sink.octets,
            cpu_s=cpu_seconds(pid) - before,
            peak_mib=peak_mib(pid),
        )
        sink.close()
    if not complete:
        sys.exit(f"only {len(sink.rules)} of {rules} rules arrived")
    return found


def median(results: list[Result]) -> Result:
    def of(name: str) -> float:
        return statistics.median(getattr(result, name) for result in results)

    return Result(of("seconds"), int(of("updates")), int(of("octets")), of("cpu_s"), of("peak_mib"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.compare")
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(SPEAKERS))
    parser.add_argument("--svg", type=Path)
    given = parser.parse_args()
    found: dict[str, Result] = {}
    print(f"{given.rules} rules, median of {given.repeats}\n")
    print("| | seconds to the last rule | UPDATEs | octets | CPU s | peak MiB |")
    print("|---|---|---|---|---|---|")
    for name in given.only:
        found[name] = row = median(
            [measure(SPEAKERS[name], given.rules) for _ in range(given.repeats)]
        )
        print(
            f"| {name} | {row.seconds:.3f} | {row.updates:,} | {row.octets:,}"
            f" | {row.cpu_s:.2f} | {row.peak_mib:.0f} |",
            flush=True,
        )
    if given.svg:
        title = f"{given.rules} rules to one router: seconds to the last rule (logarithmic)"
        given.svg.write_text(bars(title, {name: row.seconds for name, row in found.items()}))


if __name__ == "__main__":
    main()
