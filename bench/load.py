"""Sustained ingest through the whole daemon: as quick and as small at the end as at the start?

    python -m bench.load [--minutes 1] [--rate 200] [--peers 10] [--postgres]
    python -m bench.load --flat-out          as fast as it goes, to learn what a machine can do

Detectors report attacks at a fixed rate over HTTP; every event is decided, stored durably,
announced to ten routers, answered, and its rule ends after ten seconds. The victims come round
every half minute, each time as a new attack with a new rule. The first round is not counted: then
the daemon has as much to remember at any moment as at any other. Latency is measured from the
moment an event was due: a stall is not hidden by clients that wait.

The last line is the verdict: the last third of the run is compared with the first.
"""

import argparse
import contextlib
import itertools
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from bench.verdict import Part, starved, table_head, table_row, verdict
from tests.kit.daemon_process import ROOT, DaemonProcess, free_port
from tests.kit.daemons import wait_for
from tests.kit.postgres import shared_cluster
from tests.kit.reporters import event
from tests.kit.site import inventory, playbooks, settings

DOCUMENTED_RATE = 200
FLAT_OUT = 5000
"""More than any machine does, to have numbers where there is no rate."""
CLIENTS = 64
TTL_S = 10
ROUND_S = 30
"""After this long the victims come round: three times the life of a rule."""
PART_S = 10
SINKS = Path(__file__).parent / "sinks.py"
GAUGES = {
    "lag_s": "prefixd_loop_lag_seconds",
    "queue": "prefixd_worker_queue_depth",
    "commit_queue": "prefixd_db_queue_depth",
    "outbox": "prefixd_bgp_outbox_depth",
}


def daemon_with_peers(
    folder: Path, peers: int, sink_port: int, database: str, rate: int
) -> DaemonProcess:
    main = settings([], listen_port=free_port())
    main["bgp"]["neighbors"] = [
        {
            "name": f"p{number}",
            "address": f"127.0.1.{number}",
            "port": sink_port,
            "peer_asn": 65000,
            "profile": "bird",
            "budget": {"rules_total": 100_000, "rules_v4": 100_000},
            "export": {},
        }
        for number in range(1, peers + 1)
    ]
    if database:
        main["storage"] = {"connection_string": database}
    # What is remembered for a quarter of an hour is bounded by its number instead of its age: then
    # a minute shows what hours would.
    main["engine"] = {"signal_horizon_seconds": TTL_S, "episode_memory_limit": rate * TTL_S}
    correlation = yaml.safe_load((ROOT / "configs" / "correlation.yaml").read_text())
    correlation |= {"window_seconds": TTL_S, "episode_idle_seconds": TTL_S, "clear_hold_seconds": 1}
    files = {
        "inventory.yaml": inventory(),
        "playbooks.yaml": playbooks(TTL_S),
        "correlation.yaml": correlation,
    }
    return DaemonProcess(folder, main=main, files=files)


