"""One prefixd, two routers that cannot do the same, and one rule: here told, there withheld.

The daemon is a process with its files and its API. The routers are BIRD, GoBGP and FRR, two at a
time, each in a network namespace of its own at the far end of a cable. What a router holds is read
from its own command line; why it does not hold a rule is read from the API and from `prefixdctl`.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.kit.daemon_process import ROOT, DaemonProcess
from tests.kit.daemons import Bird, Frr, GoBgp, Neighbor, Wish, wait_for
from tests.kit.netns import cable, namespace, private_network
from tests.kit.site import inventory
from tests.kit.tables import TABLES, Meaning, Table

ASN = 64500
DAEMONS = {"bird": Bird, "gobgp": GoBgp, "frr": Frr}
PORTS = (1, 3, 5, 7, 9, 11)
"""One more than FRR 8.4 can take in a rule: it answers a sixth operator with NOTIFICATION 3/9."""
PAGE = ROOT / "docs" / "speaker.md"
A_MITIGATION = "01a1fca8-fd91-7249-b129-4ff5d99cbe6e"
VICTIM, VICTIM_V6 = "198.51.100.53", "2001:db8:10::53"


@dataclass(frozen=True, slots=True)
class Edge:
    """A router as its operator sees it."""

    name: str
    table: Callable[[], Table]


@dataclass
class Site:
    daemon: DaemonProcess
    edges: dict[str, Edge]

    def limit(self, victim: str, *ports: int) -> str:
        """An operator slows something down; the id of the mitigation."""
        return self._ask_for(victim, ports, action="police", rate_bps=8_000_000)

    def drop(self, victim: str, *ports: int) -> str:
        return self._ask_for(victim, ports, action="discard")

    def _ask_for(self, victim: str, ports: tuple[int, ...], **action: object) -> str:
        body = {
            "victim_ip": victim,
            "protocol": "udp",
            "dst_ports": list(ports),
            "ttl_seconds": 600,
            "operator_id": "alice",
            "reason": "two routers",
            **action,
        }
        answer = self.daemon.post("/v1/mitigations", body)
        assert answer.status == 201, answer.body
        return str(answer.json["mitigation_id"])

    def explain(self, rule: str, peer: str, stage: str) -> dict[str, Any]:
        """What the API says, once it has come that far; `prefixdctl` must say the same."""
        wait_for(lambda: self._explained(rule, peer)["stage"] == stage, 30, f"{stage} at {peer}")
        found = self._explained(rule, peer)
        assert json.loads(self.ctl("-f", "json", "explain", rule, peer)) == found
        return found

    def _explained(self, rule: str, peer: str) -> dict[str, Any]:
        query = urlencode({"rule": rule, "peer": peer})
        found: dict[str, Any] = self.daemon.get(f"/v1/bgp/explain?{query}").json
        return found

    def ctl(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "prefixd.cli.main", *words],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PREFIXD_API": f"http://127.0.0.1:{self.daemon.port}",
                "COLUMNS": "100",
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def flaps(self) -> dict[str, int]:
        peers = self.daemon.get("/v1/bgp/peers").json["peers"]
        return {peer["name"]: peer["flaps"] for peer in peers}


def neighbor(name: str, number: int, profile: str, more: Mapping[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "address": f"10.{number}.0.2",
        "local_address": f"10.{number}.0.1",
        "peer_asn": ASN + number,
        "profile": profile,
        "multihop": 8,
        "timers": {"connect_retry_seconds": 0.2},
        "export": {},
        **more,
    }


@contextlib.contextmanager
def a_site(tmp_path: Path, **kinds: Mapping[str, object]) -> Iterator[Site]:
    """Routers by name of their kind, with what their neighbor's configuration adds."""
    edges: dict[str, Edge] = {}
    neighbors: list[dict[str, object]] = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network())
        for number, (kind, more) in enumerate(kinds.items(), start=1):
            us, there = f"10.{number}.0.1", f"10.{number}.0.2"
            inside = stack.enter_context(namespace())
            cable(f"us{number}", f"{us}/24", "eth0", f"{there}/24", inside)
            folder = tmp_path / kind
            folder.mkdir()
            routing = DAEMONS[kind](folder)
            session = Neighbor(us=us, our_asn=ASN, local=there, our_port=1790)
            wish = Wish(
                asn=ASN + number,
                router_id=there,
                neighbors=(session,),
                prefix=tuple(inside.command()),
            )
            stack.enter_context(routing.run(wish))
            edges[kind] = Edge(kind, partial(TABLES[kind], routing.ask))
            neighbors.append(neighbor(kind, number, kind, more))
        main = {
            "bgp": {
                "mode": "speaker",
                "local_asn": ASN,
                "router_id": "10.1.0.1",
                "listen": ["0.0.0.0:1790"],
                "neighbors": neighbors,
            },
        }
        daemon = DaemonProcess(tmp_path, main=main, files={"inventory.yaml": inventory()})
        stack.enter_context(daemon)
        site = Site(daemon, edges)
        wait_for(lambda: _all_established(daemon), 30, "two sessions")
        yield site


