"""The HTTP face under load, as ratios to a trivial JSON handler in the same run.

    python bench/bench_api.py                 table on standard output
    python bench/bench_api.py --seconds 5     longer runs
    python bench/bench_api.py --postgres DSN  the event paths on PostgreSQL

Client and server share the machine. `wrk` drives the load when it is installed, a client built on
asyncio elsewhere (slower, so its absolute figures are lower; ratios hold). Every event is for an
owned victim of a 10,000-address inventory, goes through policy and guardrails, and is durable
before it is answered. T is the trivial handler's requests per second.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.kit.daemon_process import DaemonProcess, free_port  # noqa: E402

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

# wrk scripts. Victims walk through 10.0.0.0/16 and further, so that each event is a new mitigation.
NEW_EVENTS = """
local n = 0
local id = 0
function setup(thread) id = id + 1; thread:set("tid", id) end
function request()
  n = n + 1
  local ip = string.format("10.%d.%d.%d", tid, math.floor(n / 250) % 250, n % 250 + 1)
  local body = string.format('{"timestamp":"%s","source":"bench","victim_ip":"%s",' ..
    '"vector":"udp_flood","bps":900000000,"confidence":0.9,"event_id":"%d-%d"}', STAMP, ip, tid, n)
  return wrk.format("POST", "/v1/events", {["Content-Type"] = "application/json"}, body)
end
"""
REPEATS = """
local n = 0
function request()
  n = n + 1
  local body = string.format('{"timestamp":"%s","source":"bench","victim_ip":"10.200.0.%d",' ..
    '"vector":"udp_flood","bps":%d,"confidence":0.9}', STAMP, n % 50 + 1, 900000000 + n)
  return wrk.format("POST", "/v1/events", {["Content-Type"] = "application/json"}, body)
end
"""
BATCHES = """
local n = 0
local id = 0
function setup(thread) id = id + 1; thread:set("tid", id) end
function request()
  local parts = {}
  for i = 1, 100 do
    n = n + 1
    local ip = string.format("10.%d.%d.%d", 100 + tid, math.floor(n / 250) % 250, n % 250 + 1)
    parts[i] = string.format('{"timestamp":"%s","source":"bench","victim_ip":"%s",' ..
      '"vector":"udp_flood","confidence":0.9,"event_id":"b%d-%d"}', STAMP, ip, tid, n)
  end
  local body = '{"events":[' .. table.concat(parts, ",") .. ']}'
  return wrk.format("POST", "/v1/events/batch", {["Content-Type"] = "application/json"}, body)
end
"""


@dataclass
class Result:
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def wrk(url: str, seconds: int, connections: int, script: str = "") -> Result:
    command = ["wrk", "-t", "2", "-c", str(connections), "-d", f"{seconds}s", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        if script:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            lua.write(f'STAMP = "{stamp}"\n{script}')
            lua.flush()
            command += ["-s", lua.name]
        text = subprocess.run(
            [*command, url], capture_output=True, text=True, check=True, timeout=seconds + 30
        ).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Result(rate, _latency(text, "50"), _latency(text, "99"), int(bad[1]) if bad else 0)


def _latency(text: str, percentile: str) -> float:
    found = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s)", text)
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]


def config(directory: Path, dsn: str | None) -> DaemonProcess:
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--postgres", metavar="DSN")
    words = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.stderr.write("install wrk to run this bench\n")
        return 2
    rows: list[tuple[str, Result, float]] = []
    port = free_port()
    trivial = subprocess.Popen([sys.executable, "-c", TRIVIAL, str(port)])
    with tempfile.TemporaryDirectory() as name, config(Path(name), words.postgres) as daemon:
        base, seconds, clients = f"http://127.0.0.1:{daemon.port}", words.seconds, words.connections
        try:
            for _ in range(50):
                daemon.event("10.200.0.1")
            for label, path, script, each in (
                ("GET /v1/health", "/v1/health", "", 1),
                ("POST /v1/events, new", "/v1/events", NEW_EVENTS, 1),
                ("POST /v1/events, repeats", "/v1/events", REPEATS, 1),
                ("POST /v1/events/batch of 100", "/v1/events/batch", BATCHES, 100),
                ("GET /v1/mitigations?limit=50", "/v1/mitigations?limit=50", "", 1),
                ("GET /metrics", "/metrics", "", 1),
            ):
                t = wrk(f"http://127.0.0.1:{port}/", seconds, clients).requests_per_s
                result = wrk(f"{base}{path}", seconds, clients, script)
                rows.append((label, result, result.requests_per_s * each / t))
        finally:
            trivial.terminate()
            trivial.wait()
    print(f"{'path':32}{'per s':>10}{'p50 ms':>9}{'p99 ms':>9}{'x T':>7}{'refused':>9}")
    for label, result, ratio in rows:
        each = 100 if "batch" in label else 1
        print(
            f"{label:32}{result.requests_per_s * each:>10.0f}{result.p50_ms:>9.1f}"
            f"{result.p99_ms:>9.1f}{ratio:>7.2f}{result.errors:>9}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
