"""What is wrong with a path attribute, and what it costs.

The ids of the parameters are the rows of the tables of errors: input, reaction, NOTIFICATION code,
subcode and data.
"""

from dataclasses import replace

import pytest

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Reaction, Reason
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, Family
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
    attribute,
    families,
    outcome_of,
    reactions,
    reset,
    update,
)

OLD_PEER = replace(EXTERNAL, four_octet_as=False)
W = Reaction.WITHDRAW
A = Reaction.DISCARD
F = Reaction.DISABLE_FAMILY

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
