"""One site: the real daemon, real routers beside it on loopback, and whether they agree.

    with a_site(tmp_path, "bird", "gobgp") as site:
        site.daemon.event()
        site.agree()

`agree` waits until store, RIB and every router hold the same rules, and fails with what differs.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.kit.agreement import (
    StoredRule,
    differences,
    postgres_rules,
    rib_rules,
    sqlite_rules,
)
from tests.kit.daemon_process import DaemonProcess, _merged, free_port
from tests.kit.daemons import wait_for
from tests.kit.postgres import Cluster
from tests.kit.routers import ASN, US, Router, router_of_kind
from tests.kit.tables import TABLES

UNLIMITED = (
    "max_active_per_customer", "max_active_per_pop", "max_active_global", "max_new_per_minute",
    "max_announcements_per_peer",
)  # fmt: skip
OWNED = "10.0.0.0/8"


def victim_number(number: int) -> str:
    """Addresses the site's customer owns."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@dataclass
class Site:
    daemon: DaemonProcess
    routers: list[Router]
    stored: Callable[[], list[StoredRule]]
    unreachable: set[str] = field(default_factory=set)
    """Routers nobody can ask right now."""
    bgp_port: int = 0
    """Where the daemon listens for neighbors."""

    def established(self) -> bool:
        words = self.daemon.get("/v1/health/detail").json["bgp_sessions"]
        names = {router.name for router in self.routers} - self.unreachable
        return all(words.get(name) == "established" for name in names)

    def await_sessions(self, limit_s: float = 20.0) -> None:
        wait_for(self.established, limit_s, "established sessions")

    def peer(self, name: str) -> dict[str, Any]:
        peers = self.daemon.get("/v1/bgp/peers").json["peers"]
        (found,) = (peer for peer in peers if peer["name"] == name)
        return dict(found)

    def resident_kib(self) -> int:
        assert self.daemon.process is not None
        text = Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        (line,) = (line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1])

    def differences(self) -> list[str]:
        tables = {
            router.name: partial(TABLES[router.name], router.ask)
            for router in self.routers
            if router.name not in self.unreachable
        }
        return differences(self.stored(), rib_rules(self.daemon), tables)

    def agree(self, limit_s: float = 15.0) -> int:
        """How many rules they agree on. GoBGP's command line may take a minute to show 10,000, so
        what counts is when a reading began."""
        end = time.monotonic() + limit_s
        while True:
            begun = time.monotonic()
            found = self.differences()
            if not found:
                return len(self.stored())
            shown = "\n".join(found[:20])
            assert begun < end, f"{len(found)} differences, such as\n{shown}"
            time.sleep(0.2)


def settings(
    routers: list[Router], *, listen_port: int, pop: str = "lab1", our_address: str = US
) -> dict[str, Any]:
    neighbors = [
        {
            "name": router.name,
            "address": router.address,
            "peer_asn": ASN,
            "port": router.port,
            "profile": router.name,
            "local_address": our_address,
            "timers": {"connect_retry_seconds": 0.2},
            "budget": {"rules_total": 50_000, "rules_v4": 50_000},
            "pacing": {"rules_per_second": 0},
            # All that the routers are configured with: GoBGP keeps what is stale until it has the
            # End-of-RIB of every family it may restart, negotiated or not.
            "afi_safi": ["ipv4-flowspec", "ipv6-flowspec", "ipv4-unicast", "ipv6-unicast"],
            "export": {},
        }
        for router in routers
    ]
    return {
        "pop": pop,
        "http": {"rate_limit": {"events_per_second": 1_000_000, "burst": 1_000_000}},
        "bgp": {
            "mode": "speaker",
            "local_asn": ASN,
            "router_id": our_address,
            "listen": [f"{our_address}:{listen_port}"],
            "neighbors": neighbors,
        },
        "guardrails": {"min_ttl_seconds": 1, "max_ttl_seconds": 86_400},
        "timers": {"quiet_period_after_withdraw_seconds": 0},
        "quotas": dict.fromkeys(UNLIMITED, "unlimited"),
    }


def inventory() -> dict[str, Any]:
    customer = {
        "customer_id": "c1",
        "name": "Everybody",
        "prefixes": [OWNED, "198.51.100.0/24", "2001:db8:10::/48"],
        "policy_profile": "normal",
        "services": [],
    }
    return {"customers": [customer]}


def playbooks(ttl_s: int = 3600, **step: object) -> dict[str, Any]:
    action = {"action": "discard", "ttl_seconds": ttl_s, **step}
    return {"playbooks": [{"name": "udp", "match": {"vector": "udp_flood"}, "steps": [action]}]}


@contextlib.contextmanager
def a_site(
    folder: Path,
    *kinds: str,
    main: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
    database: tuple[Cluster, str] | None = None,
    neighbors: Sequence[Mapping[str, Any]] = (),
    environment: Mapping[str, str] | None = None,
    each_neighbor: Mapping[str, Any] | None = None,
) -> Iterator[Site]:
    """`database` is a server and a schema on it; without one the store is a file. `neighbors`
    are those whose table nobody compares; `each_neighbor` changes the routers' settings."""
    with contextlib.ExitStack() as stack:
        routers = [stack.enter_context(router_of_kind(kind, folder / kind)) for kind in kinds]
        port = free_port()
        chosen = _merged(settings(routers, listen_port=port), dict(main or {}))
        routed = chosen["bgp"]["neighbors"]
        routed = [_merged(each, dict(each_neighbor or {})) for each in routed]
        chosen["bgp"]["neighbors"] = [*routed, *map(dict, neighbors)]
        stored: Callable[[], list[StoredRule]] = partial(sqlite_rules, folder / "prefixd.db")
        if database is not None:
            cluster, schema = database
            url = f"{cluster.url}&search_path={schema}"
            chosen = _merged(chosen, {"storage": {"connection_string": url}})
            stored = partial(postgres_rules, cluster, schema, chosen["pop"])
        given = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks(), **(files or {})}
        daemon = DaemonProcess(
            folder, main=chosen, files=given, environment=dict(environment or {})
        )
        stack.enter_context(daemon)
        site = Site(daemon, routers, stored, bgp_port=port)
        site.await_sessions()
        yield site
