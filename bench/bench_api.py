"""The HTTP face under load, as ratios to a trivial JSON handler in the same run.

    python bench/bench_api.py                 table on standard output
    python bench/bench_api.py --rounds 5      more rounds; medians are shown
    python bench/bench_api.py --only list     rows whose name holds the word
    python bench/bench_api.py --postgres DSN  the event paths on PostgreSQL

T is aiohttp answering `json_response({"status": "ok"})` on the same event loop as the daemon, with
no middleware and no access log, in a process of its own. In every round each row drives T and then
the daemon with the same number of connections, so that both meet the same neighbors on the
machine; client and server share it. Two ratios come of it: of requests per second, and of the
server's processor time per request. The second one is the one that repeats.

Every event is for an owned victim of an inventory of 250 networks, goes through policy and
guardrails, and is durable before it is answered.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.wrk import BATCHES, NEW_EVENTS, REPEATS, Load, drive  # noqa: E402  found only now
from prefixd.observability.metrics import Metrics  # noqa: E402  found only now
from tests.kit.daemon_process import DaemonProcess, free_port  # noqa: E402  found only now

TRIVIAL = """
import asyncio, sys
from aiohttp import web
try:
    import uvloop as loops
    factory = loops.new_event_loop
except ImportError:
    factory = None
async def hello(_request):
    return web.json_response({"status": "ok"})
async def main(port):
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()
with asyncio.Runner(loop_factory=factory) as runner:
    runner.run(main(int(sys.argv[1])))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    label: str
    path: str
    script: str = ""
    each: int = 1
    """Events in one request."""
    face: bool = False
    """Of the web application alone (bench/face.py) and not of the daemon."""
    ours: list[Load] = field(default_factory=list)
    trivial: list[Load] = field(default_factory=list)

    def line(self) -> str:
        by_rate = median(
            self.each * a.requests_per_s / t.requests_per_s
            for a, t in zip(self.ours, self.trivial, strict=True)
        )
        by_cpu = median(
            self.each * t.cpu_us / a.cpu_us for a, t in zip(self.ours, self.trivial, strict=True)
        )
        return (
            f"{self.label:32}{self.each * median(a.requests_per_s for a in self.ours):>9.0f}"
            f"{median(a.p50_ms for a in self.ours):>9.1f}"
            f"{median(a.p99_ms for a in self.ours):>9.1f}"
            f"{median(a.cpu_us for a in self.ours) / self.each:>9.1f}"
            f"{median(t.cpu_us for t in self.trivial):>9.1f}{by_rate:>8.2f}{by_cpu:>8.2f}"
            f"{sum(a.refused for a in self.ours):>9}"
        )


HEAD = (
    f"{'path':32}{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}{'us CPU':>9}{'T us':>9}"
    f"{'x T':>8}{'x CPU':>8}{'refused':>9}"
)


def rows() -> list[Row]:
    return [
        Row(label="GET /v1/health", path="/v1/health"),
        Row(label="GET /v1/mitigations?limit=50", path="/v1/mitigations?limit=50"),
        Row(label="GET /metrics", path="/metrics"),
        Row(label="POST /v1/events, new", path="/v1/events", script=NEW_EVENTS),
        Row(label="POST /v1/events, repeats", path="/v1/events", script=REPEATS),
        Row(label="POST /v1/events/batch, events", path="/v1/events/batch", script=BATCHES,
            each=100),
        Row(label="HTTP alone: POST /v1/events", path="/v1/events", script=NEW_EVENTS, face=True),
        Row(label="HTTP alone: batch, events", path="/v1/events/batch", script=BATCHES, each=100,
            face=True),
    ]  # fmt: skip


def daemon_of(directory: Path, dsn: str | None) -> DaemonProcess:
    quota = 10_000_000
    main = {
        "http": {"rate_limit": {"events_per_second": quota, "burst": quota}},
        "quotas": {
            "max_active_per_customer": quota, "max_active_per_pop": quota,
            "max_active_global": quota, "max_new_per_minute": quota,
            "max_announcements_per_peer": quota,
        },
        "observability": {"log_level": "error"},
    }  # fmt: skip
    if dsn is not None:
        main["storage"] = {"connection_string": dsn}
    customers = [
        {"customer_id": f"c{n}", "name": f"Customer {n}", "prefixes": [f"10.{n}.0.0/16"]}
        for n in range(250)
    ]
    return DaemonProcess(directory, main=main, files={"inventory.yaml": {"customers": customers}})


@contextmanager
def server(port: int, *command: str) -> Iterator[int]:
    """A process that answers on the port; its id."""
    process = subprocess.Popen([sys.executable, *command, str(port)], cwd=ROOT)
    try:
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def rendering_ms(series: int) -> tuple[int, float, float]:
    """Lines, milliseconds of CPU for one text, and the longest it holds the loop: best of 30."""
    metrics = Metrics()
    for n in range(series // 4):
        metrics.events_ingested.labels(f"source{n % 40}", f"vector{n // 40}").inc(n)
        metrics.messages.labels(f"peer{n % 50}", "in", f"word{n // 50}").inc(n * 1000)
        metrics.peer_rules.labels(f"peer{n}", "told").set(n / 7)
        metrics.http_requests.labels("GET", f"/v1/{n}", "2xx").inc()
    wholes, longest = [], []
    for _ in range(30):
        marks = [time.process_time()]
        text = "".join(_timed(metrics.registry.slices(), marks))
        wholes.append((marks[-1] - marks[0]) * 1000)
        longest.append(max(b - a for a, b in pairwise(marks)) * 1000)
    return text.count("\n"), min(wholes), min(longest)


def _timed(pieces: Iterator[str], marks: list[float]) -> Iterator[str]:
    for piece in pieces:
        marks.append(time.process_time())
        yield piece


def measure(chosen: Sequence[Row], words: argparse.Namespace) -> None:
    port, face_port = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory() as name,
        server(port, "-c", TRIVIAL) as trivial_pid,
        server(face_port, "-m", "bench.face") as face_pid,
        daemon_of(Path(name), words.postgres) as daemon,
    ):
        assert daemon.process is not None
        for number in range(50):
            made = daemon.event(f"10.200.0.{number + 1}")
            if made.status != 202 or made.json["mitigation_id"] is None:
                raise SystemExit(f"the daemon does not mitigate: {made.status} {made.body!r}")
        load = {"seconds": words.seconds, "connections": words.connections}
        # What only reads goes first: expiring what events made would be counted as its cost.
        reads = [row for row in chosen if not row.script]
        writes = [row for row in chosen if row.script]
        turns = [*product(range(words.rounds), reads), *product(range(words.rounds), writes)]
        for round_number, row in turns:
            row.trivial.append(drive(f"http://127.0.0.1:{port}/", trivial_pid, **load))
            pid, at = (face_pid, face_port) if row.face else (daemon.process.pid, daemon.port)
            url = f"http://127.0.0.1:{at}{row.path}"
            row.ours.append(drive(url, pid, script=row.script, run=round_number, **load))
        series = daemon.get("/metrics").body.count(b"\n")
    print(HEAD)
    for row in chosen:
        print(row.line())
    print(f"\n/metrics had {series} lines; rendering in this process, milliseconds of CPU:")
    for wanted in (1000, 4000, 20_000):
        lines, whole, longest = rendering_ms(wanted)
        print(f"  {lines} lines: {whole:.2f} in all, {longest:.2f} at a time")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--postgres", metavar="DSN")
    words = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.stderr.write("install wrk to run this bench\n")
        return 2
    measure([row for row in rows() if words.only in row.label], words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