def _all_established(daemon: DaemonProcess) -> bool:
    words = daemon.get("/v1/health/detail").json["bgp_sessions"]
    return set(words.values()) == {"established"}


def udp(victim: str, *ports: int) -> Meaning:
    return frozenset({1: victim, 3: ((17, 17),), 5: tuple((p, p) for p in ports)}.items())


def await_table(edge: Edge, wanted: Table) -> None:
    wait_for(lambda: edge.table() == wanted, 15, f"{wanted} at {edge.name}, not {edge.table()}")


def test_a_limit_on_more_ports_than_one_router_can_take(tmp_path: Path) -> None:
    """FRR cannot have it in one rule, and in two it would let twice as much pass."""
    with a_site(tmp_path, bird={}, frr={}) as site:
        bird, frr = site.edges["bird"], site.edges["frr"]
        plain, long = site.limit(VICTIM, 53), site.limit(VICTIM, *PORTS)
        short = {udp(f"{VICTIM}/32", 53): 1e6}
        await_table(bird, short | {udp(f"{VICTIM}/32", *PORTS): 1e6})
        await_table(frr, short)

        site.explain(plain, "frr", "seen")  # it sends back what it took
        told = site.explain(long, "bird", "delivered")  # it answers the fence
        assert all(step["passed"] for step in told["steps"])
        held = site.explain(long, "frr", "withheld")
        assert held["reason"] == "rate_would_multiply"
        *before, last = held["steps"]
        assert all(step["passed"] for step in before)
        assert (last["step"], last["passed"]) == ("profile", False)
        for peer in ("bird", "frr"):  # the page shows what is really said
            said = site.ctl("explain", long, peer).replace(long, A_MITIGATION)
            assert f"$ prefixdctl explain {A_MITIGATION} {peer}\n{said}" in PAGE.read_text()

        # Without a rate there is nothing to multiply: the same ports, dropped, go in two parts.
        site.drop("198.51.100.54", *PORTS)
        whole = udp("198.51.100.54/32", *PORTS)
        parts = (udp("198.51.100.54/32", *PORTS[:5]), udp("198.51.100.54/32", *PORTS[5:]))
        await_table(frr, short | dict.fromkeys(parts, 0.0))
        assert bird.table()[whole] == 0.0
        assert site.flaps() == {"bird": 0, "frr": 0}


def test_a_victim_of_a_family_that_one_session_does_not_have(tmp_path: Path) -> None:
    with a_site(tmp_path, gobgp={}, bird={"afi_safi": ["ipv4-flowspec"]}) as site:
        rule = site.drop(VICTIM_V6, 53)
        await_table(site.edges["gobgp"], {udp(f"{VICTIM_V6}/128", 53): 0.0})
        site.explain(rule, "gobgp", "written")
        assert site.explain(rule, "bird", "withheld")["reason"] == "family"
        assert site.edges["bird"].table() == {}


def test_a_router_that_is_full(tmp_path: Path) -> None:
    """Room goes to what came first; what had to wait is told when there is room."""
    with a_site(tmp_path, bird={"budget": {"rules_total": 1}}, gobgp={}) as site:
        first, second = site.drop(VICTIM, 53), site.drop(VICTIM, 123)
        both = {udp(f"{VICTIM}/32", 53): 0.0, udp(f"{VICTIM}/32", 123): 0.0}
        await_table(site.edges["gobgp"], both)
        await_table(site.edges["bird"], {udp(f"{VICTIM}/32", 53): 0.0})
        assert site.explain(second, "bird", "withheld")["reason"] == "budget"
        body = {"operator_id": "alice", "reason": "over"}
        assert site.daemon.post(f"/v1/mitigations/{first}/withdraw", body).status == 200
        await_table(site.edges["bird"], {udp(f"{VICTIM}/32", 123): 0.0})
        site.explain(second, "bird", "delivered")
