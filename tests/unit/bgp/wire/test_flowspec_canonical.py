"""One spelling per meaning, and the order in which routers try rules (RFC 8955 5.1, 8956 4)."""

import random

import pytest

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec import decode_rule, encode_rule
from prefixd.bgp.wire.flowspec_canonical import canonical, order_key
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC

IPV4_ORDER = [
    "0118c000020218cb0071",
    "0118c00002038106",
    "0120c633640a038111",
    "0118c63364038106",
    "0118c63364038111050135817b",
    "0118c63364038111058135",
    "0118c63364038111",
    "0118c63364",
    "0118cb0071",
    "0100038111",
    "0218cb0071",
    "038111",
]
IPV6_ORDER = ["01300020010db80001", "01200020010db8", "01200020010db9", "01604012345678"]


@pytest.mark.parametrize(
    ("bodies", "family"), [(IPV4_ORDER, IPV4_FLOWSPEC), (IPV6_ORDER, IPV6_FLOWSPEC)]
)
def test_rules_sort_the_way_routers_sort(bodies: list[str], family: object) -> None:
    assert family in (IPV4_FLOWSPEC, IPV6_FLOWSPEC)
    rules = [decode_rule(bytes.fromhex(body), family) for body in bodies]
    shuffled = list(rules)
    random.Random(3).shuffle(shuffled)
    assert [encode_rule(rule).hex() for rule in sorted(shuffled, key=order_key)] == bodies


SPELLINGS = {
    "dport 53,54": "dport 53-54",
    "dport 54,53,53": "dport 53-54",
    "dport !=80": "dport <=79,>=81",
    "dport <80,>80": "dport <=79,>=81",
    "dport !=0": "dport >=1",
    "dport >=100&<=200": "dport 100-200",
    "dport >=100&<=100": "dport 100",
    "dport 0-65535": "dport <=65535",
    "proto 0-255": "",
    "length true": "",
    "dscp 0-62": "dscp <=62",
    "dport 1-5,4-9&!=7": "dport 1-6,8-9",
    "dport false,53": "dport 53",
    "tcp-flags =syn,=ack,=syn": "tcp-flags =syn,=ack",
    "tcp-flags =ack&!syn": "tcp-flags !syn&=ack",
    "src 0.0.0.0/0": "src 0.0.0.0/0",
}


@pytest.mark.parametrize("written", SPELLINGS)
def test_spellings_of_one_meaning_become_one(written: str) -> None:
    rule = canonical(parse_rule(f"dst 192.0.2.1/32 {written}"))
    assert format_rule(rule) == f"dst 192.0.2.1/32 {SPELLINGS[written]}".strip()


def test_a_rule_that_says_only_every_packet_still_is_a_rule() -> None:
    assert format_rule(canonical(parse_rule("ipv4 proto 0-255 length true"))) == "ipv4 proto <=255"


@pytest.mark.parametrize("text", ["dport >9&<5", "proto false", "length 5&6", "dport <0"])
def test_an_impossible_rule_is_refused(text: str) -> None:
    with pytest.raises(WireError, match="no value satisfies"):
        canonical(parse_rule(text))
