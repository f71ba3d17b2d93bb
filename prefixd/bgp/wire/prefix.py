"""IP prefixes as unicast NLRI carry them.

    +---------------------------+
    |   Length (1 octet, bits)  |
    +---------------------------+
    |   Prefix (variable)       |      as many octets as the bits need (RFC 4271 4.3)
    +---------------------------+

A `Prefix` holds exactly those octets, with the bits beyond its length cleared, so that two
spellings of one prefix are one value. It does not know what a prefix is for; FlowSpec prefixes
with an offset are `flowspec_match.PrefixMatch`.
"""

import re
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton  # ten times faster than ipaddress
from typing import Final

from prefixd.bgp.wire.reader import Reader

AFI_IPV4: Final = 1
AFI_IPV6: Final = 2

_SOCKET_FAMILY: Final = {AFI_IPV4: AF_INET, AFI_IPV6: AF_INET6}
_LENGTH: Final = re.compile(r"[0-9]{1,3}", re.ASCII)


def address_bits(afi: int) -> int:
    """How long an address of this family is: 32 or 128."""
    return 32 if afi == AFI_IPV4 else 128


def mask_octets(octets: bytes, bits: int) -> bytes:
    """The first `bits` bits of `octets`, padded with zero bits to whole octets."""
    size = (bits + 7) >> 3
    kept = octets[:size]
    spare = -bits & 7
    if spare and kept:
        kept = kept[:-1] + bytes((kept[-1] >> spare << spare,))
    return kept


def parse_address(text: str) -> tuple[int, bytes]:
    """AFI and network-order octets of an address; ValueError when it is none."""
    afi = AFI_IPV6 if ":" in text else AFI_IPV4
    try:
        return afi, inet_pton(_SOCKET_FAMILY[afi], text)
    except (OSError, UnicodeEncodeError, ValueError):
        raise ValueError(f"{text!r} is not an IP address") from None


def format_address(afi: int, octets: bytes) -> str:
    """The address in its usual spelling; octets shorter than an address count as zero-padded."""
    return inet_ntop(_SOCKET_FAMILY[afi], octets.ljust(address_bits(afi) // 8, b"\0"))


@dataclass(frozen=True, slots=True)
class Prefix:
    """An IPv4 or IPv6 prefix. Build it with `of` or `parse`; both clear the bits beyond length."""

    afi: int
    length: int
    octets: bytes

    @staticmethod
    def of(afi: int, length: int, octets: bytes) -> "Prefix":
        """`octets` may be a whole address; what the length does not cover is cleared."""
        if not 0 <= length <= address_bits(afi):
            raise ValueError(f"prefix length {length} is outside 0..{address_bits(afi)}")
        if len(octets) << 3 < length:
            raise ValueError(f"{len(octets)} octets cannot hold a /{length} prefix")
        return Prefix(afi, length, mask_octets(octets, length))

    @staticmethod
    def parse(text: str) -> "Prefix":
        """`192.0.2.0/24`, `2001:db8::/32`, or a bare address meaning the single host."""
        address, slash, length = text.partition("/")
        afi, octets = parse_address(address)
        if not slash:
            return Prefix(afi, address_bits(afi), octets)
        if not _LENGTH.fullmatch(length):
            raise ValueError(f"{text!r} has no valid prefix length")
        return Prefix.of(afi, int(length), octets)

    @property
    def is_host(self) -> bool:
        return self.length == address_bits(self.afi)

    def __str__(self) -> str:
        return f"{format_address(self.afi, self.octets)}/{self.length}"


def encode_prefix(prefix: Prefix) -> bytes:
    return bytes((prefix.length,)) + prefix.octets


def read_prefix(reader: Reader, afi: int) -> Prefix:
    """One prefix from a list of them. Bits beyond the length are ignored (RFC 4271 4.3)."""
    length = reader.u8("prefix length")
    if length > address_bits(afi):
        raise reader.error(f"prefix length {length}", "prefix length")
    return Prefix(afi, length, mask_octets(reader.take((length + 7) >> 3, "prefix"), length))
