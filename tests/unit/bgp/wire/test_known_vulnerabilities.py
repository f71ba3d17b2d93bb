"""Inputs that crashed, hung or reset other BGP speakers, one test each, named after the report.

The rows about the inside of a single FlowSpec rule are in `test_flowspec.py`; here is what reaches
the decoder as a message. "Survives" means: a value or a WireError, and the right one.
"""

from dataclasses import replace
from itertools import permutations

import pytest

from prefixd.bgp.wire.as_path import AsPath, as_sequence
from prefixd.bgp.wire.errors import Reaction, Reason, WireError
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST
from prefixd.bgp.wire.message import decode_message, encode_message
from prefixd.bgp.wire.mp_reach import MpReach
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open
from prefixd.dissect.command import layout
from prefixd.dissect.dissect import explain
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
    attribute,
    decode,
    decode_update,
    message,
    outcome_of,
    reach,
    unreach,
    update,
)

OPEN = (
    "045ba0005ac000020a30"
    "022e010400010001010400010085010400020001010400020085"
    "020046004104fa56ea01400a40780001858000028580"
)


def survives(octets: bytes) -> None:
    """Decoded and weighed under several contexts; anything but WireError fails the test."""
    for context in (EXTERNAL, INTERNAL, replace(EXTERNAL, four_octet_as=False)):
        explanation = explain(octets, context)
        assert explanation.conclusion
        assert list(layout(explanation))


def test_cve_2023_38406_frr_flowspec_rule_of_zero_octets() -> None:
    announced = outcome_of(update(reach("00"), ORIGIN, AS_PATH, DISCARD))
    withdrawn = outcome_of(update(unreach("00")))
    for outcome in (announced, withdrawn):
        assert [fault.reason for fault in outcome.faults] == [Reason.NLRI_EMPTY]
        assert outcome.reaction is Reaction.IGNORE
        assert outcome.announced == outcome.withdrawn == ()


def test_cve_2023_38406_zero_octets_between_two_rules() -> None:
    other = "060120c633640b"
    outcome = outcome_of(update(reach(f"{RULE_NLRI}00{other}"), ORIGIN, AS_PATH, DISCARD))
    assert [len(routes.nlri) for routes in outcome.announced] == [2]


def test_cve_2023_41909_frr_flowspec_nlri_without_attributes() -> None:
    outcome = outcome_of(update(REACH))
    assert outcome.reaction is Reaction.WITHDRAW
    assert outcome.announced == ()


def test_cve_2023_46752_frr_every_truncation_of_mp_reach() -> None:
    value = bytes.fromhex(REACH)[3:]
    for size in range(len(value)):
        survives(update(attribute(0x80, 14, value[:size]), ORIGIN, AS_PATH, DISCARD))
        lying = f"800e{len(value):02x}{value[:size].hex()}"
        survives(update(lying, ORIGIN, AS_PATH, DISCARD))


def test_cve_2023_46753_frr_only_an_unknown_transitive_attribute() -> None:
    outcome = outcome_of(update(attribute(0xC0, 99, "0102")))
    assert [fault.reason for fault in outcome.faults] == [Reason.NOTHING_ANNOUNCED]


@pytest.mark.parametrize("extra", [AS_PATH, ORIGIN, DISCARD, attribute(0xC0, 99, "")])
def test_cve_2023_47234_frr_end_of_rib_with_other_attributes(extra: str) -> None:
    outcome = outcome_of(update(unreach(""), extra))
    assert outcome.end_of_rib is None
    assert outcome.withdrawn == ()


@pytest.mark.parametrize("value", ["0001", "000185ff", "00018500", "000185f0", "0001850120"])
def test_cve_2023_47235_frr_malformed_end_of_rib(value: str) -> None:
    conclusion = explain(update(attribute(0x80, 15, value)), EXTERNAL).conclusion
    assert not any(line.startswith("End-of-RIB") for line in conclusion)
    assert any(word in " ".join(conclusion) for word in ("fault", "NOTIFICATION 3/9"))


