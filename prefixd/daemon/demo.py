"""`prefixd demo`: the whole way in under a minute, without privileges.

Starts a small router (`prefixd listen`) and the daemon in a temporary directory, reports an attack,
and shows the rule arrive, leave by withdrawal, arrive again and leave by itself when its time ends.
"""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefixd.config.sample import write_sample

# The one-file executable is its own interpreter, and takes its words as they are.
OURSELVES = [sys.executable] if hasattr(sys, "frozen") else [sys.executable, "-m", "prefixd"]
VICTIM = "198.51.100.20"
WAIT_S = 20.0
TTL_S = 5

PLAYBOOKS = f"""\
playbooks:
  - name: demo
    match: {{vector: udp_flood}}
    steps:
      - {{action: police, rate_bps: 20000000, ttl_seconds: {TTL_S}}}
"""


class DemoFailedError(Exception):
    """Something that should have happened within its time did not."""


def demo() -> int:
    try:
        with tempfile.TemporaryDirectory(prefix="prefixd-demo-") as name:
            _show(Path(name))
    except DemoFailedError as error:
        sys.stderr.write(f"prefixd demo: {error}\n")
        return 1
    return 0


def _show(directory: Path) -> None:
    api, bgp = _free_port(), _free_port()
    _configure(directory, api, bgp)
    base = f"http://127.0.0.1:{api}"
    _say("1. A router that can only print the rules it receives")
    with _running(directory, "router", "listen", "--port", str(bgp)) as router:
        _say("2. prefixd, with that router as its neighbor")
        with _running(directory, "daemon", "run", "-c", "conf"):
            _await(router, "established", "the BGP session")
            _say(f"3. A detector reports a UDP flood against {VICTIM}")
            answer = _post(f"{base}/v1/events", _event())
            _say(f"   {answer['reason']}")
            _say(f"   the router: {_await(router, f'+ dst {VICTIM}', 'the rule')}")
            _say("4. An operator withdraws it")
            made = answer["mitigation_id"]
            _post(f"{base}/v1/mitigations/{made}/withdraw", {"reason": "demonstration"})
            _say(f"   the router: {_await(router, f'- dst {VICTIM}', 'the withdrawal')}")
            _say(f"5. A manual rule for {TTL_S} seconds; it expires by itself")
            _post(f"{base}/v1/mitigations", _manual())
            _say(f"   the router: {_await(router, f'+ dst {VICTIM}', 'the rule', 2)}")
            _say(f"   the router: {_await(router, f'- dst {VICTIM}', 'the expiry', 2)}")
    _say("Done. Every rule ends; nothing was left behind.")


def _event() -> dict[str, Any]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "timestamp": stamp,
        "source": "demo",
        "victim_ip": VICTIM,
        "vector": "udp_flood",
        "bps": 900_000_000,
        "confidence": 0.9,
    }


def _manual() -> dict[str, Any]:
    return {
        "reason": "demonstration",
        "victim_ip": VICTIM,
        "protocol": "udp",
        "action": "discard",
        "ttl_seconds": TTL_S,
    }


def _configure(directory: Path, api: int, bgp: int) -> None:
    conf = directory / "conf"
    write_sample(conf)
    (conf / "playbooks.yaml").write_text(PLAYBOOKS)
    (conf / "correlation.yaml").write_text("enabled: false\n")
    (conf / "prefixd.yaml").write_text(
        f"""\
pop: demo
mode: enforced
http: {{listen: "127.0.0.1:{api}", auth: {{mode: none}}}}
bgp:
  local_asn: 64500
  router_id: 192.0.2.250
  listen: []
  neighbors:
    - name: router
      address: 127.0.0.1
      port: {bgp}
      peer_asn: 64500
      direction: active
      afi_safi: [ipv4-flowspec, ipv6-flowspec]
      export: {{}}
guardrails: {{min_ttl_seconds: {TTL_S}}}
quotas: {{}}
timers: {{default_ttl_seconds: {TTL_S}, quiet_period_after_withdraw_seconds: 0}}
escalation: {{}}
storage: {{connection_string: "sqlite:{directory}/prefixd.db"}}
observability: {{log_format: text}}
"""
    )


@contextmanager
def _running(directory: Path, name: str, *words: str) -> Iterator[Path]:
    """A prefixd process of its own, and the file it writes to."""
    log = directory / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  our own program with our own words
            [*OURSELVES, *words],
            cwd=directory,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(log, "listen", f"prefixd {words[0]}")
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(WAIT_S)


def _await(log: Path, text: str, what: str, times: int = 1) -> str:
    """The line of the log that has the text for the n-th time."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = [line for line in log.read_text().splitlines() if text in line]
        if len(found) >= times:
            return found[times - 1]
        time.sleep(0.05)
    raise DemoFailedError(
        f"{what} did not come within {WAIT_S:.0f} s; {log.name} says:\n{log.read_text()}"
    )


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  loopback, our own port
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310  the same
        answer: dict[str, Any] = json.loads(reply.read())
        return answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
