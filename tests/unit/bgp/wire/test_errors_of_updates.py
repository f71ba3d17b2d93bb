"""What is wrong with an UPDATE as a whole, and what it costs.

The ids of the parameters are the rows of the tables of errors: input, reaction, NOTIFICATION code,
subcode and data.
"""

from dataclasses import replace

import pytest

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Reaction, Reason
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_UNICAST
from prefixd.bgp.wire.mp_reach import RawNlri
from tests.kit.wire import (
    AS_PATH,
    DISCARD,
    EXTERNAL,
    HOST,
    INTERNAL,
    NEXT_HOP,
    ORIGIN,
    REACH,
    RULE_NLRI,
    UNREACH,
    attribute,
    families,
    message,
    outcome_of,
    reach,
    reactions,
    refuse,
    reset,
    unreach,
    update,
)

W = Reaction.WITHDRAW
A = Reaction.DISCARD
I = Reaction.IGNORE  # noqa: E741  the tables of the RFCs use these letters
F = Reaction.DISABLE_FAMILY

# Structure


@pytest.mark.parametrize(
    ("octets", "subcode"),
    [
        pytest.param(message(2, "00050000"), 1, id="withdrawn length beyond the message"),
        pytest.param(message(2, "00000001"), 1, id="attribute length beyond the message"),
        pytest.param(message(2, "ffff0000"), 1, id="withdrawn length 65535"),
        pytest.param(update(withdrawn="2101020304ff"), 1, id="withdrawn prefix of 33 bits"),
        pytest.param(update(withdrawn="200102"), 1, id="withdrawn prefix cut short"),
        pytest.param(
            update(ORIGIN, AS_PATH, NEXT_HOP, nlri="2101020304ff"), 10, id="prefix of 33 bits"
        ),
        pytest.param(update(ORIGIN, AS_PATH, NEXT_HOP, nlri="2001"), 10, id="prefix cut short"),
        pytest.param(update(ORIGIN, "4002ff"), 1, id="attribute overrun and no routes"),
        pytest.param(update("40"), 1, id="attribute of one octet and no routes"),
        pytest.param(update(REACH, REACH, ORIGIN, AS_PATH), 1, id="duplicate MP_REACH"),
        pytest.param(update(UNREACH, UNREACH), 1, id="duplicate MP_UNREACH"),
        pytest.param(update("400101ff", AS_PATH), 1, id="malformed attribute and no routes"),
    ],
)
def test_update_reset(octets: bytes, subcode: int) -> None:
    assert reset(octets) == (3, subcode)


def test_update_unknown_well_known_attribute_resets_and_quotes_it() -> None:
    error = refuse(update("0064020102", REACH))
    assert (error.code, error.subcode, error.data.hex()) == (3, 2, "0064020102")


@pytest.mark.parametrize(
    ("octets", "reaction", "reason"),
    [
        pytest.param(
            update(REACH, ORIGIN, AS_PATH, "c010ff"), W, Reason.ATTRIBUTE_OVERRUN, id="overrun"
        ),
        pytest.param(
            update(REACH, ORIGIN, "400280000000"),
            W,
            Reason.ATTRIBUTE_OVERRUN,
            id="overrun in the middle",
        ),
        pytest.param(
            update("40010180", AS_PATH, REACH), W, Reason.ATTRIBUTE_MALFORMED, id="bad value"
        ),
        pytest.param(
            update(REACH, "80010100", AS_PATH), W, Reason.ATTRIBUTE_FLAGS, id="ORIGIN optional"
        ),
        pytest.param(
            update(REACH, ORIGIN, AS_PATH, "801008" + DISCARD[6:]),
            W,
            Reason.ATTRIBUTE_FLAGS,
            id="communities not transitive",
        ),
    ],
)
def test_update_treated_as_withdraw(octets: bytes, reaction: Reaction, reason: Reason) -> None:
    outcome = outcome_of(octets)
    assert outcome.reaction == reaction
    assert reason in [fault.reason for fault in outcome.faults]
    assert families(outcome) == ([IPV4_FLOWSPEC], [])
    assert outcome.attributes == ()


def test_update_attribute_overrun_with_classic_routes_withdraws_them() -> None:
    outcome = outcome_of(update(ORIGIN, AS_PATH, NEXT_HOP, "c008ff", nlri=HOST))
    assert families(outcome) == ([IPV4_UNICAST], [])


def test_update_attribute_overrun_after_withdrawals_keeps_the_session() -> None:
    outcome = outcome_of(update(UNREACH, "4001ff"))
    assert families(outcome) == ([IPV4_FLOWSPEC], [])


def test_update_malformed_attribute_beside_withdrawals_keeps_the_session() -> None:
    for octets in (
        update(attribute(0x40, 1, "09"), withdrawn=HOST),
        update(UNREACH, attribute(0x40, 1, "09")),
    ):
        outcome = outcome_of(octets)
        assert outcome.reaction is W
        assert len(outcome.withdrawn) == 1


