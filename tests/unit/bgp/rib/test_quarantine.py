"""Finding the poison rule: bisection over sessions that a router keeps resetting."""

import pytest

from prefixd.bgp.rib.quarantine import Quarantine
from prefixd.bgp.rib.route import Key
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC

KEYS = [Key(IPV4_FLOWSPEC, bytes((1, n))) for n in range(100)]


class Peer:
    """One neighbor's quarantine and a count of what it was told; it believes after ten seconds."""

    def __init__(self, **more: object) -> None:
        self.quarantine = Quarantine(**more)  # type: ignore[arg-type]  # a builder trusts its tests
        self.seq = 0
        self.now = 100.0

    def publish(self, *keys: Key) -> None:
        self.seq += 1
        self.quarantine.wrote(self.seq, self.now, [(key, None) for key in keys])

    def rest(self) -> bool:
        """Nothing more to tell, and then ten quiet seconds."""
        self.quarantine.all_written(self.seq, self.now)
        self.now += 10.0
        return self.quarantine.digested(0, self.now - 10.0)


def live_through(peer: Peer, wanted: list[Key], poison: set[Key]) -> int:
    """Sessions with a router that resets on poison, until nothing is left to find out."""
    quarantine = peer.quarantine
    resets = 0
    for _ in range(60):
        advertised: set[Key] = set()
        while True:
            fresh = [k for k in wanted if k not in quarantine.held_back and k not in advertised]
            peer.publish(*fresh)
            advertised.update(fresh)
            if advertised & poison:
                resets += 1
                quarantine.session_ended(suspicious=True, at_us=5, code=3, subcode=9, data=b"\x01")
                break
            if not peer.rest():
                return resets
    raise AssertionError("no end in sight")


@pytest.mark.parametrize("place", [0, 1, 49, 50, 98, 99])
def test_one_poison_rule_among_a_hundred(place: int) -> None:
    peer = Peer()
    quarantine = peer.quarantine
    resets = live_through(peer, KEYS, {KEYS[place]})
    assert set(quarantine.quarantined) == {KEYS[place]}
    assert quarantine.held_back == {KEYS[place]}
    assert resets <= 9  # log2(100) + 1, and the first
    evidence = quarantine.quarantined[KEYS[place]]
    assert (evidence.code, evidence.subcode, evidence.data) == (3, 9, b"\x01")


def test_several_poison_rules() -> None:
    peer = Peer()
    poison = {KEYS[3], KEYS[4], KEYS[77]}
    live_through(peer, KEYS, poison)
    assert set(peer.quarantine.quarantined) == poison


def test_what_was_parsed_is_never_a_candidate() -> None:
    peer = Peer()
    quarantine = peer.quarantine
    peer.publish(*KEYS[:50])
    assert not peer.rest()
    peer.publish(KEYS[60])
    assert quarantine.session_ended(suspicious=True, at_us=0) == (KEYS[60],)


def test_an_ordinary_end_makes_no_candidates() -> None:
    peer = Peer()
    quarantine = peer.quarantine
    peer.publish(*KEYS)
    assert quarantine.session_ended(suspicious=False, at_us=0) == ()
    assert quarantine.held_back == frozenset()


def test_an_ordinary_end_during_a_test_resumes_it_later() -> None:
    peer = Peer()
    quarantine = peer.quarantine
    peer.publish(*KEYS[:4])
    quarantine.session_ended(suspicious=True, at_us=0)
    assert peer.rest()
    on_trial = set(KEYS[:4]) - quarantine.held_back
    quarantine.session_ended(suspicious=False, at_us=0)
    assert on_trial <= quarantine.held_back
    assert quarantine.busy


def test_without_bisection_all_candidates_stay_out() -> None:
    peer = Peer(bisect=False)
    quarantine = peer.quarantine
    peer.publish(*KEYS[:7])
    assert set(quarantine.session_ended(suspicious=True, at_us=0)) == set(KEYS[:7])


def test_a_broken_connection_alone_quarantines_nothing() -> None:
    peer = Peer()
    quarantine = peer.quarantine
    peer.publish(KEYS[0])
    assert quarantine.session_ended(suspicious=True, certain=False, at_us=0) == ()
    assert quarantine.held_back == frozenset()  # a router may be restarted at any moment
    peer.publish(KEYS[0])
    assert quarantine.session_ended(suspicious=True, certain=False, at_us=0) == ()
    assert quarantine.held_back == {KEYS[0]}
    assert peer.rest()  # the session lives without it: let it try once more
    assert quarantine.held_back == frozenset()
    peer.publish(KEYS[0])
    assert quarantine.session_ended(suspicious=True, certain=False, at_us=0) == (KEYS[0],)


def test_release() -> None:
    peer = Peer()
    quarantine = peer.quarantine
    peer.publish(KEYS[0])
    quarantine.session_ended(suspicious=True, at_us=0)
    assert not quarantine.release([KEYS[1]])
    assert quarantine.release([KEYS[0]])
    assert quarantine.held_back == frozenset()
    assert not quarantine.release()


def test_writes_are_forgotten_one_by_one_however_busy_the_router_is() -> None:
    """Something is told every second, nothing is ever proven, and there is never a pause."""
    peer = Peer()
    for _ in range(1000):
        peer.publish(KEYS[0])
        peer.now += 1.0
        peer.quarantine.digested(0, peer.now - 10.0)
    assert len(peer.quarantine._written) <= 10


def test_a_test_ends_also_on_a_router_with_constant_changes() -> None:
    peer = Peer()
    quarantine = peer.quarantine
    peer.publish(*KEYS[:4])
    quarantine.session_ended(suspicious=True, at_us=0)
    quarantine.all_written(peer.seq, peer.now)  # the rest of the table
    seen: set[Key] = set()
    for second in range(60):
        peer.publish(KEYS[50 + second % 40])
        fresh = [key for key in KEYS[:4] if key not in quarantine.held_back and key not in seen]
        if fresh:
            peer.publish(*fresh)
            seen.update(fresh)
        peer.now += 1.0
        quarantine.digested(0, peer.now - 10.0)
    assert seen == set(KEYS[:4])
    assert not quarantine.busy


def test_a_test_that_was_sent_late_is_not_over_before_it_was_parsed() -> None:
    peer = Peer()
    quarantine = peer.quarantine
    peer.publish(*KEYS[:2])
    quarantine.session_ended(suspicious=True, at_us=0)
    assert peer.rest()
    (on_trial,) = set(KEYS[:2]) - quarantine.held_back
    peer.now += 100.0  # a long way to go before it is its turn
    assert not quarantine.digested(0, peer.now - 10.0)
    peer.publish(on_trial)
    assert not quarantine.digested(0, peer.now - 10.0)
    assert quarantine.session_ended(suspicious=True, at_us=0) == (on_trial,)


def test_what_the_peer_has_proven_needs_no_patience() -> None:
    peer = Peer()
    peer.publish(*KEYS[:50])
    peer.quarantine.digested(peer.seq, 0.0)
    peer.publish(KEYS[60])
    assert peer.quarantine.session_ended(suspicious=True, at_us=0) == (KEYS[60],)
