"""Every row of the tables of errors: input, reaction, NOTIFICATION code, subcode and data.

The ids of the parameters are the rows. Sections: message header, OPEN, UPDATE structure, path
attributes, whole UPDATEs (Y01 to Y18), ROUTE-REFRESH, NOTIFICATION. Rows about single FlowSpec
rules stand in `test_flowspec.py`, rows about what we have configured in the tests of `fsm`.
"""

from dataclasses import replace

import pytest

from prefixd.bgp.wire.capability import RawCapability
from prefixd.bgp.wire.context import BEFORE_OPEN, WireContext
from prefixd.bgp.wire.errors import Reaction, Reason, WireError
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_UNICAST, Family
from prefixd.bgp.wire.message import decode_message
from prefixd.bgp.wire.mp_reach import RawNlri
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.outcome import Outcome
from prefixd.bgp.wire.refresh import RouteRefresh
from prefixd.bgp.wire.scalar import LocalPref
from tests.kit.wire import (
    AS_PATH,
    DISCARD,
    EXTERNAL,
    HOST,
    INTERNAL,
    LOCAL_PREF,
    NEXT_HOP,
    ORIGIN,
    REACH,
    RULE,
    RULE_NLRI,
    UNREACH,
    attribute,
    decode,
    message,
    outcome_of,
    reach,
    unreach,
    update,
)

MARKER = b"\xff" * 16
EXTENDED = replace(EXTERNAL, extended_messages=True)
OLD_PEER = replace(EXTERNAL, four_octet_as=False)


def refuse(octets: bytes, context: WireContext = EXTERNAL) -> WireError:
    with pytest.raises(WireError) as caught:
        decode_message(octets, context)
    return caught.value


def header(length: int, kind: int) -> bytes:
    return MARKER + length.to_bytes(2, "big") + bytes((kind,))


# Message header


@pytest.mark.parametrize(
    ("octets", "context", "subcode", "data"),
    [
        pytest.param(b"\xfe" + header(19, 4)[1:], EXTERNAL, 1, "", id="marker not all ones"),
        pytest.param(header(18, 4), EXTERNAL, 2, "0012", id="length below 19"),
        pytest.param(header(4097, 2), EXTERNAL, 2, "1001", id="above 4096, not extended"),
        pytest.param(header(65535, 2), BEFORE_OPEN, 2, "ffff", id="above 4096 before OPEN"),
        pytest.param(header(28, 1), EXTERNAL, 2, "001c", id="OPEN below 29"),
        pytest.param(header(22, 2), EXTERNAL, 2, "0016", id="UPDATE below 23"),
        pytest.param(header(18, 4), EXTERNAL, 2, "0012", id="KEEPALIVE below 19"),
        pytest.param(header(20, 4), EXTERNAL, 2, "0014", id="KEEPALIVE above 19"),
        pytest.param(header(22, 5), EXTERNAL, 2, "0016", id="ROUTE-REFRESH below 23"),
        pytest.param(header(4097, 1), EXTENDED, 2, "1001", id="OPEN above 4096, extended"),
        pytest.param(header(4097, 4), EXTENDED, 2, "1001", id="KEEPALIVE above 4096, extended"),
        pytest.param(header(19, 0), EXTERNAL, 3, "00", id="type 0"),
        pytest.param(header(19, 6), EXTERNAL, 3, "06", id="type above 5"),
    ],
)
def test_header(octets: bytes, context: WireContext, subcode: int, data: str) -> None:
    """The header alone is enough: nothing waits for the body of a message that cannot be."""
    with pytest.raises(WireError) as caught:
        cut_message(bytearray(octets), context)
    error = caught.value
    assert (error.code, error.subcode, error.data.hex()) == (1, subcode, data)
    assert error.answerable


def test_header_short_notification_is_not_answered() -> None:
    with pytest.raises(WireError) as caught:
        cut_message(bytearray(header(20, 3)), EXTERNAL)
    assert not caught.value.answerable


def test_header_65535_octets_are_welcome_where_negotiated() -> None:
    assert cut_message(bytearray(header(65535, 2)), EXTENDED) is None


# OPEN

OPEN_HEAD = "04fde9005ac000020a"


def open_message(parameters: str, *, length: int | None = None) -> bytes:
    size = len(parameters) // 2 if length is None else length
    return message(1, f"{OPEN_HEAD}{size:02x}{parameters}")


def capabilities(*tlvs: str) -> bytes:
    octets = "".join(tlvs)
    return open_message(f"02{len(octets) // 2:02x}{octets}")


