"""What was negotiated and changes the encoding."""

from prefixd.bgp.wire.context import (
    BEFORE_OPEN,
    EXTENDED_MESSAGE_LENGTH,
    STANDARD_MESSAGE_LENGTH,
    WireContext,
)


def test_longer_messages_only_when_both_sides_agreed() -> None:
    assert BEFORE_OPEN.max_message == STANDARD_MESSAGE_LENGTH == 4096
    assert WireContext(extended_messages=True).max_message == EXTENDED_MESSAGE_LENGTH == 65535


def test_before_the_open_no_family_is_negotiated() -> None:
    assert BEFORE_OPEN.families == frozenset()
