"""Vector names as other tools write them.

Only spellings of names we know are understood (`UDP Flood`, `udp-flood`, `UdpFlood`); a phrase that
merely contains a protocol is the business of an adapter that knows its sender.
"""

from typing import Final

from prefixd.domain.vector import Vector


def _squashed(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


_KNOWN: Final = {_squashed(vector.value): vector for vector in Vector} | {
    "ipfragmentation": Vector.FRAGMENT_FLOOD,
    "tcpsynflood": Vector.SYN_FLOOD,
    "tcpackflood": Vector.ACK_FLOOD,
}


def vector_of(text: str) -> Vector | None:
    return _KNOWN.get(_squashed(text)) if len(text) <= 128 else None


REFLECTORS: Final = {
    53: Vector.DNS_AMPLIFICATION,
    123: Vector.NTP_AMPLIFICATION,
    389: Vector.CLDAP_AMPLIFICATION,
    1900: Vector.SSDP_AMPLIFICATION,
    11211: Vector.MEMCACHED_AMPLIFICATION,
    19: Vector.CHARGEN_AMPLIFICATION,
    161: Vector.SNMP_AMPLIFICATION,
}
"""The UDP source port of reflected traffic, and what it is a sign of."""
