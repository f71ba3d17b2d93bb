"""A restart in the middle of an attack: from the start of the process to the last End-of-RIB.

    python -m bench.bench_start [--rules 20000] [--peers 20] [--idle 10]

A daemon without neighbors is filled with live mitigations over HTTP and stopped. Then it is
started again, with neighbors, and the clock runs from the start of the process: loading the
configuration, reading every live row, comparing with the empty table, sessions, full tables.
Afterwards it is left alone: what does it cost to hold so many rules?
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.kit.daemon_process import DaemonProcess, free_port
from tests.kit.daemons import wait_for
from tests.kit.reporters import event
from tests.kit.site import inventory, playbooks, settings

SINKS = Path(__file__).parent / "sinks.py"
TTL_S = 3600
BATCH = 100
TICKS = os.sysconf("SC_CLK_TCK")


class Routers:
    """The listening routers, in a process of their own."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SINKS), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def counts(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def neighbors(count: int, port: int) -> list[dict[str, object]]:
    return [
        {
            "name": f"p{number}",
            "address": f"127.0.1.{number}",
            "port": port,
            "peer_asn": 65000,
            "profile": "bird",
            "afi_safi": ["ipv4-flowspec"],
            "budget": {"rules_total": 200_000, "rules_v4": 200_000},
            "export": {},
        }
        for number in range(1, count + 1)
    ]


def fill(daemon: DaemonProcess, rules: int) -> None:
    def post(first: int) -> None:
        events = [event(number) for number in range(first, min(first + BATCH, rules))]
        answer = daemon.post("/v1/events/batch", {"events": events})
        if answer.status not in (200, 202, 207):
            raise SystemExit(f"{answer.status}: {answer.body[:300]!r}")

    with ThreadPoolExecutor(4) as clients:
        list(clients.map(post, range(0, rules, BATCH)))
    live = daemon.get("/v1/stats").json["total_active"]
    if live != rules:
        raise SystemExit(f"{live} rules are live instead of {rules}")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(daemon: DaemonProcess, routers: Routers, peers: int, idle_s: int) -> None:
    routers.counts()
    began = time.monotonic()
    daemon.start()
    ready_s = time.monotonic() - began
    seen = {"updates": 0, "octets": 0, "ends": 0}
    last_end_at = 0.0

    def complete() -> bool:
        nonlocal last_end_at
        counts = routers.counts()
        for name in seen:
            seen[name] += counts[name]
        last_end_at = counts["last_end_at"]
        return seen["ends"] >= peers

    wait_for(complete, 60, "End-of-RIB from every session")
    assert daemon.process is not None
    pid = daemon.process.pid
    spent_s = cpu_s(pid)
    print(f"answers /v1/health after         {ready_s:.2f} s")
    print(f"last End-of-RIB of {peers} after      {last_end_at - began:.2f} s")
    print(f"processor time until then        {spent_s:.2f} s")
    print(f"UPDATEs, octets                  {seen['updates']}, {seen['octets']}")
    time.sleep(2)
    before = cpu_s(pid)
    time.sleep(idle_s)
    print(f"resident memory                  {resident_mib(pid):.0f} MiB")
    print(f"processor share, left alone      {(cpu_s(pid) - before) / idle_s:.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bench_start")
    parser.add_argument("--rules", type=int, default=20_000)
    parser.add_argument("--peers", type=int, default=20)
    parser.add_argument("--idle", type=int, default=10, metavar="SECONDS")
    given = parser.parse_args()
    port = free_port()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        routers = Routers(port)
        stack.callback(routers.stop)
        main = settings([], listen_port=free_port())
        files = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks(TTL_S)}
        daemon = DaemonProcess(folder, main=main, files=files)
        with daemon:
            fill(daemon, given.rules)
        print(f"{given.rules} live mitigations, {given.peers} neighbors\n")
        daemon.main["bgp"]["neighbors"] = neighbors(given.peers, port)
        daemon.write_config()
        stack.callback(daemon.stop)
        measure(daemon, routers, given.peers, given.idle)


if __name__ == "__main__":
    main()
