"""What a vector means in packets."""

import pytest

from prefixd.domain.prefix import V4, V6
from prefixd.domain.vector import (
    TRAFFIC,
    UNSPECIFIC,
    Vector,
    VectorFamily,
    has_ports,
    parse_vector,
    protocol_for,
)


def test_every_vector_has_a_meaning() -> None:
    assert set(TRAFFIC) == set(Vector)


def test_w08_icmp_is_58_for_ipv6_victims() -> None:
    assert protocol_for(Vector.ICMP_FLOOD, V4) == 1
    assert protocol_for(Vector.ICMP_FLOOD, V6) == 58
    assert protocol_for(Vector.UDP_FLOOD, V6) == 17


@pytest.mark.parametrize(
    ("vector", "port"),
    [
        (Vector.DNS_AMPLIFICATION, 53),
        (Vector.NTP_AMPLIFICATION, 123),
        (Vector.CLDAP_AMPLIFICATION, 389),
        (Vector.SSDP_AMPLIFICATION, 1900),
        (Vector.MEMCACHED_AMPLIFICATION, 11211),
        (Vector.CHARGEN_AMPLIFICATION, 19),
        (Vector.SNMP_AMPLIFICATION, 161),
    ],
)
def test_s01_amplification_vectors_are_words_we_know(vector: Vector, port: int) -> None:
    assert parse_vector(vector.value) is vector
    assert protocol_for(vector, V4) == 17
    assert TRAFFIC[vector].src_ports == (port,)


def test_a_word_nobody_knows_is_none() -> None:
    assert parse_vector("udp-flood") is None


def test_only_udp_and_tcp_have_ports() -> None:
    assert has_ports(Vector.SYN_FLOOD)
    assert has_ports(Vector.UDP_FLOOD)
    assert not has_ports(Vector.ICMP_FLOOD)
    assert not has_ports(Vector.GRE_FLOOD)
    assert not has_ports(Vector.TOTAL_TRAFFIC)


def test_families_join_names_for_one_traffic() -> None:
    assert Vector.SYN_FLOOD.family is Vector.ACK_FLOOD.family is VectorFamily.TCP
    assert Vector.NTP_AMPLIFICATION.family is Vector.UDP_FLOOD.family is VectorFamily.UDP
    assert {vector.family for vector in UNSPECIFIC} == {VectorFamily.OTHER}
