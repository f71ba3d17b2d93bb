"""Actions: what is refused on the way out, and how strange ones are read on the way in."""

import math

import pytest

from prefixd.bgp.wire.errors import Reaction, WireError
from prefixd.bgp.wire.flowspec_action import (
    Accept,
    Action,
    Discard,
    InterfaceSet,
    MarkDscp,
    PacketRateLimit,
    RateLimit,
    RedirectToAddress,
    RedirectToNextHop,
    RedirectToVrf,
    RedirectToVrfIpv6,
    as_sent,
    decode_actions,
    encode_actions,
    route_target,
)

REFUSED: dict[str, tuple[list[Action], str]] = {
    "nothing": ([], "use Accept"),
    "not a number": ([RateLimit(math.nan)], "rate of nan"),
    "infinite": ([RateLimit(math.inf)], "rate of inf"),
    "negative": ([RateLimit(-1)], "is none"),
    "negative packets": ([PacketRateLimit(-0.5)], "is none"),
    "too large": ([PacketRateLimit(1e39)], "is none"),
    "zero limit": ([RateLimit(0)], "discard; use Discard"),
    "minus zero limit": ([RateLimit(-0.0)], "discard; use Discard"),
    "denormal to zero": ([RateLimit(1e-300)], "discard; use Discard"),
    "same kind twice": ([RateLimit(1e6), Discard()], "one kind"),
    "two redirects": (
        [RedirectToNextHop(), RedirectToAddress(bytes((192, 0, 2, 1)))],
        "one kind",
    ),
    "two tables": ([route_target("65001:1"), route_target("192.0.2.1:1")], "one kind"),
    "accept and": ([Accept(), MarkDscp(46)], "excludes"),
    "DSCP": ([MarkDscp(64)], "outside 0..63"),
    "group": ([InterfaceSet(asn=1, group=0x4000, inbound=True, outbound=True)], "interface group"),
    "AS number": ([Discard(asn=-1)], "AS number"),
    "address": ([RedirectToAddress(b"")], "4 or 16 octets"),
    "target": ([RedirectToVrf(3, bytes(6))], "form 0, 1 or 2"),
    "target value": ([RedirectToVrfIpv6(bytes(16), 65536)], "route target value"),
    "target address": ([RedirectToVrfIpv6(bytes(4), 1)], "16 octets"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_encoder_refuses(name: str) -> None:
    actions, complaint = REFUSED[name]
    with pytest.raises(WireError, match=complaint):
        encode_actions(actions)


def test_accept_is_said_by_saying_nothing() -> None:
    assert encode_actions([Accept()]) == ((), ())
    assert decode_actions(()).actions == (Accept(),)


def test_rates_are_bits_here_and_bytes_there() -> None:
    assert encode_actions([RateLimit(1_000_000_000)]) == ((bytes.fromhex("800600004cee6b28"),), ())
    assert as_sent(10_000_000_000) == 10_000_000_000
    assert as_sent(123_456_789_012) == 123_456_790_528  # the nearest the wire can say
    again = decode_actions(encode_actions([RateLimit(123_456_789_012)])[0]).actions
    assert again == (RateLimit(as_sent(123_456_789_012)),)


def test_an_as_number_of_four_octets_does_not_fit_the_rate() -> None:
    assert encode_actions([Discard(asn=4_200_000_001)])[0][0].hex() == "8006000000000000"


def test_limit_and_redirect_together_in_a_stable_order() -> None:
    actions: list[Action] = [route_target("65001:100"), RateLimit(1e6), MarkDscp(10)]
    communities, ipv6 = encode_actions(actions)
    assert (communities, ipv6) == encode_actions(actions[::-1])
    assert [octets[:2].hex() for octets in communities] == ["8006", "8008", "8009"]
    assert set(decode_actions(communities).actions) == set(actions)


@pytest.mark.parametrize(
    ("octets", "actions", "reactions"),
    [
        (["800600007fc00000"], (Accept(),), [Reaction.WITHDRAW]),
        (["80060000bf800000"], (Discard(),), []),
        (["8006000080000000"], (Discard(),), []),
        (["800600007f800000"], (Accept(),), [Reaction.IGNORE]),
        (["80060000ff800000"], (Discard(),), []),
        (["8006000000000000", "80060000447a0000"], (Discard(),), [Reaction.IGNORE]),
        (["80060000447a0000", "80060000447a0000"], (RateLimit(8000.0),), []),
        (
            ["80060000447a0000", "800c0000447a0000"],
            (RateLimit(8000.0), PacketRateLimit(1000.0)),
            [],
        ),
    ],
)
def test_strange_rates(
    octets: list[str], actions: tuple[Action, ...], reactions: list[Reaction]
) -> None:
    decoded = decode_actions(bytes.fromhex(each) for each in octets)
    assert decoded.actions == actions
    assert [fault.reaction for fault in decoded.faults] == reactions


def test_unknown_communities_are_kept_verbatim() -> None:
    foreign = [bytes.fromhex("0002fde900000064"), bytes.fromhex("8040000000000001"), b"\x80"]
    decoded = decode_actions(foreign, [bytes(20), b"short"])
    assert decoded.unknown == (*foreign, bytes(20), b"short")
    assert decoded.actions == (Accept(),)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("65001:100", "8008fde900000064"),
        ("192.0.2.1:100", "8108c00002010064"),
        ("65537:100", "8208000100010064"),
        ("0:4294967295", "80080000ffffffff"),
    ],
)
def test_route_targets_in_their_three_forms(text: str, octets: str) -> None:
    assert encode_actions([route_target(text)])[0][0].hex() == octets


@pytest.mark.parametrize(
    "text",
    ["", "65001", "65001:", ":1", "65537:65536", "4294967296:1", "192.0.2:1", "256.0.2.1:1",
     "192.0.2.1:65536", "-1:5", "1:-5", "a:b", "1:99999999999", "²:1"],
)  # fmt: skip
def test_no_route_targets(text: str) -> None:
    with pytest.raises(ValueError, match="is not a route target"):
        route_target(text)