@pytest.mark.parametrize(
    ("octets", "subcode", "data"),
    [
        pytest.param(message(1, "03fde9005ac000020a00"), 1, "0004", id="version 3"),
        pytest.param(message(1, "05fde9005ac000020a00"), 1, "0004", id="version 5"),
        pytest.param(open_message("0200", length=3), 0, "", id="parameters overrun the message"),
        pytest.param(open_message("0200", length=1), 0, "", id="octets behind the parameters"),
        pytest.param(open_message("0205410400"), 0, "", id="parameter overruns the parameters"),
        pytest.param(open_message("0203410400"), 0, "", id="capability overruns its parameter"),
        pytest.param(open_message("020141"), 0, "", id="capability without a length"),
        pytest.param(open_message("0100"), 4, "", id="parameter type 1"),
        pytest.param(capabilities("41020001"), 0, "", id="capability 65 with 2 octets"),
        pytest.param(
            open_message("ff000000", length=255), 0, "", id="extended form, octets behind"
        ),
        pytest.param(open_message("ff", length=255), 0, "", id="extended form cut short"),
        pytest.param(open_message("ff0005020001", length=255), 0, "", id="extended overrun"),
    ],
)
def test_open(octets: bytes, subcode: int, data: str) -> None:
    error = refuse(octets)
    assert (error.code, error.subcode, error.data.hex()) == (2, subcode, data)


@pytest.mark.parametrize(
    "tlv",
    [
        pytest.param("010300010a", id="capability 1 not of 4 octets"),
        pytest.param("09020000", id="capability 9 not of 1 octet"),
        pytest.param("4003000a01", id="capability 64 not of 2+4n octets"),
        pytest.param("4503000101", id="capability 69 not of 4n octets"),
        pytest.param("4706000185800000", id="capability 71 not of 7n octets"),
        pytest.param("490205ff", id="capability 73 with a name longer than itself"),
        pytest.param("020100", id="capability 2 with a value"),
    ],
)
def test_open_ignores_a_capability_of_impossible_length(tlv: str) -> None:
    decoded = decode(capabilities(tlv, "41040000fde9"))
    assert isinstance(decoded, Open)
    assert decoded.asn == 65001
    [fault] = decoded.faults
    assert (fault.reaction, fault.reason) == (Reaction.IGNORE, Reason.CAPABILITY_LENGTH)
    assert decoded.capabilities[0] == RawCapability(int(tlv[:2], 16), bytes.fromhex(tlv[4:]))


# UPDATE structure


def reset(octets: bytes, context: WireContext = EXTERNAL) -> tuple[int, int]:
    error = refuse(octets, context)
    return error.code, error.subcode


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


def reactions(outcome: Outcome) -> list[tuple[Reaction, Reason]]:
    return [(fault.reaction, fault.reason) for fault in outcome.faults]


def families(outcome: Outcome) -> tuple[list[Family], list[Family]]:
    return (
        [routes.family for routes in outcome.withdrawn],
        [routes.family for routes in outcome.announced],
    )


W = Reaction.WITHDRAW
A = Reaction.DISCARD
I = Reaction.IGNORE  # noqa: E741  the tables of the RFCs use these letters
F = Reaction.DISABLE_FAMILY


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


# Path attributes

SEQUENCE = "02010000fde9"


