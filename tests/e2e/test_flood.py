"""From the flood to the quiet and back: attacker, router, victim and prefixd, each on its own.

Four network namespaces. A sender floods the victim and also asks its DNS service; a real routing
daemon (BIRD, GoBGP, FRR) has a session with the real prefixd and nothing else to do with it. None
of these daemons filters packets by itself on this system, so a small agent turns what the router's
own command line shows into nftables. Packets are counted by the victim's kernel.
"""

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.kit.agreement import differences, rib_rules, sqlite_rules
from tests.kit.daemon_process import DaemonProcess
from tests.kit.daemons import Bird, Frr, GoBgp, Neighbor, Wish, wait_for
from tests.kit.netns import Namespace, cable, namespace, private_network
from tests.kit.require import binary
from tests.kit.site import playbooks
from tests.kit.stage import running
from tests.kit.tables import TABLES, Meaning, Table

US, ROUTER, VICTIM = "10.99.0.1", "10.99.0.2", "198.51.100.53"
ASN, ROUTER_ASN = 64500, 65002
FLOOD_PORT, SERVICE_PORT = 9999, 53
PACKET_OCTETS = 500
TTL_S = 5
DAEMONS = {"bird": Bird, "gobgp": GoBgp, "frr": Frr}

SENDER = f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for port in ({FLOOD_PORT}, {SERVICE_PORT}):
        s.sendto(b"x" * {PACKET_OCTETS - 28}, ("{VICTIM}", port))
    time.sleep(0.002)