def test_update_malformed_attribute_beside_a_broken_family_costs_the_family() -> None:
    outcome = outcome_of(update(reach("0b0120"), attribute(0x40, 1, "09"), AS_PATH))
    assert outcome.reaction is F
    assert outcome.disabled == {IPV4_FLOWSPEC}


def test_update_malformed_mandatory_attribute_is_not_also_missing() -> None:
    outcome = outcome_of(update(REACH, attribute(0x40, 1, "09"), AS_PATH, DISCARD))
    assert reactions(outcome) == [(W, Reason.ATTRIBUTE_MALFORMED)]


def test_update_other_duplicate_attribute_is_discarded_and_the_first_counts() -> None:
    outcome = outcome_of(update(REACH, ORIGIN, AS_PATH, "40010102", DISCARD))
    assert reactions(outcome) == [(A, Reason.ATTRIBUTE_DUPLICATE)]
    assert families(outcome) == ([], [IPV4_FLOWSPEC])


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(0xC0, [], id="transitive"),
        pytest.param(0x80, [(I, Reason.ATTRIBUTE_UNKNOWN)], id="not transitive"),
    ],
)
def test_update_unknown_optional_attribute(
    flags: int, expected: list[tuple[Reaction, Reason]]
) -> None:
    octets = update(REACH, ORIGIN, AS_PATH, DISCARD, attribute(flags, 99, "0102"))
    outcome = outcome_of(octets)
    assert reactions(outcome) == expected
    assert families(outcome) == ([], [IPV4_FLOWSPEC])


@pytest.mark.parametrize(
    ("octets", "context", "missing"),
    [
        pytest.param(update(REACH, AS_PATH), EXTERNAL, "ORIGIN", id="ORIGIN"),
        pytest.param(update(REACH, ORIGIN), EXTERNAL, "AS_PATH", id="AS_PATH"),
        pytest.param(update(ORIGIN, AS_PATH, nlri=HOST), EXTERNAL, "NEXT_HOP", id="NEXT_HOP"),
        pytest.param(update(REACH, ORIGIN, "400200"), INTERNAL, "LOCAL_PREF", id="LOCAL_PREF"),
    ],
)
def test_update_mandatory_attribute_missing(
    octets: bytes, context: WireContext, missing: str
) -> None:
    outcome = outcome_of(octets, context)
    [fault] = outcome.faults
    assert (fault.reaction, fault.reason, fault.field) == (W, Reason.ATTRIBUTE_MISSING, missing)
    assert outcome.announced == ()
    assert len(outcome.withdrawn) == 1


def test_update_discardable_attribute_without_any_route_is_only_discarded() -> None:
    outcome = outcome_of(update(attribute(0x40, 6, "00")))
    assert outcome.reaction is A


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(update(reach(RULE_NLRI), ORIGIN, AS_PATH), id="MP_REACH"),
        pytest.param(update(unreach(RULE_NLRI)), id="MP_UNREACH"),
        pytest.param(update(ORIGIN, AS_PATH, NEXT_HOP, nlri=HOST), id="classic"),
        pytest.param(update(withdrawn=HOST), id="classic withdrawal"),
    ],
)
def test_update_family_not_negotiated_is_ignored(octets: bytes) -> None:
    context = replace(EXTERNAL, families=frozenset({IPV6_UNICAST}))
    outcome = outcome_of(octets, context)
    assert (I, Reason.FAMILY_NOT_NEGOTIATED) in reactions(outcome)
    assert outcome.reaction is I
    assert families(outcome) == ([], [])


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(update(ORIGIN, AS_PATH), id="attributes only"),
        pytest.param(update(reach(""), ORIGIN, AS_PATH), id="MP_REACH without NLRI"),
        pytest.param(update(unreach(""), AS_PATH), id="empty MP_UNREACH and more"),
    ],
)
def test_update_announces_nothing(octets: bytes) -> None:
    outcome = outcome_of(octets)
    assert reactions(outcome) == [(I, Reason.NOTHING_ANNOUNCED)]
    assert families(outcome) == ([], [])
    assert outcome.end_of_rib is None


# Whole UPDATEs: variations of one announcement, as sent to three other speakers

TAIL = (ORIGIN, AS_PATH, DISCARD)


def rate(octets: str) -> str:
    return f"c01008{octets}"


