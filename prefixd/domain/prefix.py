"""IP addresses and prefixes: parsed once at the edge, integers from there on.

Two spellings of one address must never become two victims, two scopes or two safelist rows, so
text exists only at the borders: `Address.parse` and `Prefix.parse` accept any legal spelling,
`str()` gives the one canonical spelling (RFC 5952 for IPv6). An IPv4-mapped IPv6 address
(`::ffff:192.0.2.1`) is the IPv4 address it carries, because that is what the packets have.

Both types are named tuples rather than dataclasses: they are keys of the hottest tables, and a
tuple hashes and compares in C. Parsing goes through `inet_pton`, ten times faster than the
`ipaddress` module and just as strict (no leading zeros, no zone, no shorthand).
"""

from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final, NamedTuple

V4: Final = 4
V6: Final = 6
BITS: Final = {V4: 32, V6: 128}
_MAPPED_HIGH: Final = 0xFFFF
_V4_MASK: Final = 0xFFFF_FFFF
_MAX_TEXT: Final = 45  # the longest legal spelling, an IPv6 address with a dotted tail


class Address(NamedTuple):
    """One address: `version` is 4 or 6, `value` its bits as an integer."""

    version: int
    value: int

    @classmethod
    def parse(cls, text: str) -> "Address | None":
        """The address a text spells, or None when it spells none."""
        if len(text) > _MAX_TEXT:
            return None
        try:
            if ":" not in text:
                return cls(V4, int.from_bytes(inet_pton(AF_INET, text), "big"))
            value = int.from_bytes(inet_pton(AF_INET6, text), "big")
        except (OSError, ValueError):  # ValueError: an embedded NUL or a lone surrogate
            return None
        if value >> 32 == _MAPPED_HIGH:
            return cls(V4, value & _V4_MASK)
        return cls(V6, value)

    @property
    def bits(self) -> int:
        return 32 if self.version == V4 else 128

    def to_bytes(self) -> bytes:
        return self.value.to_bytes(4 if self.version == V4 else 16, "big")

    def host(self) -> "Prefix":
        """The prefix that holds this address alone: /32 or /128."""
        return Prefix(self.version, self.value, self.bits)

    def __str__(self) -> str:
        return _text(self.version, self.value)


class Prefix(NamedTuple):
    """A network: host bits are zero, or `parse` would not have returned it."""

    version: int
    value: int
    length: int

    @classmethod
    def parse(cls, text: str, *, strict: bool = False) -> "Prefix | None":
        """`192.0.2.0/24`, or a bare address as its host prefix.

        Host bits are cleared; with `strict` a text that carries some is refused instead, which
        is what configuration wants: `192.0.2.7/24` is usually a typing mistake.
        """
        address_text, slash, length_text = text.partition("/")
        address = Address.parse(address_text)
        if address is None:
            return None
        if not slash:
            return address.host()
        if not (length_text.isascii() and length_text.isdigit() and len(length_text) <= 3):
            return None
        length = int(length_text)
        if address.version == V4 and ":" in address_text:
            length -= 96  # a mapped prefix counts its 96 leading bits
        if not 0 <= length <= address.bits:
            return None
        value = address.value & netmask(address.version, length)
        if strict and value != address.value:
            return None
        return cls(address.version, value, length)

    @property
    def bits(self) -> int:
        return 32 if self.version == V4 else 128

    @property
    def is_host(self) -> bool:
        return self.length == (32 if self.version == V4 else 128)

    @property
    def address(self) -> Address:
        """The first address; of a host prefix, the host."""
        return Address(self.version, self.value)

    @property
    def last_value(self) -> int:
        return self.value | (1 << (self.bits - self.length)) - 1

    def covers(self, other: "Prefix") -> bool:
        """Every address of `other` is ours too."""
        return (
            self.version == other.version
            and self.length <= other.length
            and (self.value ^ other.value) >> (self.bits - self.length) == 0
        )

    def overlaps(self, other: "Prefix") -> bool:
        return self.covers(other) or other.covers(self)

    def contains(self, address: Address) -> bool:
        return (
            self.version == address.version
            and (self.value ^ address.value) >> (self.bits - self.length) == 0
        )

    def victim_text(self) -> str:
        """How people name a victim: an address alone, or a network with its length."""
        return _text(self.version, self.value) if self.is_host else str(self)

    def __str__(self) -> str:
        return f"{_text(self.version, self.value)}/{self.length}"


def netmask(version: int, length: int) -> int:
    bits = BITS[version]
    return ((1 << length) - 1) << (bits - length)


@lru_cache(maxsize=4096)  # one victim is written to a row, an answer, an audit and more
def _text(version: int, value: int) -> str:
    if version == V4:
        return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"
    return inet_ntop(AF_INET6, value.to_bytes(16, "big"))
