"""Sustained ingest through the whole daemon: as quick and as small at the end as at the start?

    python -m bench.load [--seconds 60] [--rate 200] [--peers 10]

Detectors report new attacks at a fixed rate over HTTP; every event is decided, stored durably,
announced to ten routers and answered. Printed per tenth of the run: answers a second, latency from
the moment an event was due (so that a stall is not hidden by clients that wait), resident memory.
"""

import argparse
import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.kit.daemon_process import DaemonProcess, free_port
from tests.kit.daemons import wait_for
from tests.kit.reporters import event
from tests.kit.site import inventory, playbooks, settings

CLIENTS = 16
TTL_S = 30
SINKS = Path(__file__).parent / "sinks.py"


def daemon_with_peers(folder: Path, peers: int, sink_port: int) -> DaemonProcess:
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
    files = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks(TTL_S)}
    return DaemonProcess(folder, main=main, files=files)


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(daemon: DaemonProcess, seconds: int, rate: int) -> None:
    assert daemon.process is not None
    pid, total = daemon.process.pid, seconds * rate
    done: list[tuple[int, float]] = []
    refused: list[int] = []
    numbers, lock = iter(range(total)), threading.Lock()
    start = time.monotonic() + 0.5

    def client() -> None:
        connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=30)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                connection.close()
                return
            due = start + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/v1/events", json.dumps(event(number)), headers)
            reply = connection.getresponse()
            reply.read()
            done.append((number, time.monotonic() - due))
            if reply.status != 202:
                refused.append(reply.status)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    print("| until s | answers/s | p50 ms | p99 ms | worst ms | RSS MiB |")
    print("|---|---|---|---|---|---|", flush=True)
    for part in range(10):
        until = start + seconds * (part + 1) / 10
        time.sleep(max(0.0, until - time.monotonic()))
        low, high = total * part // 10, total * (part + 1) // 10
        waits = sorted(wait * 1000 for number, wait in list(done) if low <= number < high)
        if len(waits) > 1:
            print(
                f"| {seconds * (part + 1) / 10:.0f} | {len(waits) / (seconds / 10):.0f}"
                f" | {statistics.median(waits):.1f} | {waits[int(len(waits) * 0.99)]:.1f}"
                f" | {waits[-1]:.1f} | {resident_mib(pid):.0f} |",
                flush=True,
            )
    for thread in threads:
        thread.join()
    print(f"\n{len(done)} of {total} answered, {len(refused)} refused")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--peers", type=int, default=10)
    given = parser.parse_args()
    port = free_port()
    command = [sys.executable, str(SINKS), str(port)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sinks = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        stack.callback(sinks.wait)
        stack.callback(sinks.kill)
        daemon = stack.enter_context(daemon_with_peers(folder, given.peers, port))

        def up() -> bool:
            words = daemon.get("/v1/health/detail").json["bgp_sessions"]
            return set(words.values()) == {"established"}

        wait_for(up, 30, "all peers")
        print(f"{given.rate} new attacks a second for {given.seconds} s, {given.peers} peers\n")
        run(daemon, given.seconds, given.rate)


if __name__ == "__main__":
    main()
