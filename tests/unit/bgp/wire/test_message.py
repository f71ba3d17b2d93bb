"""The way in: exactly one message, of exactly the length it says."""

import pytest

from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.message import Keepalive, decode_message, encode_message

OCTETS = encode_message(Keepalive(), BEFORE_OPEN)


def test_keepalive() -> None:
    assert OCTETS == b"\xff" * 16 + b"\x00\x13\x04"
    assert decode_message(OCTETS, BEFORE_OPEN) == Keepalive()


@pytest.mark.parametrize("octets", [b"", OCTETS[:-1], OCTETS + b"\x00", OCTETS * 2])
def test_anything_but_one_whole_message_is_refused(octets: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode_message(octets, BEFORE_OPEN)
    assert (caught.value.code, caught.value.subcode) == (1, 2)
