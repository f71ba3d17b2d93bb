"""Extended communities: eight octets (RFC 4360), or twenty that hold an IPv6 address (RFC 5701).

    +-------+---------+-------------------------+
    | type  | subtype |  value (6)              |     attribute 16
    +-------+---------+-------------------------+
    | type  | subtype |  address (16) value (2) |     attribute 25
    +-------+---------+-------------------------+

Attributes keep them as raw octets; this module names their parts and shows them as text. What the
FlowSpec ones mean is `flowspec_action`'s business. An unknown community is data, never an error.
"""

from typing import Final

from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6, format_address

LENGTH: Final = 8
IPV6_LENGTH: Final = 20

TRANSITIVE_AS2: Final = 0x00
TRANSITIVE_IPV4: Final = 0x01
TRANSITIVE_AS4: Final = 0x02
ROUTE_TARGET: Final = 0x02
ROUTE_ORIGIN: Final = 0x03


def code_of(octets: bytes) -> int:
    """Type and subtype as one number, the way registries and manuals print them."""
    return octets[0] << 8 | octets[1]


def is_transitive(octets: bytes) -> bool:
    """RFC 4360 2: the second bit is clear when the community may cross an AS border."""
    return not octets[0] & 0x40


def format_administrator(form: int, octets: bytes) -> str:
    """`65001:100`, `192.0.2.1:100` or `70000:100`: the six octets of a route target."""
    if form == TRANSITIVE_IPV4:
        return f"{format_address(AFI_IPV4, octets[:4])}:{int.from_bytes(octets[4:6], 'big')}"
    split = 4 if form == TRANSITIVE_AS4 else 2
    asn, value = int.from_bytes(octets[:split], "big"), int.from_bytes(octets[split:6], "big")
    return f"{asn}:{value}"


def format_community(octets: bytes) -> str:
    """Readable when it is a route target or route origin, else hexadecimal; never fails."""
    if len(octets) == IPV6_LENGTH:
        value = int.from_bytes(octets[18:], "big")
        address = format_address(AFI_IPV6, octets[2:18])
        return f"0x{code_of(octets):04x}:{address}:{value}"
    if len(octets) != LENGTH:
        return f"0x{octets.hex()}"
    form, subtype = octets[0], octets[1]
    if form in (TRANSITIVE_AS2, TRANSITIVE_IPV4, TRANSITIVE_AS4):
        if subtype == ROUTE_TARGET:
            return f"rt:{format_administrator(form, octets[2:])}"
        if subtype == ROUTE_ORIGIN:
            return f"ro:{format_administrator(form, octets[2:])}"
    return f"0x{octets.hex()}"
