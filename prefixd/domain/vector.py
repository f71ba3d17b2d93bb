"""Attack vectors: what a detector says is happening, and what that means in packets.

A vector fixes the IP protocol of a rule and, for reflection attacks, the source port the replies
come from; that port is what makes a precise rule possible. `family` groups names that different
tools use for the same traffic. ICMP has a different protocol number in IPv6, which is why the
number depends on the victim's address family and is never stored with the vector.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from prefixd.domain.prefix import V4, V6

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
GRE: Final = 47
ICMPV6: Final = 58

PROTOCOL_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {ICMP: "icmp", TCP: "tcp", UDP: "udp", GRE: "gre", ICMPV6: "icmp6"}
)
PORT_PROTOCOLS: Final = frozenset({TCP, UDP})


class VectorFamily(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    ICMP = "icmp"
    OTHER = "other"


class Vector(StrEnum):
    UDP_FLOOD = "udp_flood"
    SYN_FLOOD = "syn_flood"
    ACK_FLOOD = "ack_flood"
    ICMP_FLOOD = "icmp_flood"
    UNKNOWN = "unknown"
    DNS_AMPLIFICATION = "dns_amplification"
    NTP_AMPLIFICATION = "ntp_amplification"
    CLDAP_AMPLIFICATION = "cldap_amplification"
    SSDP_AMPLIFICATION = "ssdp_amplification"
    MEMCACHED_AMPLIFICATION = "memcached_amplification"
    CHARGEN_AMPLIFICATION = "chargen_amplification"
    SNMP_AMPLIFICATION = "snmp_amplification"
    FRAGMENT_FLOOD = "fragment_flood"
    GRE_FLOOD = "gre_flood"
    TCP_RST_FLOOD = "tcp_rst_flood"
    TCP_FLOOD = "tcp_flood"
    TOTAL_TRAFFIC = "total_traffic"

    @property
    def family(self) -> VectorFamily:
        return TRAFFIC[self].family


class Traffic(Struct, frozen=True):
    """What a vector means in packets. `protocol` is the number for IPv4 victims."""

    family: VectorFamily
    protocol: int | None
    src_ports: tuple[int, ...] = ()

    @property
    def has_ports(self) -> bool:
        return self.protocol in PORT_PROTOCOLS


_UDP, _TCP = VectorFamily.UDP, VectorFamily.TCP

TRAFFIC: Final[Mapping[Vector, Traffic]] = MappingProxyType(
    {
        Vector.UDP_FLOOD: Traffic(_UDP, UDP),
        Vector.SYN_FLOOD: Traffic(_TCP, TCP),
        Vector.ACK_FLOOD: Traffic(_TCP, TCP),
        Vector.ICMP_FLOOD: Traffic(VectorFamily.ICMP, ICMP),
        Vector.UNKNOWN: Traffic(VectorFamily.OTHER, None),
        Vector.DNS_AMPLIFICATION: Traffic(_UDP, UDP, (53,)),
        Vector.NTP_AMPLIFICATION: Traffic(_UDP, UDP, (123,)),
        Vector.CLDAP_AMPLIFICATION: Traffic(_UDP, UDP, (389,)),
        Vector.SSDP_AMPLIFICATION: Traffic(_UDP, UDP, (1900,)),
        Vector.MEMCACHED_AMPLIFICATION: Traffic(_UDP, UDP, (11211,)),
        Vector.CHARGEN_AMPLIFICATION: Traffic(_UDP, UDP, (19,)),
        Vector.SNMP_AMPLIFICATION: Traffic(_UDP, UDP, (161,)),
        Vector.FRAGMENT_FLOOD: Traffic(VectorFamily.OTHER, None),
        Vector.GRE_FLOOD: Traffic(VectorFamily.OTHER, GRE),
        Vector.TCP_RST_FLOOD: Traffic(_TCP, TCP),
        Vector.TCP_FLOOD: Traffic(_TCP, TCP),
        Vector.TOTAL_TRAFFIC: Traffic(VectorFamily.OTHER, None),
    }
)

# Names that say "much traffic" without saying which: they join what is already known of a victim.
UNSPECIFIC: Final = frozenset({Vector.UNKNOWN, Vector.TOTAL_TRAFFIC})


def parse_vector(text: str) -> Vector | None:
    try:
        return Vector(text)
    except ValueError:
        return None


def protocol_for(vector: Vector, version: int) -> int | None:
    """The IP protocol (or IPv6 next header) of this attack; None when it names none."""
    assert version in (V4, V6)
    protocol = TRAFFIC[vector].protocol
    return ICMPV6 if protocol == ICMP and version == V6 else protocol


def has_ports(vector: Vector) -> bool:
    return TRAFFIC[vector].has_ports
