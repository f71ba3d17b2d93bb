"""Finding the poison rule: bisection over sessions that a router keeps resetting."""

import pytest

from prefixd.bgp.rib.quarantine import Quarantine
from prefixd.bgp.rib.route import Key
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC

KEYS = [Key(IPV4_FLOWSPEC, bytes((1, n))) for n in range(100)]


def live_through(quarantine: Quarantine, wanted: list[Key], poison: set[Key]) -> int:
    """Sessions with a router that resets on poison, until nothing is left to find out."""
    resets = 0
    for _ in range(60):
        told: set[Key] = set()
        while True:
            fresh = [k for k in wanted if k not in quarantine.held_back and k not in told]
            quarantine.wrote([(key, None) for key in fresh])
            told.update(fresh)
            if told & poison:
                resets += 1
                quarantine.session_ended(blamed=True, at_us=5, code=3, subcode=9, data=b"\x01")
                break
            if not quarantine.quiet():
                return resets
    raise AssertionError("no end in sight")


@pytest.mark.parametrize("place", [0, 1, 49, 50, 98, 99])
def test_one_poison_rule_among_a_hundred(place: int) -> None:
    quarantine = Quarantine()
    resets = live_through(quarantine, KEYS, {KEYS[place]})
    assert set(quarantine.convicted) == {KEYS[place]}
    assert quarantine.held_back == {KEYS[place]}
    assert resets <= 9  # log2(100) + 1, and the first
    evidence = quarantine.convicted[KEYS[place]]
    assert (evidence.code, evidence.subcode, evidence.data) == (3, 9, b"\x01")


def test_several_poison_rules() -> None:
    quarantine = Quarantine()
    poison = {KEYS[3], KEYS[4], KEYS[77]}
    live_through(quarantine, KEYS, poison)
    assert set(quarantine.convicted) == poison


def test_what_was_digested_is_never_suspected() -> None:
    quarantine = Quarantine()
    quarantine.wrote([(key, None) for key in KEYS[:50]])
    assert not quarantine.quiet()
    quarantine.wrote([(KEYS[60], None)])
    assert quarantine.session_ended(blamed=True, at_us=0) == (KEYS[60],)


def test_an_innocent_end_accuses_nobody() -> None:
    quarantine = Quarantine()
    quarantine.wrote([(key, None) for key in KEYS])
    assert quarantine.session_ended(blamed=False, at_us=0) == ()
    assert quarantine.held_back == frozenset()


def test_an_innocent_end_during_a_trial_resumes_it_later() -> None:
    quarantine = Quarantine()
    quarantine.wrote([(key, None) for key in KEYS[:4]])
    quarantine.session_ended(blamed=True, at_us=0)
    assert quarantine.quiet()
    on_trial = set(KEYS[:4]) - quarantine.held_back
    quarantine.session_ended(blamed=False, at_us=0)
    assert on_trial <= quarantine.held_back
    assert quarantine.busy


def test_without_bisection_all_suspects_stay_out() -> None:
    quarantine = Quarantine(bisect=False)
    quarantine.wrote([(key, None) for key in KEYS[:7]])
    assert set(quarantine.session_ended(blamed=True, at_us=0)) == set(KEYS[:7])


def test_a_broken_connection_alone_convicts_nobody() -> None:
    quarantine = Quarantine()
    quarantine.wrote([(KEYS[0], None)])
    assert quarantine.session_ended(blamed=True, certain=False, at_us=0) == ()
    assert quarantine.held_back == frozenset()  # a router may be restarted at any moment
    quarantine.wrote([(KEYS[0], None)])
    assert quarantine.session_ended(blamed=True, certain=False, at_us=0) == ()
    assert quarantine.held_back == {KEYS[0]}
    assert quarantine.quiet()  # the session lives without it: let it try once more
    assert quarantine.held_back == frozenset()
    quarantine.wrote([(KEYS[0], None)])
    assert quarantine.session_ended(blamed=True, certain=False, at_us=0) == (KEYS[0],)


def test_pardon() -> None:
    quarantine = Quarantine()
    quarantine.wrote([(KEYS[0], None)])
    quarantine.session_ended(blamed=True, at_us=0)
    assert not quarantine.pardon([KEYS[1]])
    assert quarantine.pardon([KEYS[0]])
    assert quarantine.held_back == frozenset()
    assert not quarantine.pardon()
