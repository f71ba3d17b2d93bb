"""What is wrong with a header, an OPEN, a ROUTE-REFRESH or a NOTIFICATION, and what it costs.

The ids of the parameters are the rows of the tables of errors: input, reaction, NOTIFICATION code,
subcode and data.
"""

from dataclasses import replace

import pytest

from prefixd.bgp.wire.capability import RawCapability
from prefixd.bgp.wire.context import BEFORE_OPEN, WireContext
from prefixd.bgp.wire.errors import Reaction, Reason, WireError
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, Family
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open
from tests.kit.wire import (
    EXTERNAL,
    decode,
    message,
    refuse,
)

MARKER = b"\xff" * 16
EXTENDED = replace(EXTERNAL, extended_messages=True)


def header(length: int, kind: int) -> bytes:
    return MARKER + length.to_bytes(2, "big") + bytes((kind,))


# Message header


@pytest.mark.parametrize(
    ("octets", "context", "subcode", "data"),
    [
        pytest.param(b"\xfe" + header(19, 4)[1:], EXTERNAL, 1, "", id="marker not all ones"),
        pytest.param(header(18, 4), EXTERNAL, 2, "0012", id="length below 19"),
        pytest.param(header(18, 9), EXTERNAL, 2, "0012", id="length below 19, unknown type"),
        pytest.param(header(4097, 2), EXTERNAL, 2, "1001", id="above 4096, not extended"),
        pytest.param(header(65535, 2), BEFORE_OPEN, 2, "ffff", id="above 4096 before OPEN"),
        pytest.param(header(28, 1), EXTERNAL, 2, "001c", id="OPEN below 29"),
        pytest.param(header(22, 2), EXTERNAL, 2, "0016", id="UPDATE below 23"),
        pytest.param(header(18, 4), EXTERNAL, 2, "0012", id="KEEPALIVE below 19"),
        pytest.param(header(20, 4), EXTERNAL, 2, "0014", id="KEEPALIVE above 19"),
        pytest.param(header(22, 5), EXTERNAL, 2, "0016", id="ROUTE-REFRESH below 23"),
        pytest.param(header(4097, 1), EXTENDED, 2, "1001", id="OPEN above 4096, extended"),
        pytest.param(header(4097, 4), EXTENDED, 2, "1001", id="KEEPALIVE above 4096, extended"),
        pytest.param(header(19, 0), EXTERNAL, 3, "00", id="type 0"),
        pytest.param(header(19, 6), EXTERNAL, 3, "06", id="type above 5"),
    ],
)
def test_header(octets: bytes, context: WireContext, subcode: int, data: str) -> None:
    """The header alone is enough: nothing waits for the body of a message that cannot be."""
    with pytest.raises(WireError) as caught:
        cut_message(bytearray(octets), context)
    error = caught.value
    assert (error.code, error.subcode, error.data.hex()) == (1, subcode, data)
    assert error.answerable


def test_header_short_notification_is_not_answered() -> None:
    with pytest.raises(WireError) as caught:
        cut_message(bytearray(header(20, 3)), EXTERNAL)
    assert not caught.value.answerable


def test_header_65535_octets_are_welcome_where_negotiated() -> None:
    assert cut_message(bytearray(header(65535, 2)), EXTENDED) is None


# OPEN

OPEN_HEAD = "04fde9005ac000020a"


def open_message(parameters: str, *, length: int | None = None) -> bytes:
    size = len(parameters) // 2 if length is None else length
    return message(1, f"{OPEN_HEAD}{size:02x}{parameters}")


def capabilities(*tlvs: str) -> bytes:
    octets = "".join(tlvs)
    return open_message(f"02{len(octets) // 2:02x}{octets}")


