"""Values and operators: what a numeric or bitmask component really matches."""

import pytest

from prefixd.bgp.wire.flowspec_match import (
    ALL,
    AND,
    EQ,
    GT,
    LT,
    NOT,
    Item,
    Kind,
    bitmask_holds,
    merge_ranges,
    numeric_items,
    numeric_match,
    numeric_ranges,
)


def test_and_binds_tighter_than_or() -> None:
    items = (Item(EQ, 5), Item(AND | GT, 3), Item(EQ, 9))
    assert numeric_ranges(items, 255) == ((5, 5), (9, 9))


def test_two_unequal_joined_by_and() -> None:
    items = (Item(LT | GT, 80), Item(AND | LT | GT, 443))
    assert numeric_ranges(items, 65535) == ((0, 79), (81, 442), (444, 65535))


def test_two_unequal_joined_by_or_is_everything() -> None:
    assert numeric_ranges((Item(LT | GT, 80), Item(LT | GT, 443)), 65535) == ((0, 65535),)


def test_merging() -> None:
    assert merge_ranges([(5, 9), (1, 4), (20, 30), (22, 25)]) == ((1, 9), (20, 30))
    with pytest.raises(ValueError, match="upside down"):
        merge_ranges([(9, 5)])


def test_a_hole_is_never_written_as_not_equal() -> None:
    """FRR 8.4 ends the session over `!=`."""
    items = (Item(LT | EQ, 79), Item(GT | EQ, 81))
    assert numeric_items(((0, 79), (81, 65535)), 65535) == items


@pytest.mark.parametrize("ranges", [[], [(0, 65536)], [(-1, 5)]])
def test_ranges_a_port_cannot_have(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="dst_port"):
        numeric_match(Kind.DST_PORT, ranges)


@pytest.mark.parametrize(
    ("items", "flags", "holds"),
    [
        ((Item(ALL, 0x02), Item(AND | NOT, 0x10)), 0x02, True),  # SYN without ACK
        ((Item(ALL, 0x02), Item(AND | NOT, 0x10)), 0x12, False),
        ((Item(NOT, 0x3F),), 0x00, True),  # none of the six
        ((Item(NOT, 0x3F),), 0x08, False),
        ((Item(0, 0x06),), 0x04, True),  # any of two
        ((Item(ALL, 0x06),), 0x04, False),  # both of two
        ((Item(NOT | ALL, 0x06),), 0x04, True),
        ((Item(ALL, 0),), 0x00, True),
        ((Item(0, 0),), 0xFF, False),
    ],
)
def test_bits(items: tuple[Item, ...], flags: int, holds: bool) -> None:
    assert bitmask_holds(items, flags) is holds