@pytest.mark.parametrize(
    ("value", "context"),
    [
        pytest.param(attribute(0x40, 1, ""), EXTERNAL, id="ORIGIN of 0 octets"),
        pytest.param(attribute(0x40, 1, "0000"), EXTERNAL, id="ORIGIN of 2 octets"),
        pytest.param(attribute(0x40, 1, "03"), EXTERNAL, id="ORIGIN 3"),
        pytest.param(attribute(0x40, 2, "02020000fde9"), EXTERNAL, id="AS_PATH segment overrun"),
        pytest.param(attribute(0x40, 2, SEQUENCE + "02"), EXTERNAL, id="AS_PATH trailing octet"),
        pytest.param(attribute(0x40, 2, "0200"), EXTERNAL, id="AS_PATH count 0"),
        pytest.param(attribute(0x40, 2, "05010000fde9"), EXTERNAL, id="AS_PATH segment type 5"),
        pytest.param(attribute(0x40, 2, "03010000fde9"), EXTERNAL, id="AS_PATH confederation"),
        pytest.param(attribute(0x40, 2, "04010000fde9"), EXTERNAL, id="AS_PATH confed set"),
        pytest.param(attribute(0x40, 2, SEQUENCE), OLD_PEER, id="AS_PATH of the other width"),
        pytest.param(attribute(0x40, 3, "c00002"), EXTERNAL, id="NEXT_HOP of 3 octets"),
        pytest.param(attribute(0x40, 3, "00000000"), EXTERNAL, id="NEXT_HOP 0.0.0.0"),
        pytest.param(attribute(0x40, 3, "e0000001"), EXTERNAL, id="NEXT_HOP multicast"),
        pytest.param(attribute(0x80, 4, "000001"), EXTERNAL, id="MED of 3 octets"),
        pytest.param(attribute(0x40, 5, "000001"), INTERNAL, id="LOCAL_PREF of 3 octets"),
        pytest.param(attribute(0xC0, 8, ""), EXTERNAL, id="COMMUNITIES of 0 octets"),
        pytest.param(attribute(0xC0, 8, "ffffff0101"), EXTERNAL, id="COMMUNITIES of 5 octets"),
        pytest.param(attribute(0xC0, 16, ""), EXTERNAL, id="EXTENDED COMMUNITIES of 0 octets"),
        pytest.param(
            attribute(0xC0, 16, "80060000000000"), EXTERNAL, id="EXTENDED COMMUNITIES of 7 octets"
        ),
        pytest.param(attribute(0xC0, 25, ""), EXTERNAL, id="IPv6 EXT COMMUNITIES of 0 octets"),
        pytest.param(
            attribute(0xC0, 25, bytes(21)), EXTERNAL, id="IPv6 EXT COMMUNITIES of 21 octets"
        ),
        pytest.param(attribute(0xC0, 32, ""), EXTERNAL, id="LARGE COMMUNITIES of 0 octets"),
        pytest.param(attribute(0xC0, 32, bytes(13)), EXTERNAL, id="LARGE COMMUNITIES of 13 octets"),
        pytest.param(attribute(0x80, 9, "0000"), INTERNAL, id="ORIGINATOR_ID of 2 octets, iBGP"),
        pytest.param(attribute(0x80, 10, ""), INTERNAL, id="CLUSTER_LIST of 0 octets, iBGP"),
        pytest.param(attribute(0x80, 10, bytes(5)), INTERNAL, id="CLUSTER_LIST of 5 octets, iBGP"),
        pytest.param(attribute(0xC0, 35, "0000"), EXTERNAL, id="OTC of 2 octets"),
    ],
)
def test_attribute_treated_as_withdraw(value: str, context: WireContext) -> None:
    code = value[2:4]
    needed = {"01": ORIGIN, "02": AS_PATH, "03": NEXT_HOP, "05": LOCAL_PREF}
    if context.external:
        del needed["05"]
    if not context.four_octet_as:
        needed["02"] = "4002040201fde9"
    others = [each for key, each in needed.items() if key != code]
    outcome = outcome_of(update(*others, value, nlri=HOST), context)
    assert outcome.reaction is W
    assert {fault.attribute for fault in outcome.faults} == {int(code, 16)}
    assert families(outcome) == ([IPV4_UNICAST], [])


def test_attribute_first_as_of_an_external_peer() -> None:
    strict = replace(EXTERNAL, enforce_first_as=True)
    octets = update(REACH, ORIGIN, attribute(0x40, 2, "02010000fdea"), DISCARD)
    assert reactions(outcome_of(octets, strict)) == [(W, Reason.FIRST_AS)]
    assert reactions(outcome_of(octets, EXTERNAL)) == []


@pytest.mark.parametrize(
    ("value", "context"),
    [
        pytest.param(attribute(0xC0, 17, "0201"), OLD_PEER, id="AS4_PATH malformed"),
        pytest.param(attribute(0xC0, 17, SEQUENCE), EXTERNAL, id="AS4_PATH from a new peer"),
        pytest.param(attribute(0x40, 5, "00000064"), EXTERNAL, id="LOCAL_PREF on eBGP"),
        pytest.param(attribute(0x40, 5, "00"), EXTERNAL, id="LOCAL_PREF of 1 octet on eBGP"),
        pytest.param(attribute(0x40, 6, "00"), EXTERNAL, id="ATOMIC_AGGREGATE of 1 octet"),
        pytest.param(attribute(0xC0, 7, bytes(6)), EXTERNAL, id="AGGREGATOR of 6 octets"),
        pytest.param(attribute(0xC0, 7, bytes(8)), OLD_PEER, id="AGGREGATOR of 8, old peer"),
        pytest.param(attribute(0x80, 9, bytes(4)), EXTERNAL, id="ORIGINATOR_ID on eBGP"),
        pytest.param(attribute(0x80, 10, bytes(4)), EXTERNAL, id="CLUSTER_LIST on eBGP"),
        pytest.param(attribute(0x80, 10, bytes(3)), EXTERNAL, id="CLUSTER_LIST of 3 on eBGP"),
    ],
)
def test_attribute_discarded(value: str, context: WireContext) -> None:
    path = AS_PATH if context.four_octet_as else "4002040201fde9"
    outcome = outcome_of(update(REACH, ORIGIN, path, value, DISCARD), context)
    [fault] = outcome.faults
    assert fault.reaction is A
    assert fault.data.hex() == value
    assert families(outcome) == ([], [IPV4_FLOWSPEC])
    assert not any(isinstance(each, LocalPref) for each in outcome.attributes)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("000185", id="MP_REACH without next hop length"),
        pytest.param("00018500", id="MP_REACH without the reserved octet"),
        pytest.param("0001850411", id="MP_REACH next hop overrun"),
        pytest.param("000185050102030405" + "00" + RULE_NLRI, id="MP_REACH next hop of 5 octets"),
        pytest.param("0002010500000000000000", id="MP_REACH IPv6 next hop of 5 octets"),
        pytest.param("000201100000000000000000000000000000000100" + "81", id="prefix of 129 bits"),
        pytest.param("0001850000" + "0b" + RULE, id="rule longer than the attribute"),
        pytest.param("0001850000" + "f0", id="one octet of a two-octet length"),
    ],
)
def test_attribute_mp_reach_malformed(value: str) -> None:
    family = Family(int(value[:4], 16), int(value[4:6], 16))
    octets = update(attribute(0x80, 14, value), ORIGIN, AS_PATH, DISCARD)
    outcome = outcome_of(octets)
    assert reactions(outcome) == [(F, Reason.NLRI_FRAMING)]
    assert outcome.disabled == {family}
    assert families(outcome) == ([], [])
    assert reset(octets, replace(EXTERNAL, families=frozenset({family}))) == (3, 9)