@pytest.mark.parametrize(
    ("octets", "subcode", "data"),
    [
        pytest.param(message(1, "03fde9005ac000020a00"), 1, "0004", id="version 3"),
        pytest.param(message(1, "05fde9005ac000020a00"), 1, "0004", id="version 5"),
        pytest.param(open_message("0200", length=3), 0, "", id="parameters overrun the message"),
        pytest.param(open_message("0200", length=1), 0, "", id="octets behind the parameters"),
        pytest.param(open_message("0205410400"), 0, "", id="parameter overruns the parameters"),
        pytest.param(open_message("0203410400"), 0, "", id="capability overruns its parameter"),
        pytest.param(open_message("020141"), 0, "", id="capability without a length"),
        pytest.param(open_message("0100"), 4, "", id="parameter type 1"),
        pytest.param(capabilities("41020001"), 0, "", id="capability 65 with 2 octets"),
        pytest.param(
            open_message("ff000000", length=255), 0, "", id="extended form, octets behind"
        ),
        pytest.param(open_message("ff", length=255), 0, "", id="extended form cut short"),
        pytest.param(open_message("ff0005020001", length=255), 0, "", id="extended overrun"),
    ],
)
def test_open(octets: bytes, subcode: int, data: str) -> None:
    error = refuse(octets)
    assert (error.code, error.subcode, error.data.hex()) == (2, subcode, data)


@pytest.mark.parametrize(
    "tlv",
    [
        pytest.param("010300010a", id="capability 1 not of 4 octets"),
        pytest.param("09020000", id="capability 9 not of 1 octet"),
        pytest.param("4003000a01", id="capability 64 not of 2+4n octets"),
        pytest.param("4503000101", id="capability 69 not of 4n octets"),
        pytest.param("4706000185800000", id="capability 71 not of 7n octets"),
        pytest.param("490205ff", id="capability 73 with a name longer than itself"),
        pytest.param("020100", id="capability 2 with a value"),
    ],
)
def test_open_ignores_a_capability_of_impossible_length(tlv: str) -> None:
    decoded = decode(capabilities(tlv, "41040000fde9"))
    assert isinstance(decoded, Open)
    assert decoded.asn == 65001
    [fault] = decoded.faults
    assert (fault.reaction, fault.reason) == (Reaction.IGNORE, Reason.CAPABILITY_LENGTH)
    assert decoded.capabilities[0] == RawCapability(int(tlv[:2], 16), bytes.fromhex(tlv[4:]))


# ROUTE-REFRESH


@pytest.mark.parametrize("subtype", [1, 2])
def test_refresh_marker_with_octets_behind_it(subtype: int) -> None:
    octets = message(5, f"0001{subtype:02x}85ff")
    error = refuse(octets)
    assert (error.code, error.subcode, error.data) == (7, 1, octets)


def test_refresh_request_with_a_filter_that_was_not_negotiated() -> None:
    error = refuse(message(5, "0001008501400000"))
    assert (error.code, error.subcode, error.data.hex()) == (1, 2, "001b")


def test_refresh_unknown_subtype_is_a_value_to_be_ignored() -> None:
    assert decode(message(5, "00010785")) == RouteRefresh(IPV4_FLOWSPEC, 7)
    assert decode(message(5, "00010785ffff")) == RouteRefresh(IPV4_FLOWSPEC, 7)


def test_refresh_of_an_unknown_family_is_a_value_to_be_ignored() -> None:
    assert decode(message(5, "00190041")) == RouteRefresh(Family(25, 65))


# NOTIFICATION


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param("", None, id="no text"),
        pytest.param("00", None, id="length only"),
        pytest.param("0568656c6c6f", "hello", id="text"),
        pytest.param("ff68656c6c6f", "hello", id="length beyond the data"),
        pytest.param("0268656c6c6f", "he", id="octets behind the text"),
        pytest.param("03ff41fe", "\\xffA\\xfe", id="not UTF-8"),
        pytest.param("031b5b4a", "\\x1b[J", id="terminal control"),
        pytest.param("04410a410d", "A\\nA\\r", id="line ends"),
        pytest.param("03e280ae", "\\u202e", id="right to left override"),
    ],
)
def test_notification_text(data: str, text: str | None) -> None:
    for subcode in (2, 4):
        decoded = decode(message(3, f"06{subcode:02x}{data}"))
        assert isinstance(decoded, Notification)
        assert decoded.text == text
        assert str(decoded).isprintable()


@pytest.mark.parametrize("code", range(0, 256, 5))
def test_notification_of_any_code_has_a_name(code: int) -> None:
    for subcode in (0, 1, 9, 255):
        decoded = decode(message(3, bytes((code, subcode)) + b"\x00\xff"))
        assert isinstance(decoded, Notification)
        assert str(decoded).startswith(f"{code}/{subcode} ")
