"""A neighbor that lies: whatever it says, others keep their rules and it gets a defined answer.

Beside the liar stands a real router. It must never lose its session or a rule, new rules must reach
it while the liar talks, nothing the liar says may become a mitigation, and the daemon may neither
grow nor log an error of its own making.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefixd.bgp.wire.capability import (
    ExtendedMessage,
    GracefulFamily,
    GracefulRestart,
    LongLivedFamily,
    LongLivedGracefulRestart,
    Multiprotocol,
)
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, MessageType
from prefixd.bgp.wire.message import RouteRefresh, encode_message
from prefixd.bgp.wire.open import Open
from tests.kit.lab import announcement, rule_octets, withdrawal
from tests.kit.liar import CONTEXT, EAGER, FAMILIES, KEEPALIVE, Liar, a_session, an_open, expecting
from tests.kit.site import Site, a_site, victim_number
from tests.kit.wire import (
    AS_PATH,
    DISCARD,
    LOCAL_PREF,
    ORIGIN,
    REACH,
    RULE_NLRI,
    attribute,
    message,
    reach,
    unreach,
    update,
)

RULES = 50
REFRESHES = 2000
FOREIGN_RULES = 5000
MAY_GROW_KIB = 24 * 1024
LIAR, TRUTH = "liar", "bird"
LAST = victim_number(9999)


@contextlib.contextmanager
def beside_a_liar(folder: Path, **changes: object) -> Iterator[Site]:
    """Whatever happens in the block, afterwards the honest router has noticed nothing."""
    neighbor = expecting(LIAR, **changes)
    main = {"bgp": {"admission": EAGER, "router_id": "10.255.0.1"}}
    with a_site(folder, TRUTH, main=main, neighbors=[neighbor]) as site:
        for number in range(RULES):
            assert site.daemon.event(victim_number(number)).status == 202
        site.agree()
        resident = site.resident_kib()
        yield site
        assert site.daemon.event(LAST).json["outcome"] == "mitigated"
        rules = site.agree()
        assert LAST in {row.victim for row in site.stored()}
        honest = site.peer(TRUTH)
        assert (honest["state"], honest["flaps"]) == ("established", 0)
        assert "Traceback" not in site.daemon.log_text
        assert site.resident_kib() - resident < MAY_GROW_KIB
        with a_session(site.bgp_port) as penitent:  # and once it behaves it is told everything
            penitent.await_rules(rules)


# Before it is established: the OPEN is a lie

OUR_ID = 0x0AFF0001
BAD_OPENS: dict[str, tuple[Open | bytes, tuple[int, int] | None]] = {
    "another AS": (an_open(64999), (2, 2)),
    "no AS": (an_open(0), (2, 2)),
    "our identifier": (an_open(identifier=OUR_ID), (2, 3)),
    "no identifier": (an_open(identifier=0), (2, 3)),
    "hold time of one second": (an_open(hold_time_s=1), (2, 6)),
    "version 3": (message(1, "03fde800000a08080800"), (2, 1)),
    "parameters beyond the message": (message(1, "04fde800000a080808ff"), (2, 0)),
    "no OPEN but an UPDATE": (update(REACH, ORIGIN, AS_PATH), (5, 1)),
    "no OPEN but a KEEPALIVE": (KEEPALIVE, (5, 1)),
    "a marker that is none": (bytes(19), (1, 1)),
    "a type nobody knows": (message(9, ""), (1, 3)),
    "65535 octets": (b"\xff" * 18 + b"\x01", (1, 2)),
    "a NOTIFICATION": (message(3, "0602"), None),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: router\r\n\r\n", (1, 1)),
}


def test_no_lie_in_an_open_becomes_a_session(tmp_path: Path) -> None:
    with beside_a_liar(tmp_path) as site:
        found = {}
        for name, (greeting, _) in BAD_OPENS.items():
            with Liar(site.bgp_port, greeting) as liar:
                found[name] = liar.await_end()
        assert found == {name: expected for name, (_, expected) in BAD_OPENS.items()}
        assert site.peer(LIAR)["sessions"] == 0


def test_a_connection_may_end_anywhere_in_an_open(tmp_path: Path) -> None:
    octets = encode_message(an_open(), BEFORE_OPEN)
    with beside_a_liar(tmp_path) as site:
        for end in range(len(octets)):
            with Liar(site.bgp_port, octets[:end], answers=False):
                pass
        assert site.peer(LIAR)["sessions"] == 0


# Once established: it breaks what it claimed

GRACEFUL = GracefulRestart(
    restarting=True,
    notification=True,
    restart_time_s=4095,
    families=tuple(GracefulFamily(family, forwarding=True) for family in FAMILIES),
)
LONG_LIVED = LongLivedGracefulRestart(
    tuple(LongLivedFamily(family, forwarding=True, stale_time_s=16_777_215) for family in FAMILIES)
)
NEVER_OFFERED = reach("20c6336401", afi=1, safi=1, next_hop="7f000008")
RESETS: dict[str, tuple[bytes, tuple[int, int] | None]] = {
    "a second OPEN": (encode_message(an_open(), BEFORE_OPEN), (5, 3)),
    "a marker that is none": (bytes(19), (1, 1)),
    "4097 octets": (message(2, bytes(4078)), (1, 2)),
    "a KEEPALIVE with a body": (message(4, "00"), (1, 2)),
    "lengths beyond the UPDATE": (message(2, "ffff0000"), (3, 1)),
    "MP_REACH twice": (update(REACH, REACH, ORIGIN, AS_PATH), (3, 1)),
    "a well-known attribute nobody knows": (update("0064020102", REACH), (3, 2)),
    "a broken NOTIFICATION": (message(3, ""), None),
}
TOLERATED: dict[str, bytes] = {
    "a bad ORIGIN": update("40010109", AS_PATH, REACH),
    "ORIGIN with the flags of another": update(REACH, "80010100", AS_PATH),
    "communities beyond the UPDATE": update(REACH, ORIGIN, AS_PATH, "c010ff"),
    "an AS_PATH of two-octet numbers": update(REACH, ORIGIN, "4002040201fde9", LOCAL_PREF),
    "a rule of no octets": update(reach("00"), ORIGIN, AS_PATH),
    "a rule that ends too early": update(reach("0b0120"), ORIGIN, AS_PATH),
    "a family never offered": update(NEVER_OFFERED, ORIGIN, AS_PATH, LOCAL_PREF),
    "withdrawal of a family never offered": update(unreach("20c6336401", safi=1)),
    "a family that does not exist": update(reach("00", afi=77, safi=77), ORIGIN, AS_PATH),
    "refresh of a family that does not exist": message(5, "004d004d"),
    "a rule with our own AS": update(REACH, ORIGIN, "40020602010000fde8", DISCARD, LOCAL_PREF),
    "a rule for a customer": update(
        reach(RULE_NLRI), ORIGIN, "400200", DISCARD, LOCAL_PREF
    ),
    "2,000 communities": update(
        REACH, ORIGIN, AS_PATH, attribute(0xC0, 8, bytes(range(200)) * 15), LOCAL_PREF
    ),
}  # fmt: skip


def test_a_session_whose_framing_is_broken_ends_and_no_other(tmp_path: Path) -> None:
    with beside_a_liar(tmp_path) as site:
        found = {}
        for name, (octets, _) in RESETS.items():
            with a_session(site.bgp_port) as liar:
                liar.send(octets)
                found[name] = liar.await_end()
        assert found == {name: expected for name, (_, expected) in RESETS.items()}
        assert site.peer(LIAR)["sessions"] == len(RESETS)


def test_lies_that_leave_the_framing_whole_cost_not_even_the_liars_session(tmp_path: Path) -> None:
    with beside_a_liar(tmp_path, accept={"mode": "monitor"}) as site:
        claims = an_open(more=(ExtendedMessage(), GRACEFUL, LONG_LIVED))
        with a_session(site.bgp_port, greeting=claims) as liar:
            for number, octets in enumerate(TOLERATED.values(), start=RULES):
                liar.send(octets)
                assert site.daemon.event(victim_number(number)).status == 202
                liar.await_rules(number + 1)
            assert not liar.closed.is_set(), liar.notification
            told = site.peer(LIAR)
            assert told["received"]["ipv4-flowspec"] <= 2
            assert sum(told["faults"].values()) >= 6


@pytest.mark.parametrize("mode", ["deny", "monitor", "accept"])
def test_rules_we_never_sent_and_withdrawals_of_ours_change_nothing(
    mode: str, tmp_path: Path
) -> None:
    accept = {"mode": mode, "destinations": ["198.18.0.0/16"]}
    with beside_a_liar(tmp_path, accept=accept) as site, a_session(site.bgp_port) as liar:
        liar.await_rules(RULES)
        ours = list(liar.rules)
        begun = time.monotonic()
        liar.send(*announcement(rule_octets(IPV4_FLOWSPEC, FOREIGN_RULES), IPV4_FLOWSPEC))
        liar.send(*withdrawal(ours, IPV4_FLOWSPEC))
        liar.send(*announcement(ours, IPV4_FLOWSPEC))
        assert site.daemon.event(victim_number(RULES)).status == 202
        liar.await_rules(RULES + 1)
        took = time.monotonic() - begun
        assert not liar.closed.is_set(), liar.notification
        assert site.peer(LIAR)["received"].get("ipv4-flowspec", 0) <= 1000
        rows = site.daemon.get("/v1/mitigations?limit=100").json["mitigations"]
        assert {row["victim_ip"] for row in rows} == {victim_number(n) for n in range(RULES + 1)}
        assert took < 5


def test_a_flood_of_refreshes_is_answered_twice(tmp_path: Path) -> None:
    """Once at once, once more after ten seconds; never once for each."""
    question = encode_message(RouteRefresh(IPV4_FLOWSPEC), CONTEXT)
    with beside_a_liar(tmp_path) as site, a_session(site.bgp_port) as liar:
        liar.await_rules(RULES)
        before = site.peer(LIAR)["octets_out"]
        for _ in range(REFRESHES // 100):
            liar.send(question * 100)
        for number in range(RULES, RULES + 10):
            assert site.daemon.event(victim_number(number)).status == 202
        liar.await_rules(RULES + 10)
        assert site.peer(LIAR)["messages_in"]["route refresh"] >= REFRESHES
        whole_table = 100 * (RULES + 10)
        assert site.peer(LIAR)["octets_out"] - before < 4 * whole_table


def test_one_octet_at_a_time_is_understood_and_starves_nobody(tmp_path: Path) -> None:
    with beside_a_liar(tmp_path) as site, a_session(site.bgp_port) as liar:
        for octet in update("40010109", AS_PATH, REACH) + KEEPALIVE:
            liar.send(bytes((octet,)))
        assert site.daemon.event(victim_number(RULES)).status == 202
        liar.await_rules(RULES + 1)
        assert not liar.closed.is_set(), liar.notification
        assert liar.heard[MessageType.UPDATE] >= 2


def test_families_it_cannot_hold_are_never_sent(tmp_path: Path) -> None:
    """It names one family of two: rules of the other are not for it."""
    with beside_a_liar(tmp_path) as site:
        only_v6 = an_open(families=(FAMILIES[1],))
        assert isinstance(only_v6.capabilities[0], Multiprotocol)
        with a_session(site.bgp_port, greeting=only_v6) as liar:
            assert site.daemon.event(victim_number(RULES)).status == 202
            assert site.peer(LIAR)["withheld"] == {"family": RULES + 1}
            assert not liar.rules
