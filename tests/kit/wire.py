"""Messages by hand: frames, attributes and the shortest way to a decoder, for wire tests."""

import pytest

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Reaction, Reason, WireError
from prefixd.bgp.wire.iana import FAMILY_BY_NAME, Family
from prefixd.bgp.wire.message import Message, decode_message
from prefixd.bgp.wire.outcome import Outcome, assess
from prefixd.bgp.wire.update import Update

ALL_FAMILIES = frozenset(FAMILY_BY_NAME.values())
EXTERNAL = WireContext(families=ALL_FAMILIES, external=True, peer_as=65001)
INTERNAL = WireContext(families=ALL_FAMILIES)

ORIGIN = "40010100"
AS_PATH = "40020602010000fde9"
LOCAL_PREF = "40050400000064"
NEXT_HOP = "400304c0000242"
DISCARD = "c010088006fde900000000"
RULE = "0120c633640a038111"
RULE_NLRI = "090120c633640a038111"
HOST = "20c633640a"
REACH = f"800e0f0001850000{RULE_NLRI}"
UNREACH = f"800f0d000185{RULE_NLRI}"


def message(kind: int, body: bytes | str) -> bytes:
    octets = bytes.fromhex(body) if isinstance(body, str) else body
    return b"\xff" * 16 + (19 + len(octets)).to_bytes(2, "big") + bytes((kind,)) + octets


def update(*attributes: str, nlri: str = "", withdrawn: str = "") -> bytes:
    """An UPDATE from attributes in hexadecimal, headers included."""
    parts = [bytes.fromhex(part) for part in (withdrawn, "".join(attributes), nlri)]
    head = len(parts[0]).to_bytes(2, "big") + parts[0] + len(parts[1]).to_bytes(2, "big")
    return message(2, head + parts[1] + parts[2])


def attribute(flags: int, code: int, value: bytes | str) -> str:
    octets = bytes.fromhex(value) if isinstance(value, str) else value
    if len(octets) > 255:
        return f"{flags | 0x10:02x}{code:02x}{len(octets):04x}{octets.hex()}"
    return f"{flags:02x}{code:02x}{len(octets):02x}{octets.hex()}"


def reach(nlri: str, *, afi: int = 1, safi: int = 133, next_hop: str = "") -> str:
    length = len(next_hop) // 2
    return attribute(0x80, 14, f"{afi:04x}{safi:02x}{length:02x}{next_hop}00{nlri}")


def unreach(nlri: str, *, afi: int = 1, safi: int = 133) -> str:
    return attribute(0x80, 15, f"{afi:04x}{safi:02x}{nlri}")


def decode(octets: bytes, context: WireContext = EXTERNAL) -> Message:
    return decode_message(octets, context)


def decode_update(octets: bytes, context: WireContext = EXTERNAL) -> Update:
    decoded = decode_message(octets, context)
    assert isinstance(decoded, Update)
    return decoded


def outcome_of(octets: bytes, context: WireContext = EXTERNAL) -> Outcome:
    return assess(decode_update(octets, context), context)


def refuse(octets: bytes, context: WireContext = EXTERNAL) -> WireError:
    """The error that ends the session; the test fails when there is none."""
    with pytest.raises(WireError) as caught:
        decode_message(octets, context)
    return caught.value


def reset(octets: bytes, context: WireContext = EXTERNAL) -> tuple[int, int]:
    error = refuse(octets, context)
    return error.code, error.subcode


def reactions(outcome: Outcome) -> list[tuple[Reaction, Reason]]:
    return [(fault.reaction, fault.reason) for fault in outcome.faults]


def families(outcome: Outcome) -> tuple[list[Family], list[Family]]:
    """Of the routes withdrawn, and of the routes announced."""
    return (
        [routes.family for routes in outcome.withdrawn],
        [routes.family for routes in outcome.announced],
    )