"""
COUNTERS = f"""table ip count {{
  counter p{FLOOD_PORT} {{ }}
  counter p{SERVICE_PORT} {{ }}
  chain arriving {{
    type filter hook prerouting priority -300;
    udp dport {FLOOD_PORT} counter name p{FLOOD_PORT}
    udp dport {SERVICE_PORT} counter name p{SERVICE_PORT}
  }}
}}
"""
FILTER = """table ip flowspec
delete table ip flowspec
table ip flowspec {{
  chain forward {{
    type filter hook forward priority 0;
{rules}
  }}
}}
"""


@dataclass
class Town:
    daemon: DaemonProcess
    kind: str
    table: Callable[[], Table]
    """What the router shows."""
    router: Namespace
    victim: Namespace

    def enforce(self) -> None:
        """What the line cards of a hardware router do by themselves."""
        rules = "\n".join(f"    {_filter(*entry)}" for entry in self.table().items())
        command = self.router.command(binary("nft"), "-f", "-")
        text = FILTER.format(rules=rules)
        subprocess.run(command, input=text, text=True, check=True, timeout=10)

    def arrived(self, port: int) -> int:
        command = self.victim.command(binary("nft"), "list", "counter", "ip", "count", f"p{port}")
        shown = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        found = re.search(r"packets (\d+)", shown.stdout)
        assert found
        return int(found[1])

    def rates(self, seconds: float = 0.5) -> tuple[float, float]:
        """Packets a second at the victim, of the flood and of its service."""
        ports = (FLOOD_PORT, SERVICE_PORT)
        before, start = [self.arrived(port) for port in ports], time.monotonic()
        time.sleep(seconds)
        after, took = [self.arrived(port) for port in ports], time.monotonic() - start
        flood, service = ((late - early) / took for early, late in zip(before, after, strict=True))
        return flood, service

    def differences(self) -> list[str]:
        stored = sqlite_rules(self.daemon.directory / "prefixd.db")
        return differences(stored, rib_rules(self.daemon), {self.kind: self.table})


def _filter(meaning: Meaning, octets_per_s: float) -> str:
    rule = dict(meaning)
    ports = ", ".join(
        str(low) if low == high else f"{low}-{high}"
        for low, high in rule.get(5, ())  # type: ignore[union-attr]  # a port list is ranges
    )
    port = f"udp dport {{ {ports} }} " if ports else ""
    if octets_per_s == 0:
        verdict = "drop"
    else:
        verdict = f"limit rate over {int(octets_per_s)} bytes/second drop"
    assert rule[3] == ((17, 17),)
    return f"ip daddr {rule[1]} ip protocol udp {port}{verdict}"


def _settings(kind: str) -> dict[str, object]:
    neighbor = {
        "name": "edge1",
        "address": ROUTER,
        "peer_asn": ROUTER_ASN,
        "profile": kind,
        "multihop": 8,
        "timers": {"connect_retry_seconds": 0.2},
        "export": {},
    }
    return {
        "bgp": {
            "mode": "speaker",
            "local_asn": ASN,
            "router_id": US,
            "listen": [f"{US}:1790"],
            "neighbors": [neighbor],
        },
        "guardrails": {"min_ttl_seconds": 1},
    }


@pytest.fixture(params=["bird", "gobgp", "frr"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    kind = request.param
    routing = DAEMONS[kind](tmp_path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network())
        sender, router, victim = (stack.enter_context(namespace()) for _ in range(3))
        cable("s0", "10.10.0.2/24", "s1", "10.10.0.1/24", router, sender)
        cable("v0", f"{VICTIM}/24", "v1", "198.51.100.1/24", router, victim)
        cable("us0", f"{US}/24", "us1", f"{ROUTER}/24", router)
        sender.run("route", "add", "default", "via", "10.10.0.1")
        victim.run("route", "add", "default", "via", "198.51.100.1")
        router.set("net.ipv4.ip_forward", "1")
        count = victim.command(binary("nft"), "-f", "-")
        subprocess.run(count, input=COUNTERS, text=True, check=True, timeout=10)
        neighbor = Neighbor(us=US, our_asn=ASN, local=ROUTER, our_port=1790)
        inside = tuple(router.command())
        wish = Wish(asn=ROUTER_ASN, router_id=ROUTER, neighbors=(neighbor,), prefix=inside)
        stack.enter_context(routing.run(wish))
        files = {"playbooks.yaml": playbooks(TTL_S)}
        daemon = DaemonProcess(tmp_path, main=_settings(kind), files=files)
        stack.enter_context(daemon)
        flood = sender.command(binary("python3"), "-c", SENDER)
        stack.enter_context(running(flood, tmp_path / "sender.log"))
        found = Town(daemon, kind, partial(TABLES[kind], routing.ask), router, victim)
        wait_for(lambda: found.arrived(FLOOD_PORT) > 10, 10, "traffic at the victim")
        wait_for(lambda: "established" in _states(daemon), 20, "an established session")
        yield found


def _states(daemon: DaemonProcess) -> str:
    return str(daemon.get("/v1/health/detail").json["bgp_sessions"])


def test_a_flood_is_dropped_at_the_router_and_flows_again_after_expiry(town: Town) -> None:
    assert min(town.rates()) > 100  # before: flood and service alike

    answer = town.daemon.event(VICTIM, bps=2_000_000_000)
    begun = time.monotonic()
    assert answer.json["outcome"] == "mitigated", answer.json
    wait_for(lambda: len(town.table()) == 1, 10, "the rule on the router")
    town.enforce()
    assert town.differences() == []
    flood, service = town.rates()
    assert flood == 0  # during: the flood is gone before it reaches the victim's line,
    assert service > 100  # and what the service answers on is spared

    left = TTL_S + 5 - (time.monotonic() - begun)
    wait_for(lambda: not town.table(), left, "the router without the rule after its time")
    town.enforce()
    assert min(town.rates()) > 100  # after: everything flows
    (row,) = town.daemon.get("/v1/mitigations").json["mitigations"]
    assert row["status"] == "expired"
    assert town.differences() == []


def test_a_policed_flood_keeps_to_its_rate_until_withdrawn(town: Town) -> None:
    limit_bps = 400_000
    body = {
        "victim_ip": VICTIM,
        "protocol": "udp",
        "dst_ports": [FLOOD_PORT],
        "action": "police",
        "rate_bps": limit_bps,
        "ttl_seconds": 60,
        "operator_id": "alice",
        "reason": "slow it down",
    }
    answer = town.daemon.post("/v1/mitigations", body)
    assert answer.status == 201, answer.body
    wait_for(lambda: len(town.table()) == 1, 10, "the rule on the router")
    assert town.differences() == []
    town.enforce()
    allowed = limit_bps / 8 / PACKET_OCTETS

    def paced() -> bool:
        flood, service = town.rates(1.5)
        return 0.5 * allowed < flood < 1.5 * allowed and service > 2 * allowed

    # A token bucket starts full, and a busy machine sends and counts in bursts.
    wait_for(paced, 20, "the flood at its allowed rate, the service at its own")
    withdrawn = town.daemon.post(
        f"/v1/mitigations/{answer.json['mitigation_id']}/withdraw",
        {"operator_id": "alice", "reason": "enough"},
    )
    assert withdrawn.status == 200, withdrawn.body
    wait_for(lambda: not town.table(), 10, "the router without the rule")
    town.enforce()
    assert min(town.rates()) > 100