@pytest.mark.parametrize("value", ["", "00", "0001"])
@pytest.mark.parametrize("code", [14, 15])
def test_attribute_multiprotocol_without_a_family_resets(value: str, code: int) -> None:
    """There is no family to disable when the attribute does not even name one."""
    assert reset(update(attribute(0x80, code, value), ORIGIN)) == (3, 9)


def test_attribute_mp_unreach_malformed() -> None:
    octets = update(attribute(0x80, 15, "000185" + "0b" + RULE))
    assert outcome_of(octets).disabled == {IPV4_FLOWSPEC}


@pytest.mark.parametrize("code", [23, 40, 99, 254])
def test_attribute_opaque(code: int) -> None:
    """Whatever is inside an attribute nobody here reads, it is neither read nor complained of."""
    octets = update(REACH, ORIGIN, AS_PATH, DISCARD, attribute(0xC0, code, "0001ffff000400"))
    outcome = outcome_of(octets)
    assert outcome.faults == ()
    assert families(outcome) == ([], [IPV4_FLOWSPEC])


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


# ROUTE-REFRESH


@pytest.mark.parametrize("subtype", [1, 2])
def test_refresh_marker_with_octets_behind_it(subtype: int) -> None:
    octets = message(5, f"0001{subtype:02x}85ff")
    error = refuse(octets)
    assert (error.code, error.subcode, error.data) == (7, 1, octets)


def test_refresh_request_with_a_filter_nobody_negotiated() -> None:
    error = refuse(message(5, "0001008501400000"))
    assert (error.code, error.subcode, error.data.hex()) == (1, 2, "001b")


def test_refresh_unknown_subtype_is_a_value_to_be_ignored() -> None:
    assert decode(message(5, "00010785")) == RouteRefresh(IPV4_FLOWSPEC, 7)
    assert decode(message(5, "00010785ffff")) == RouteRefresh(IPV4_FLOWSPEC, 7)


def test_refresh_of_an_unknown_family_is_a_value_to_be_ignored() -> None:
    assert decode(message(5, "00190041")) == RouteRefresh(Family(25, 65))


# NOTIFICATION


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param("", None, id="no text"),
        pytest.param("00", None, id="length only"),
        pytest.param("0568656c6c6f", "hello", id="text"),
        pytest.param("ff68656c6c6f", "hello", id="length beyond the data"),
        pytest.param("0268656c6c6f", "he", id="octets behind the text"),
        pytest.param("03ff41fe", "\\xffA\\xfe", id="not UTF-8"),
        pytest.param("031b5b4a", "\\x1b[J", id="terminal control"),
        pytest.param("04410a410d", "A\\nA\\r", id="line ends"),
        pytest.param("03e280ae", "\\u202e", id="right to left override"),
    ],
)
def test_notification_text(data: str, text: str | None) -> None:
    for subcode in (2, 4):
        decoded = decode(message(3, f"06{subcode:02x}{data}"))
        assert isinstance(decoded, Notification)
        assert decoded.text == text
        assert str(decoded).isprintable()


@pytest.mark.parametrize("code", range(0, 256, 5))
def test_notification_of_any_code_has_a_name(code: int) -> None:
    for subcode in (0, 1, 9, 255):
        decoded = decode(message(3, bytes((code, subcode)) + b"\x00\xff"))
        assert isinstance(decoded, Notification)
        assert str(decoded).startswith(f"{code}/{subcode} ")
