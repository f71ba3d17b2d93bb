"""The daemon's machine is cut off from everybody at once, or only from those who report to it.

The daemon lives in a network namespace of its own with one cable to the world; routers and
detectors are at the other end. Pulling the cable tells nobody anything: only timers find out.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.kit.agreement import StoredRule, differences, rib_rules, sqlite_rules
from tests.kit.daemon_process import DaemonProcess, free_port
from tests.kit.daemons import Bird, GoBgp, Neighbor, Wish, wait_for
from tests.kit.netns import cable, ip, namespace, private_network
from tests.kit.relay import relay_to_port
from tests.kit.reporters import Ledger, crowd_of, nothing_lost, reporting
from tests.kit.routers import ASN
from tests.kit.site import a_site, inventory, playbooks, settings, victim_number
from tests.kit.tables import TABLES, Table

US, HERE = "10.77.0.2", "10.77.0.1"
ROUTERS = {"bird": "10.77.1.1", "gobgp": "10.77.1.2"}
HTTP_PORT, BGP_PORT = 8080, 1790
HOLD_S = 3
RESTART_S = 3
SHORT_TTL_S = 4
DROPPED = {"operator_id": "alice", "reason": "over"}


@dataclass
class Machine:
    daemon: DaemonProcess
    tables: dict[str, partial[Table]]

    def stored(self) -> list[StoredRule]:
        return sqlite_rules(self.daemon.directory / "prefixd.db")

    def differences(self) -> list[str]:
        return differences(self.stored(), rib_rules(self.daemon), self.tables)

    def agree(self, limit_s: float) -> int:
        wait_for(lambda: not self.differences(), limit_s, "agreement")
        return len(self.stored())

    def sessions(self) -> set[str]:
        return set(self.daemon.get("/v1/health/detail").json["bgp_sessions"].values())

    def pull_the_cable(self) -> None:
        ip("link", "set", "near", "down")

    def plug_it_in(self) -> None:
        ip("link", "set", "near", "up")


@contextlib.contextmanager
def a_machine_of_its_own(folder: Path) -> Iterator[Machine]:
    main = settings([], listen_port=BGP_PORT, our_address=US)
    main["bgp"]["neighbors"] = [
        {
            "name": kind,
            "address": address,
            "peer_asn": ASN,
            "profile": kind,
            "timers": {"hold_time_seconds": HOLD_S, "connect_retry_seconds": 0.2},
            "restart": {"restart_time_seconds": RESTART_S},
            "export": {},
        }
        for kind, address in ROUTERS.items()
    ]
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network([f"{each}/32" for each in ROUTERS.values()]))
        inside = stack.enter_context(namespace())
        cable("near", f"{HERE}/24", "far", f"{US}/24", inside)
        inside.run("route", "add", "10.77.1.0/24", "via", HERE)
        tables: dict[str, partial[Table]] = {}
        for kind, routing in (("bird", Bird), ("gobgp", GoBgp)):
            (folder / kind).mkdir()
            neighbor = Neighbor(us=US, our_asn=ASN, local=ROUTERS[kind], our_port=BGP_PORT)
            wish = Wish(
                asn=ASN,
                router_id=ROUTERS[kind],
                neighbors=(neighbor,),
                hold_time_s=HOLD_S,
            )
            running = stack.enter_context(routing(folder / kind).run(wish))
            tables[kind] = partial(TABLES[kind], running.ask)
        daemon = DaemonProcess(
            folder,
            main=main,
            files={"inventory.yaml": inventory(), "playbooks.yaml": playbooks()},
            namespace=inside.name,
            host=US,
            port=HTTP_PORT,
        )
        stack.enter_context(daemon)
        machine = Machine(daemon, tables)
        wait_for(lambda: machine.sessions() == {"established"}, 20, "established sessions")
        yield machine


def by_hand(machine: Machine, victim: str, ttl_s: int) -> str:
    body = {
        **DROPPED,
        "victim_ip": victim,
        "protocol": "udp",
        "action": "discard",
        "ttl_seconds": ttl_s,
    }
    answer = machine.daemon.post("/v1/mitigations", body)
    assert answer.status == 201, answer.body
    return str(answer.json["mitigation_id"])


def in_two_halves(count: int, cut: threading.Event) -> Iterator[int]:
    """Events of before the cut, and events that begin while nobody can be reached."""
    yield from range(count // 2)
    cut.wait(60)
    yield from range(count // 2, count)


def test_a_machine_cut_off_from_everybody_heals_without_help(tmp_path: Path) -> None:
    """Meanwhile a rule's time passes: no router may hold it when the cable is back."""
    with a_machine_of_its_own(tmp_path) as machine:
        ledger = Ledger(machine.daemon.host, machine.daemon.port, patience_s=2)
        cut = threading.Event()
        with reporting(ledger, in_two_halves(200, cut), clients=4):
            wait_for(lambda: len(ledger.answered) == 100, 20, "the first half's answers")
            short = by_hand(machine, "198.51.100.77", SHORT_TTL_S)
            wait_for(lambda: _has(machine, "198.51.100.77"), 10, "the short rule on both routers")
            machine.pull_the_cable()
            cut.set()
            # Both routers forget our rules: traffic flows while nobody looks after it.
            wait_for(
                lambda: not _any_rule(machine), HOLD_S + RESTART_S + 10, "routers without rules"
            )
            answered = len(ledger.answered)
            machine.plug_it_in()
        assert answered == 100
        assert len(ledger.answered) == 200
        assert not ledger.surprises
        wait_for(lambda: machine.sessions() == {"established"}, 30, "established sessions")
        wait_for(lambda: short not in _live(machine), SHORT_TTL_S + 2, "the end of the short rule")
        assert machine.agree(20) == 200
        assert ledger.mitigations() == _live(machine)
        assert not _has(machine, "198.51.100.77", anywhere=True)


def _live(machine: Machine) -> set[str]:
    return {row.mitigation_id for row in machine.stored()}


def _any_rule(machine: Machine) -> bool:
    return any(table() for table in machine.tables.values())


def _has(machine: Machine, victim: str, *, anywhere: bool = False) -> bool:
    found = [any(f"{victim}/32" in dict(rule).values() for rule in t()) for t in _tables(machine)]
    return any(found) if anywhere else all(found)


def _tables(machine: Machine) -> list[partial[Table]]:
    return list(machine.tables.values())


def test_what_stands_in_front_of_the_api_fails_and_no_rule_moves(tmp_path: Path) -> None:
    """A proxy that swallows everything: detectors get no answer, routers notice nothing."""
    with a_site(tmp_path, "bird") as site:
        behind = (site.daemon.host, site.daemon.port)
        near = ("127.0.0.1", free_port())
        with relay_to_port(near, behind) as proxy:
            ledger = Ledger(*near, patience_s=1)
            cut = threading.Event()
            with reporting(ledger, in_two_halves(120, cut), clients=4):
                wait_for(lambda: len(ledger.answered) == 60, 20, "the first half's answers")
                proxy.cut()
                cut.set()
                wait_for(lambda: ledger.repeats > 0, 20, "a detector without an answer")
                held = site.agree()
                assert site.daemon.event(victim_number(9999)).status == 202
                assert site.agree() >= held + 1
                proxy.mend()
            assert len(ledger.answered) == 120
            direct = crowd_of(site)
            direct.answered = ledger.answered
            nothing_lost(site, direct)
            assert site.peer("bird")["flaps"] == 0
