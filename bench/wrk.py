"""Driving an HTTP server with `wrk`, and asking the kernel what answering cost it.

Requests per second on a busy machine say how busy it was. Processor time per request says what a
request costs; it is the server's alone, all its threads, kernel time included.
"""

import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# Lua for wrk. STAMP and RUN are set in front; each run walks through addresses of its own, so that
# what is meant to be new is new in every round.
NEW_EVENTS = """
local n = 0
local id = 0
function setup(thread) id = id + 1; thread:set("tid", id) end
function request()
  n = n + 1
  local ip = string.format("10.%d.%d.%d", RUN * 2 + tid, math.floor(n / 250) % 250, n % 250 + 1)
  local body = string.format('{"timestamp":"%s","source":"bench","victim_ip":"%s",' ..
    '"vector":"udp_flood","bps":900000000,"confidence":0.9,"event_id":"%d-%d-%d"}',
    STAMP, ip, RUN, tid, n)
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
    local ip = string.format("10.%d.%d.%d", 100 + RUN * 2 + tid, math.floor(n / 250) % 250,
      n % 250 + 1)
    parts[i] = string.format('{"timestamp":"%s","source":"bench","victim_ip":"%s",' ..
      '"vector":"udp_flood","confidence":0.9,"event_id":"b%d-%d-%d"}', STAMP, ip, RUN, tid, n)
  end
  local body = '{"events":[' .. table.concat(parts, ",") .. ']}'
  return wrk.format("POST", "/v1/events/batch", {["Content-Type"] = "application/json"}, body)
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One run against one server."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    refused: int
    cpu_us: float
    """Of the server, per request."""


def drive(
    url: str, pid: int, *, seconds: int, connections: int, script: str = "", run: int = 0
) -> Load:
    command = ["wrk", "-t", "2", "-c", str(connections), "-d", f"{seconds}s", "--latency"]
    with tempfile.TemporaryDirectory() as directory:
        if script:
            lua = Path(directory) / "script.lua"
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            lua.write_text(f'STAMP = "{stamp}"\nRUN = {run}\n{script}')
            command += ["-s", str(lua)]
        before = cpu_s(pid)
        text = subprocess.run(
            [*command, url], capture_output=True, text=True, check=True, timeout=seconds + 30
        ).stdout
        spent = cpu_s(pid) - before
    answered = int(_found(r"(\d+) requests in", text))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Load(
        requests_per_s=float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        p50_ms=_latency(text, "50"),
        p99_ms=_latency(text, "99"),
        refused=int(refused[1]) if refused else 0,
        cpu_us=spent / max(1, answered) * 1e6,
    )


def cpu_s(pid: int) -> float:
    """User and system time of a process, all threads (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"wrk did not say {pattern!r}:\n{text}")
    return found[1]


def _latency(text: str, percentile: str) -> float:
    found = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s)", text)
    return 0.0 if found is None else float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]