def test_cve_2023_41358_frr_attribute_of_length_zero() -> None:
    for code in range(256):
        for flags in (0x40, 0x80, 0xD0):
            header = f"{flags:02x}{code:02x}" + ("0000" if flags & 0x10 else "00")
            survives(update(header, nlri=HOST))
            survives(update(REACH, header, ORIGIN, AS_PATH))


@pytest.mark.parametrize("extended", [False, True])
def test_cve_2022_40302_40318_43681_frr_every_length_in_open(extended: bool) -> None:
    parameters = bytes.fromhex(OPEN)[10:]
    for real in range(len(parameters) + 1):
        for said in (0, 1, 2, real - 1, real, real + 1, 254, 255):
            head = bytes.fromhex(OPEN)[:9] + bytes((said & 0xFF,))
            body = parameters[:real]
            if extended:
                head = head[:-1] + b"\xff\xff" + (said & 0xFFFF).to_bytes(2, "big")
            survives(message(1, head + body))


def test_cve_2023_38802_frr_tunnel_encapsulation_is_opaque() -> None:
    for value in ("", "00", "000f00ff", "ffff" * 20):
        octets = update(REACH, ORIGIN, AS_PATH, DISCARD, attribute(0xC0, 23, value))
        assert outcome_of(octets).faults == ()
        assert encode_message(decode_update(octets), EXTERNAL) == octets


def test_frr_issue_22356_many_rules_that_differ_in_one_late_octet() -> None:
    rules = "".join(f"0c0120c633640a0381110581{port:02x}" for port in range(256))
    outcome = outcome_of(update(reach(rules), ORIGIN, AS_PATH, DISCARD))
    [announced] = outcome.announced
    assert len(set(announced.nlri)) == 256


def test_frr_issue_18557_flowspec_nlri_above_4095_octets() -> None:
    context = replace(EXTERNAL, extended_messages=True)
    octets = update(reach(RULE_NLRI * 6000), ORIGIN, AS_PATH, DISCARD)
    assert len(octets) > 60_000
    [announced] = outcome_of(octets, context).announced
    assert len(announced.nlri) == 6000


def test_frr_issue_12529_message_above_4096_that_was_not_negotiated() -> None:
    octets = update(reach(RULE_NLRI * 500), ORIGIN, AS_PATH, DISCARD)
    with pytest.raises(WireError) as caught:
        cut_message(bytearray(octets), EXTERNAL)
    assert (caught.value.code, caught.value.subcode) == (1, 2)
    assert caught.value.data == octets[16:18]


def test_frr_issue_22828_route_refresh_with_a_filter() -> None:
    for size in range(1, 40):
        survives(message(5, bytes.fromhex("00010085") + b"\x01\x40" + b"\xff" * size))


def test_cve_2025_43972_gobgp_every_truncation_of_twelve_components() -> None:
    body = bytes.fromhex(
        "0120c633640219cb007100038111048135058150069204000781080881000981020a9201f40b810a0c8002"
    )
    for size in range(len(body)):
        rule = bytes((size,)) + body[:size]
        outcome = outcome_of(update(reach(rule.hex()), ORIGIN, AS_PATH, DISCARD))
        assert outcome.disabled == frozenset()
        survives(update(reach(bytes((len(body),)).hex() + body[:size].hex()), ORIGIN, AS_PATH))


def test_cve_2026_37462_gobgp_matrix_of_withdrawn_and_attribute_lengths() -> None:
    tail = bytes.fromhex(ORIGIN + AS_PATH + NEXT_HOP + HOST)
    interesting = (0, 1, 2, 3, 4, 5, len(tail) - 1, len(tail), len(tail) + 1, 0x7FFF, 0xFFFF)
    for withdrawn in interesting:
        for attributes in interesting:
            body = withdrawn.to_bytes(2, "big") + attributes.to_bytes(2, "big") + tail
            survives(message(2, body))
            body = withdrawn.to_bytes(2, "big") + tail + attributes.to_bytes(2, "big")
            survives(message(2, body))
            if withdrawn + attributes > len(tail):
                with pytest.raises(WireError):
                    decode(message(2, withdrawn.to_bytes(2, "big") + b"\xff\xff" + tail))


