"""Cutting messages out of a stream. What a bad header costs: test_errors_of_messages.py."""

import pytest

from prefixd.bgp.wire.context import BEFORE_OPEN, WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.header import cut_message, frame, message_length
from prefixd.bgp.wire.iana import MessageType

EXTENDED = WireContext(extended_messages=True)
KEEPALIVE = frame(MessageType.KEEPALIVE, b"", BEFORE_OPEN)


def test_nothing_is_cut_before_it_is_complete() -> None:
    notification = frame(MessageType.NOTIFICATION, b"\x06\x02", BEFORE_OPEN)
    buffer = bytearray()
    for octet in notification[:-1]:
        buffer.append(octet)
        assert cut_message(buffer, BEFORE_OPEN) is None
    buffer += notification[-1:] + KEEPALIVE
    assert cut_message(buffer, BEFORE_OPEN) == notification
    assert cut_message(buffer, BEFORE_OPEN) == KEEPALIVE
    assert cut_message(buffer, BEFORE_OPEN) is None
    assert buffer == b""


def test_the_length_is_read_at_an_offset() -> None:
    assert message_length(b"xx" + KEEPALIVE, 2, BEFORE_OPEN) == 19
    assert message_length(b"xx" + KEEPALIVE[:-1], 2, BEFORE_OPEN) is None


@pytest.mark.parametrize(
    ("kind", "context", "limit"),
    [
        (MessageType.UPDATE, BEFORE_OPEN, 4096),
        (MessageType.UPDATE, EXTENDED, 65535),
        (MessageType.NOTIFICATION, EXTENDED, 65535),
        (MessageType.OPEN, EXTENDED, 4096),
        (MessageType.KEEPALIVE, EXTENDED, 4096),
    ],
)
def test_a_frame_is_never_larger_than_the_peer_takes(
    kind: MessageType, context: WireContext, limit: int
) -> None:
    assert len(frame(kind, bytes(limit - 19), context)) == limit
    with pytest.raises(WireError):
        frame(kind, bytes(limit - 18), context)


def test_the_largest_message_is_read_where_it_was_negotiated() -> None:
    octets = frame(MessageType.UPDATE, bytes(65535 - 19), EXTENDED)
    assert cut_message(bytearray(octets), EXTENDED) == octets
