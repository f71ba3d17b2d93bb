"""NOTIFICATION: texts out and in, hard resets, and the answer to an error."""

import pytest

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import CeaseSubcode
from prefixd.bgp.wire.notification import (
    Notification,
    cease,
    encode_notification,
    hard_reset,
    notification_for,
    printable,
)


def test_a_text_goes_out_with_its_length() -> None:
    octets = encode_notification(cease(CeaseSubcode.ADMINISTRATIVE_RESET, "tilt"))
    assert octets == b"\x06\x04\x04tilt"


@pytest.mark.parametrize(("character", "fits"), [("x", 255), ("ä", 127), ("€", 85), ("😀", 63)])
def test_a_long_text_is_cut_between_characters(character: str, fits: int) -> None:
    notification = cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, character * 300)
    assert notification.text == character * fits
    assert notification.data[0] == len(notification.data) - 1


def test_subcodes_without_a_shutdown_communication_carry_plain_octets() -> None:
    notification = cease(CeaseSubcode.CONNECTION_REJECTED, "busy")
    assert notification.data == b"busy"
    assert notification.text is None
    assert str(notification) == "6/5 cease/connection rejected data 62757379"


def test_a_hard_reset_carries_what_it_stands_for() -> None:
    inner = cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, "off")
    outer = hard_reset(inner)
    assert outer.carried == inner
    assert str(outer) == ('6/9 cease/hard reset carrying 6/2 cease/administrative shutdown "off"')
    assert Notification(6, 9, b"\x06").carried is None
    assert inner.carried is None


def test_hard_resets_inside_hard_resets_are_shown_one_level_deep() -> None:
    nested = Notification(6, 9, b"\x06\x09" * 30_000)
    assert str(nested).startswith("6/9 cease/hard reset carrying 6/9 cease/hard reset data 0609")


def test_the_answer_to_an_error() -> None:
    error = WireError("why", code=3, subcode=9, data=b"\x80\x0e")
    assert notification_for(error) == Notification(3, 9, b"\x80\x0e")


def test_printable_leaves_readable_text_alone() -> None:
    assert printable("Größe 5 – ok".encode()) == "Größe 5 – ok"
    assert printable(b"\x00\x07\xff") == "\\x00\\x07\\xff"
