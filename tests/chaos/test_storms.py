"""Too many reports, reloads, clients that do not read; afterwards nothing may differ."""

import base64
import http.client
import json
import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import yaml

from tests.kit.reporters import crowd_of, event, nothing_lost, reporting
from tests.kit.site import Site, a_site, playbooks

BATCH = 100
STORM = 10_000
SLOW_CLIENTS = 100


def test_ten_thousand_reports_at_once_all_get_their_rule(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        pieces = iter([range(start, start + BATCH) for start in range(0, STORM, BATCH)])
        made: set[str] = set()
        problems: list[str] = []

        def detector() -> None:
            connection = http.client.HTTPConnection(site.daemon.host, site.daemon.port, timeout=60)
            for numbers in pieces:
                body = {"events": [event(number) for number in numbers]}
                while True:
                    headers = {"Content-Type": "application/json"}
                    connection.request("POST", "/v1/events/batch", json.dumps(body), headers)
                    reply = connection.getresponse()
                    answer = json.loads(reply.read())
                    if reply.status not in (503, 429):
                        break
                    time.sleep(0.05)
                items = answer.get("results", [])
                made.update(item["mitigation_id"] for item in items if item["mitigation_id"])
                problems.extend(str(item) for item in items if not item["mitigation_id"])
            connection.close()

        threads = [threading.Thread(target=detector) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        assert not problems, problems[:3]
        assert len(made) == STORM
        assert site.agree(60) == STORM
        assert {row.mitigation_id for row in site.stored()} == made


def test_a_storm_of_reloads_good_and_bad_changes_no_rule(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        ledger = crowd_of(site)
        path = site.daemon.config_dir / "playbooks.yaml"
        bodies = [yaml.safe_dump(playbooks(ttl_s)) for ttl_s in (3600, 1800)]
        bodies.append("playbooks: [{name: broken}]\n")
        statuses = []
        with reporting(ledger, range(300)):
            for number in range(60):
                path.write_text(bodies[number % 3])
                statuses.append(site.daemon.post("/v1/config/reload", None).status)
        assert statuses == [200, 200, 400] * 20
        nothing_lost(site, ledger)
        assert len(ledger.answered) == 300
        assert _flaps(site) == 0


def _flaps(site: Site) -> int:
    return sum(int(peer["flaps"]) for peer in site.daemon.get("/v1/bgp/peers").json["peers"])


def test_a_hundred_clients_that_do_not_read_the_feed_slow_nobody(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site, ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            stack.enter_context(_feed_client(site))
        resident = _resident_kib(site)
        ledger = crowd_of(site)
        with reporting(ledger, range(500)):
            pass
        nothing_lost(site, ledger)
        assert ledger.repeats == 0
        assert max(ledger.latencies) < 5
        assert _resident_kib(site) - resident < 64 * 1024


def _feed_client(site: Site) -> socket.socket:
    """A WebSocket that says hello and never reads again."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((site.daemon.host, site.daemon.port))
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET /v1/ws/feed HTTP/1.1\r\nHost: {site.daemon.host}:{site.daemon.port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n"
    )
    connection.sendall(request.encode())
    assert connection.recv(12) == b"HTTP/1.1 101"
    return connection


def _resident_kib(site: Site) -> int:
    assert site.daemon.process is not None
    text = Path(f"/proc/{site.daemon.process.pid}/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])