AS4_MALFORMED = attribute(0xC0, 17, "0201")
AS4_GOOD = attribute(0xC0, 17, "0201fa56ea01")
AS2_PATH = attribute(0x40, 2, "02015ba0")


def test_cve_2026_41643_gobgp_as4_path_in_any_order() -> None:
    old_peer = replace(EXTERNAL, four_octet_as=False)
    for as4_path, expected in ((AS4_MALFORMED, 23456), (AS4_GOOD, 4200000001)):
        for order in permutations((ORIGIN, AS2_PATH, as4_path, DISCARD, REACH)):
            outcome = outcome_of(update(*order), old_peer)
            [path] = [each for each in outcome.attributes if isinstance(each, AsPath)]
            assert path == as_sequence(expected)
            assert len(outcome.announced) == 1


def test_cve_2026_30405_gobgp_next_hop_of_every_length() -> None:
    for size in range(256):
        octets = update(ORIGIN, AS_PATH, attribute(0x40, 3, b"\xc0" * size), nlri=HOST)
        assert bool(outcome_of(octets).announced) is (size == 4)


@pytest.mark.parametrize(
    ("afi", "safi", "nlri", "accepted"),
    [
        (1, 133, RULE_NLRI, {0, 4, 16, 32}),
        (2, 133, "0403813a00", {0, 4, 16, 32}),
        (2, 1, "80" + "20" * 16, {4, 16, 32}),
    ],
)
def test_cve_2018_16230_tcpdump_mp_reach_next_hop_of_every_length(
    afi: int, safi: int, nlri: str, accepted: set[int]
) -> None:
    for size in range(256):
        value = reach(nlri, afi=afi, safi=safi, next_hop="20" * size)
        octets = bytearray(update(value, ORIGIN, AS_PATH, DISCARD))
        assert (outcome_of(bytes(octets)).disabled == frozenset()) is (size in accepted)
        length_octet = octets.index(bytes((afi, safi)), 23) + 2
        octets[length_octet] = 255
        survives(bytes(octets))


@pytest.mark.parametrize("subcode", [2, 4])
def test_cve_2019_16159_bird_long_shutdown_communication(subcode: int) -> None:
    for text in (b"x" * 255, b"x" * 129, "ä".encode() * 127, b"\xff" * 255, b"%n" * 127):
        decoded = decode(message(3, bytes((6, subcode, len(text))) + text))
        assert isinstance(decoded, Notification)
        assert decoded.text is not None
        assert decoded.text.isprintable()


def test_exabgp_issue_314_745_showing_any_received_rule_never_raises() -> None:
    for component in range(1, 15):
        for operator in range(0, 256, 9):
            body = bytes((component, operator, 0x81, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06))
            survives(update(reach(f"09{body.hex()}"), ORIGIN, AS_PATH, DISCARD))
            survives(update(reach(f"09{body.hex()}", afi=2), ORIGIN, AS_PATH, DISCARD))


def test_the_other_family_of_the_session_lives_on_when_flowspec_is_broken() -> None:
    octets = update(reach("0b0120"), ORIGIN, AS_PATH, NEXT_HOP, nlri=HOST)
    outcome = outcome_of(octets)
    assert outcome.disabled == {IPV4_FLOWSPEC}
    assert [routes.family for routes in outcome.announced] == [IPV4_UNICAST]


def test_the_reference_messages_of_this_file_are_what_they_say() -> None:
    assert isinstance(decode(message(1, OPEN)), Open)
    reached = decode_update(update(REACH)).first(MpReach)
    assert reached is not None
    assert isinstance(reached.nlri[0], FlowSpecRule)
    assert decode_message(update(), EXTERNAL) == decode_update(update())
