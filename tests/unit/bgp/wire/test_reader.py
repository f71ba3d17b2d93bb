"""The cursor: what it gives, and that it cannot leave its window."""

import pytest

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.reader import Reader
from prefixd.dissect.trace import Field, TracingReader

DATA = bytes(range(1, 16))


@pytest.mark.parametrize("kind", [Reader, TracingReader])
def test_numbers_are_big_endian_and_move_the_cursor(kind: type[Reader]) -> None:
    reader = kind(DATA)
    assert reader.u8("a") == 0x01
    assert reader.u16("b") == 0x0203
    assert reader.u24("c") == 0x040506
    assert reader.u32("d") == 0x0708090A
    assert reader.take(2, "e") == b"\x0b\x0c"
    assert reader.rest("f") == b"\x0d\x0e\x0f"
    assert not reader
    assert len(reader) == 0
    reader.expect_end("g")


@pytest.mark.parametrize("kind", [Reader, TracingReader])
@pytest.mark.parametrize("read", ["u8", "u16", "u24", "u32"])
def test_a_read_beyond_the_window_is_an_error_even_where_data_goes_on(
    kind: type[Reader], read: str
) -> None:
    width = int(read[1:]) // 8
    for left in range(width):
        window = kind(DATA, 2).window(left, "window")
        with pytest.raises(WireError) as caught:
            getattr(window, read)("some field")
        assert caught.value.offset == 2
        assert caught.value.field == "some field"
        assert window.offset == 2


@pytest.mark.parametrize("length", [-1, 4, 1 << 40])
def test_take_and_window_refuse_what_is_not_there(length: int) -> None:
    for method in ("take", "window"):
        reader = Reader(DATA, 3, 6)
        with pytest.raises(WireError):
            getattr(reader, method)(length, "field")
        assert reader.offset == 3


@pytest.mark.parametrize(("offset", "end"), [(-1, 3), (4, 3), (0, 16), (16, 16)])
def test_an_impossible_window_is_an_error(offset: int, end: int) -> None:
    with pytest.raises(WireError):
        Reader(DATA, offset, end)


def test_errors_carry_the_cause_that_was_blamed() -> None:
    reader = Reader(DATA)
    reader.blame(2, 0)
    error = reader.window(1, "w", subcode=7).error("why", "what", data=b"x")
    assert (error.code, error.subcode, error.data) == (2, 7, b"x")
    assert reader.error("why", "what").subcode == 0


def test_peek_does_not_look_beyond_the_window() -> None:
    reader = Reader(DATA, 1, 3)
    assert reader.peek() == 2
    assert reader.peek(1) == 3
    assert reader.peek(2) is None
    assert reader.offset == 1


def test_expect_end_counts_what_is_left() -> None:
    with pytest.raises(WireError, match="14 octets too many"):
        Reader(DATA, 1).expect_end("message")


def test_the_tracing_reader_remembers_names_places_and_depth() -> None:
    reader = TracingReader(DATA, 1)
    reader.u8("a")
    inner = reader.window(3, "w")
    inner.u16("b")
    inner.take(1, "c")
    reader.u32("d")
    assert reader.fields == [
        Field(1, "a", b"\x02", 0),
        Field(2, "b", b"\x03\x04", 1),
        Field(4, "c", b"\x05", 1),
        Field(5, "d", b"\x06\x07\x08\x09", 0),
    ]
