"""Longest match: the same answer as looking at every prefix, and a way outwards."""

import random

from prefixd.domain.prefix import V4, V6, Prefix
from prefixd.domain.segments import Segments
from tests.kit.builders import a_prefix

NESTED = ("198.51.100.0/24", "198.51.100.0/28", "198.51.100.15/32", "198.51.100.128/25")


def segments(*prefixes: str) -> Segments[str]:
    return Segments({a_prefix(each): each for each in prefixes})


def found(table: Segments[str], asked: str) -> list[str]:
    """From the narrowest outwards."""
    node, values = table.find(a_prefix(asked)), []
    while node is not None:
        values.append(node.value)
        node = node.wider
    return values


def test_the_narrowest_prefix_first_and_each_wider_one_after_it() -> None:
    table = segments(*NESTED)
    assert found(table, "198.51.100.15") == [NESTED[2], NESTED[1], NESTED[0]]
    assert found(table, "198.51.100.14") == [NESTED[1], NESTED[0]]
    assert found(table, "198.51.100.16") == [NESTED[0]]
    assert found(table, "198.51.100.255") == [NESTED[3], NESTED[0]]


def test_a_network_is_found_only_in_a_prefix_that_covers_all_of_it() -> None:
    table = segments(*NESTED)
    assert found(table, "198.51.100.0/27") == [NESTED[0]]
    assert found(table, "198.51.100.0/28") == [NESTED[1], NESTED[0]]
    assert found(table, "198.51.0.0/16") == []


def test_outside_and_in_the_other_family_nothing_is_found() -> None:
    table = segments("0.0.0.0/1", "255.255.255.255/32")
    assert found(table, "127.255.255.255") == ["0.0.0.0/1"]
    assert found(table, "128.0.0.0") == []
    assert found(table, "255.255.255.255") == ["255.255.255.255/32"]
    assert found(table, "::1") == []
    assert found(Segments({}), "192.0.2.1") == []


def test_an_address_is_counted_once_however_many_prefixes_cover_it() -> None:
    table = segments(*NESTED, "203.0.113.7/32", "2001:db8::/126")
    assert (table.size(V4), table.size(V6)) == (257, 4)


def test_it_answers_as_a_look_at_every_prefix_would() -> None:
    random.seed(7)
    chosen: dict[Prefix, str] = {}
    while len(chosen) < 400:
        value, length = random.getrandbits(12) << 20, random.randint(3, 32)
        masked = value >> (32 - length) << (32 - length)
        prefix = Prefix(V4, masked, length)
        chosen[prefix] = str(prefix)
    table = Segments(chosen)
    for _ in range(3000):
        asked = Prefix(V4, random.getrandbits(32), 32)
        covering = [prefix for prefix in chosen if prefix.covers(asked)]
        narrowest = max(covering, key=lambda prefix: prefix.length, default=None)
        node = table.find(asked)
        assert (None if node is None else node.prefix) == narrowest
