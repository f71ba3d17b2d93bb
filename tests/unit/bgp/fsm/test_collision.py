"""RFC 4271 6.8 and RFC 6286 2.3: both ends must pick the same connection."""

import itertools

import pytest

from prefixd.bgp.fsm.collision import (
    NO_REVIVAL,
    Identities,
    Origin,
    Revival,
    Stage,
    Verdict,
    judge,
    surviving_origin,
)

OUT, IN = Origin.OUTGOING, Origin.INCOMING
WE_ARE_HIGHER = Identities(local_id=2, local_asn=1, peer_id=1, peer_asn=1)
WE_ARE_LOWER = Identities(local_id=1, local_asn=1, peer_id=2, peer_asn=1)


def test_the_higher_identifier_keeps_the_connection_it_opened() -> None:
    assert surviving_origin(WE_ARE_HIGHER) is OUT
    assert surviving_origin(WE_ARE_LOWER) is IN


def test_identifiers_are_unsigned() -> None:
    assert surviving_origin(Identities(0x80000000, 1, 0x7FFFFFFF, 1)) is OUT


def test_equal_identifiers_leave_it_to_the_as_number() -> None:
    assert surviving_origin(Identities(7, 65001, 7, 65000)) is OUT
    assert surviving_origin(Identities(7, 65000, 7, 65001)) is IN


SPEAKERS = [(1, 64500), (2, 64500), (2, 64501), (0xFFFFFFFF, 1)]


@pytest.mark.parametrize(("a", "b"), list(itertools.permutations(SPEAKERS, 2)))
def test_both_ends_agree(a: tuple[int, int], b: tuple[int, int]) -> None:
    here = surviving_origin(Identities(*a, *b))
    there = surviving_origin(Identities(*b, *a))
    assert {here, there} == {OUT, IN}, "what one opened, the other accepted"


@pytest.mark.parametrize(
    ("ids", "new", "stage", "verdict"),
    [
        (WE_ARE_HIGHER, OUT, Stage.WAITING, Verdict.NEW_LIVES),
        (WE_ARE_HIGHER, IN, Stage.WAITING, Verdict.WAIT),
        (WE_ARE_LOWER, OUT, Stage.WAITING, Verdict.WAIT),
        (WE_ARE_LOWER, IN, Stage.WAITING, Verdict.NEW_LIVES),
        (WE_ARE_HIGHER, OUT, Stage.CONFIRMED, Verdict.NEW_LIVES),
        (WE_ARE_HIGHER, IN, Stage.CONFIRMED, Verdict.OLD_LIVES),
        (WE_ARE_LOWER, OUT, Stage.CONFIRMED, Verdict.OLD_LIVES),
        (WE_ARE_LOWER, IN, Stage.CONFIRMED, Verdict.NEW_LIVES),
        (WE_ARE_HIGHER, OUT, Stage.HELD, Verdict.NEW_LIVES),
        (WE_ARE_HIGHER, OUT, Stage.ESTABLISHED, Verdict.OLD_LIVES),
        (WE_ARE_LOWER, IN, Stage.ESTABLISHED, Verdict.OLD_LIVES),
    ],
)
def test_verdicts(ids: Identities, new: Origin, stage: Stage, verdict: Verdict) -> None:
    old = IN if new is OUT else OUT
    assert judge(ids, new, old, stage, NO_REVIVAL) is verdict


def test_a_second_call_of_the_same_side_replaces_the_first() -> None:
    assert judge(WE_ARE_HIGHER, IN, IN, Stage.WAITING, NO_REVIVAL) is Verdict.NEW_LIVES
    assert judge(WE_ARE_HIGHER, IN, IN, Stage.CONFIRMED, NO_REVIVAL) is Verdict.NEW_LIVES


@pytest.mark.parametrize(
    ("revival", "verdict"),
    [
        (Revival(restarting=True), Verdict.NEW_REPLACES),
        (Revival(silent=True, authenticated=True), Verdict.NEW_REPLACES),
        (Revival(silent=True), Verdict.OLD_LIVES),
        (Revival(authenticated=True), Verdict.OLD_LIVES),
    ],
)
def test_an_established_session_yields_only_to_good_evidence(
    revival: Revival, verdict: Verdict
) -> None:
    assert judge(WE_ARE_HIGHER, IN, OUT, Stage.ESTABLISHED, revival) is verdict