@pytest.mark.parametrize(
    ("octets", "reaction", "announced"),
    [
        pytest.param(update("c0" + REACH[2:], *TAIL), W, False, id="Y01 MP_REACH flags 0xC0"),
        pytest.param(update(*TAIL, REACH), None, True, id="Y02 MP_REACH last"),
        pytest.param(update(REACH, AS_PATH, DISCARD), W, False, id="Y03 no ORIGIN"),
        pytest.param(update(REACH, ORIGIN, DISCARD), W, False, id="Y04 no AS_PATH"),
        pytest.param(
            update(REACH, ORIGIN, "400200", DISCARD), None, True, id="Y05 empty AS_PATH on eBGP"
        ),
        pytest.param(
            update(REACH, ORIGIN, AS_PATH, "c0100780060000000000"), W, False, id="Y06 7 octets"
        ),
        pytest.param(update(REACH, ORIGIN, AS_PATH), None, True, id="Y07 no action"),
        pytest.param(update(reach(RULE_NLRI, safi=134), *TAIL), I, False, id="Y10 family 1/134"),
        pytest.param(
            update(reach(RULE_NLRI, next_hop="7f000001"), *TAIL), None, True, id="Y11 next hop 4"
        ),
        pytest.param(
            update(REACH, ORIGIN, AS_PATH, rate("800600007fc00000")), W, False, id="Y12 NaN"
        ),
        pytest.param(
            update(REACH, ORIGIN, AS_PATH, rate("80060000bf800000")), None, True, id="Y13 rate -1"
        ),
        pytest.param(
            update(REACH, ORIGIN, AS_PATH, rate("800600007f800000")), I, True, id="Y14 infinity"
        ),
        pytest.param(
            update(REACH, ORIGIN, AS_PATH, "c01010800600000000000080060000447a0000"),
            I,
            True,
            id="Y15 two rates",
        ),
    ],
)
def test_whole_update(octets: bytes, reaction: Reaction | None, announced: bool) -> None:
    context = replace(EXTERNAL, families=frozenset({IPV4_FLOWSPEC, IPV4_UNICAST}))
    outcome = outcome_of(octets, context)
    assert outcome.reaction == reaction
    assert bool(outcome.announced) is announced


def test_whole_update_y05_is_refused_where_the_first_as_is_enforced() -> None:
    context = replace(EXTERNAL, enforce_first_as=True)
    outcome = outcome_of(update(REACH, ORIGIN, "400200", DISCARD), context)
    assert reactions(outcome) == [(W, Reason.FIRST_AS)]


def test_whole_update_y08_two_mp_reach() -> None:
    assert reset(update(REACH, *TAIL, REACH)) == (3, 1)


def test_whole_update_y09_announced_and_withdrawn_at_once() -> None:
    """Withdrawals are applied first, so the route is there in the end (RFC 4271 4.3)."""
    outcome = outcome_of(update(REACH, *TAIL, UNREACH))
    assert outcome.faults == ()
    assert outcome.withdrawn[0].nlri == outcome.announced[0].nlri


def test_whole_update_y16_y17_withdrawals_are_plain() -> None:
    for octets in (update(UNREACH), update(UNREACH, ORIGIN, AS_PATH)):
        outcome = outcome_of(octets)
        assert outcome.faults == ()
        assert families(outcome) == ([IPV4_FLOWSPEC], [])


def test_whole_update_y18_withdrawal_of_an_unreadable_rule_is_ignored() -> None:
    unordered = "0381110120c633640a"
    outcome = outcome_of(update(unreach(f"09{unordered}")))
    assert reactions(outcome) == [(I, Reason.NLRI_CONTENT)]
    assert outcome.withdrawn[0].nlri == (RawNlri(bytes.fromhex(unordered)),)


def test_one_unreadable_rule_costs_only_itself() -> None:
    unordered = "0381110120c633640a"
    outcome = outcome_of(update(reach(f"{RULE_NLRI}09{unordered}"), *TAIL))
    [fault] = outcome.faults
    assert (fault.reaction, fault.reason) == (W, Reason.NLRI_CONTENT)
    assert fault.nlri == bytes.fromhex(unordered)
    [withdrawn], [announced] = outcome.withdrawn, outcome.announced
    assert withdrawn.nlri == (RawNlri(bytes.fromhex(unordered)),)
    assert len(announced.nlri) == 1
    assert isinstance(announced.nlri[0], FlowSpecRule)


def test_redirect_to_a_next_hop_that_is_not_there_is_counted() -> None:
    legacy = rate("0800000000000000")
    outcome = outcome_of(update(REACH, ORIGIN, AS_PATH, legacy))
    assert reactions(outcome) == [(I, Reason.FLOWSPEC_ACTION)]
    with_hop = reach(RULE_NLRI, next_hop="c0000201")
    assert outcome_of(update(with_hop, ORIGIN, AS_PATH, legacy)).faults == ()


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param([reach("010e" * 1000)], id="unreadable rules"),
        pytest.param([reach("00" * 2000), attribute(0xC0, 99, "")], id="rules of zero octets"),
        pytest.param([REACH, *[attribute(0xC0, 99, "")] * 1000], id="duplicate attributes"),
    ],
)
def test_noise_is_bounded_and_hides_nothing(noise: list[str]) -> None:
    """A full message of small mistakes leaves few faults, and the grave one behind them counts."""
    assert 15 <= len(outcome_of(update(*noise, *TAIL)).faults) <= 16
    outcome = outcome_of(update(*noise, attribute(0x40, 1, "09"), AS_PATH, nlri=HOST))
    assert (W, Reason.ATTRIBUTE_MALFORMED) in reactions(outcome)
    assert outcome.announced == ()


def test_every_unreadable_rule_is_withdrawn_however_many() -> None:
    outcome = outcome_of(update(reach("010e" * 1000), *TAIL))
    assert outcome.withdrawn[0].nlri == (RawNlri(b"\x0e"),) * 1000
