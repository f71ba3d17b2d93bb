from hypothesis import given
from hypothesis import strategies as st

from prefixd.bgp.session.send_queue import SendBuffer, StallLevel, StallWatch
from prefixd.bgp.wire.header import MARKER

sizes = st.lists(st.integers(19, 60), min_size=1, max_size=4)


def message(size: int, mark: int = 0) -> bytes:
    return MARKER + size.to_bytes(2, "big") + bytes((mark,)) * (size - 18)


def waiting(buffer: SendBuffer) -> bytes:
    return b"".join(buffer.waiting())


@given(st.lists(sizes, max_size=5), st.lists(st.integers(0, 200), max_size=10))
def test_what_goes_in_comes_out_in_order(chunks: list[list[int]], bites: list[int]) -> None:
    buffer, expected = SendBuffer(), b""
    for index, chunk in enumerate(chunks):
        octets = b"".join(message(size, index) for size in chunk)
        buffer.append(octets)
        expected += octets
    for bite in bites:
        bite = min(bite, buffer.size)
        buffer.take(bite)
        expected = expected[bite:]
        assert waiting(buffer) == expected
        assert buffer.size == len(expected)


@given(sizes, st.integers(0, 240))
def test_a_cut_leaves_only_the_rest_of_a_message_that_has_begun(
    chunk: list[int], taken: int
) -> None:
    octets = b"".join(message(size) for size in chunk)
    taken = min(taken, len(octets) - 1)
    buffer = SendBuffer()
    buffer.append(octets)
    buffer.append(message(30))
    buffer.take(taken)
    buffer.cut()
    ends = [sum(chunk[: n + 1]) for n in range(len(chunk))]
    end = 0 if taken == 0 or taken in ends else next(each for each in ends if each > taken)
    assert waiting(buffer) == (octets[taken:end] if end else b"")


def test_an_empty_buffer() -> None:
    buffer = SendBuffer()
    buffer.cut()
    assert (buffer.waiting(), buffer.size) == ([], 0)


def test_a_warning_then_an_alarm_at_half_the_send_hold_time() -> None:
    watch = StallWatch()
    assert watch.next_level_at(180.0) is None
    assert not watch.left(0, 100.0)
    assert watch.next_level_at(180.0) == 105.0
    assert list(watch.due(180.0, 104.9)) == []
    assert list(watch.due(180.0, 105.0)) == [(StallLevel.WARNING, 5.0)]
    assert watch.next_level_at(180.0) == 190.0
    assert list(watch.due(180.0, 200.0)) == [(StallLevel.ALARM, 100.0)]
    assert watch.next_level_at(180.0) is None


def test_a_late_check_reports_both_levels() -> None:
    watch = StallWatch()
    watch.left(0, 100.0)
    assert [level for level, _ in watch.due(30.0, 200.0)] == [StallLevel.WARNING, StallLevel.ALARM]


def test_any_octet_taken_starts_it_anew() -> None:
    watch = StallWatch()
    watch.left(0, 100.0)
    list(watch.due(180.0, 110.0))
    assert watch.left(10, 120.0)
    assert (watch.seconds(121.0), watch.next_level_at(180.0)) == (1.0, 125.0)
    watch.ended()
    assert (watch.seconds(130.0), watch.next_level_at(180.0)) == (0.0, None)
