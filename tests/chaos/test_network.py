"""Wires are cut, routers stop reading, sessions flap; afterwards nothing may differ."""

import contextlib
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from tests.kit.agreement import sqlite_rules
from tests.kit.daemon_process import DaemonProcess, free_port
from tests.kit.daemons import wait_for
from tests.kit.raw_speaker import RawSpeaker
from tests.kit.relay import Relay, relay_to_port
from tests.kit.reporters import crowd_of, nothing_lost, reporting
from tests.kit.routers import ASN, router_of_kind
from tests.kit.site import Site, a_site, inventory, playbooks, settings, victim_number

FLAPS = 1000
FLAPPER = "127.0.0.8"


@contextlib.contextmanager
def a_site_behind_a_wire(folder: Path) -> Iterator[tuple[Site, Relay]]:
    """One daemon, one BIRD, between them a wire that can be cut, and three seconds of patience."""
    port = free_port("127.0.0.9")
    with contextlib.ExitStack() as stack:
        router = stack.enter_context(router_of_kind("bird", folder / "bird"))
        wire = relay_to_port(("127.0.0.9", port), (router.address, router.port))
        relay = stack.enter_context(wire)
        main = settings([router], listen_port=free_port())
        (neighbor,) = main["bgp"]["neighbors"]
        neighbor |= {"address": "127.0.0.9", "port": port}
        neighbor["timers"]["hold_time_seconds"] = 3
        files = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks()}
        daemon = stack.enter_context(DaemonProcess(folder, main=main, files=files))
        site = Site(daemon, [router], partial(sqlite_rules, folder / "prefixd.db"))
        site.await_sessions()
        yield site, relay


def test_a_cut_wire_heals_and_the_router_catches_up(tmp_path: Path) -> None:
    """BIRD forgets our rules with its own hold timer: silence is not a restart (RFC 4724)."""
    with a_site_behind_a_wire(tmp_path) as (site, relay):
        first, second = (
            site.daemon.event(victim_number(n)).json["mitigation_id"] for n in range(2)
        )
        assert site.agree() == 2
        relay.cut()
        wait_for(lambda: not site.established(), 10, "the hold timer")
        words = {"operator_id": "alice", "reason": "over"}
        assert site.daemon.post(f"/v1/mitigations/{first}/withdraw", words).status == 200
        assert site.daemon.event(victim_number(7)).json["outcome"] == "mitigated"
        relay.mend()
        site.await_sessions(20)
        assert site.agree() == 2
        assert second in {row.mitigation_id for row in site.stored()}


def test_a_router_that_stops_reading_delays_only_itself(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird", "gobgp") as site:
        deaf, healthy = site.routers
        assert deaf.process is not None
        os.kill(deaf.process.pid, signal.SIGSTOP)
        site.unreachable.add("bird")
        try:
            ledger = crowd_of(site)
            with reporting(ledger, range(300)):
                pass
            wait_for(lambda: healthy.count(4) == 300, 10, "all rules at the other router")
            assert site.agree() == 300
        finally:
            os.kill(deaf.process.pid, signal.SIGCONT)
        site.unreachable.clear()
        nothing_lost(site, ledger)


def test_a_thousand_flaps_of_one_neighbor_are_nobody_elses_business(tmp_path: Path) -> None:
    port = free_port()
    flapper = {
        "name": "flapper",
        "address": FLAPPER,
        "peer_asn": ASN,
        "direction": "passive",
        "local_address": "127.0.0.1",
        "export": {},
    }
    with router_of_kind("bird", tmp_path / "bird") as router:
        main = settings([router], listen_port=port)
        main["bgp"]["neighbors"].append(flapper)
        main["bgp"]["router_id"] = "10.255.0.1"  # the flapper uses ours
        files = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks()}
        with DaemonProcess(tmp_path, main=main, files=files) as daemon:
            site = Site(daemon, [router], partial(sqlite_rules, tmp_path / "prefixd.db"))
            site.await_sessions()
            assert daemon.process is not None
            files_open = Path(f"/proc/{daemon.process.pid}/fd")
            before = len(list(files_open.iterdir()))
            ledger = crowd_of(site)
            flaps = 0
            with reporting(ledger, range(100), clients=2):
                for _ in range(FLAPS):
                    with contextlib.suppress(AssertionError, OSError):
                        _come_and_go(port)
                        flaps += 1
            assert 0 < flaps < FLAPS  # most are turned away: who flaps is made to wait
            (peer,) = [
                peer for peer in daemon.get("/v1/bgp/peers").json["peers"] if peer["name"] == "bird"
            ]
            assert (peer["flaps"], peer["state"]) == (0, "established")
            nothing_lost(site, ledger)
            wait_for(lambda: len(list(files_open.iterdir())) <= before + 8, 10, "closed sockets")


def _come_and_go(port: int) -> None:
    address = ("127.0.0.1", port)
    families = (IPV4_FLOWSPEC,)
    with RawSpeaker(address, asn=ASN, families=families, source=FLAPPER, hold_time_s=90):
        pass