@dataclass
class Readings:
    """What the daemon says of itself and the kernel says of it, once a second."""

    daemon: DaemonProcess
    pid: int
    rss_mib: float = 0.0
    worst: dict[str, float] = field(default_factory=dict)

    def take(self) -> None:
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", text)
        assert found
        self.rss_mib = int(found[1]) / 1024
        metrics = self.daemon.get("/metrics").body.decode()
        for name, metric in GAUGES.items():
            values = re.findall(rf"^{metric}(?:{{[^}}]*}})? ([0-9.e+-]+)$", metrics, re.MULTILINE)
            now = max(map(float, values), default=0.0)
            self.worst[name] = max(self.worst.get(name, 0.0), now)

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / 100

    def starved_s(self) -> float:
        """How long its main thread was ready to run and had no processor."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9


class Detectors:
    """Clients that report what is due, each over one connection of its own."""

    def __init__(self, daemon: DaemonProcess, rate: int, rounds_of: int) -> None:
        self.waits: list[tuple[float, float]] = []
        """(when it was due, since the start; seconds until it was answered)."""
        self.refused: list[int] = []
        self._address = (daemon.host, daemon.port)
        self._rate, self._victims = rate, rounds_of
        self._numbers = itertools.count()
        self._start = time.monotonic()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]

    def __enter__(self) -> "Detectors":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        with socket.create_connection(self._address, 60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self._over.is_set():
                number = next(self._numbers)
                due = number / self._rate if self._rate else self._now()
                time.sleep(max(0.0, due - self._now()))
                attack = event(number % self._victims, event_id=f"attack-{number}")
                status = exchange(connection, attack)
                self.waits.append((due, self._now() - due))
                if status != 202:
                    self.refused.append(status)

    def _now(self) -> float:
        return time.monotonic() - self._start

    def between(self, start: float, end: float) -> list[float]:
        """Milliseconds, ascending."""
        return sorted(took * 1000 for due, took in list(self.waits) if start <= due < end)


def exchange(connection: socket.socket, body: dict[str, object]) -> int:
    """One POST; the client must cost less than what it measures."""
    octets = json.dumps(body).encode()
    connection.sendall(
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(octets), octets)
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(connection)
    head, _, rest = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert length, head
    while len(rest) < int(length[1]):
        rest += _more(connection)
    return int(head[9:12])


def _more(connection: socket.socket) -> bytes:
    octets = connection.recv(65536)
    assert octets, "the daemon hung up"
    return octets


def run(daemon: DaemonProcess, seconds: int, rate: int, warm_up_s: int = ROUND_S) -> list[Part]:
    """Prints a line per ten seconds, once it is warm."""
    assert daemon.process is not None
    readings = Readings(daemon, daemon.process.pid)
    parts: list[Part] = []
    victims = (rate or FLAT_OUT) * ROUND_S
    with Detectors(daemon, rate, victims) as detectors:
        start = time.monotonic()
        time.sleep(warm_up_s)
        print(table_head(), flush=True)
        for begins in range(warm_up_s, warm_up_s + seconds, PART_S):
            ends = begins + PART_S
            readings.worst.clear()
            cpu, starved_s = readings.cpu_s(), readings.starved_s()
            while time.monotonic() - start < ends:
                time.sleep(min(1.0, max(0.0, ends - (time.monotonic() - start))))
                readings.take()
            part = Part(
                until_s=ends - warm_up_s,
                **latencies(detectors.between(begins, ends)),
                rss_mib=readings.rss_mib,
                cpu_share=(readings.cpu_s() - cpu) / PART_S,
                starved_share=(readings.starved_s() - starved_s) / PART_S,
                lag_ms=readings.worst["lag_s"] * 1000,
                queue=int(readings.worst["queue"] + readings.worst["commit_queue"]),
                outbox=int(readings.worst["outbox"]),
            )
            parts.append(part)
            print(table_row(part, PART_S), flush=True)
    # Those that were late when their line was printed count as what they were.
    parts = [
        replace(part, **latencies(detectors.between(begins, begins + PART_S)))
        for part, begins in zip(parts, itertools.count(warm_up_s, PART_S), strict=False)
    ]
    print(f"\n{len(detectors.waits)} answered, {len(detectors.refused)} refused")
    if detectors.refused:
        sys.exit(f"refused with {sorted(set(detectors.refused))}")
    return parts


def latencies(waits: Sequence[float]) -> dict[str, Any]:
    """Of ascending milliseconds."""
    return {
        "answered": len(waits),
        "p50_ms": statistics.median(waits) if waits else 0.0,
        "p99_ms": waits[int(len(waits) * 0.99)] if waits else 0.0,
        "worst_ms": waits[-1] if waits else 0.0,
    }


@contextlib.contextmanager
def the_whole_daemon(peers: int, rate: int, database: str = "") -> Iterator[DaemonProcess]:
    port = free_port()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command = [sys.executable, str(SINKS), str(port)]
        sinks = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        )
        stack.callback(sinks.kill)
        daemon = stack.enter_context(daemon_with_peers(folder, peers, port, database, rate))
        wait_for(lambda: set(_sessions(daemon)) == {"established"}, 30, "all peers")
        yield daemon


def _sessions(daemon: DaemonProcess) -> Sequence[Any]:
    return list(daemon.get("/v1/health/detail").json["bgp_sessions"].values())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--rate", type=int, default=DOCUMENTED_RATE)
    parser.add_argument("--peers", type=int, default=10)
    parser.add_argument("--flat-out", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    rate = 0 if given.flat_out else given.rate
    database = shared_cluster().schema_url() if given.postgres else ""
    seconds = max(PART_S * 3, round(given.minutes * 60))
    what = "as fast as it goes" if not rate else f"{rate} new attacks a second"
    where = "PostgreSQL" if database else "SQLite"
    print(f"{what} for {seconds} s, {given.peers} peers, {where}\n", flush=True)
    with the_whole_daemon(given.peers, rate or FLAT_OUT, database) as daemon:
        parts = run(daemon, seconds, rate, warm_up_s=5 if given.flat_out else ROUND_S)
    if given.flat_out:
        return
    problems = verdict(parts, PART_S, rate)
    if starved(parts):
        print("the machine was busy with other work: latency and rate are not judged")
    print("verdict: flat" if not problems else f"verdict: not flat: {'; '.join(problems)}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
