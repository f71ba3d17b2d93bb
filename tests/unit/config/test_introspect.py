"""One field, one key: what a settings class says is what its section reads and documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import pytest

from prefixd.config.introspect import doc_of, identity_of, keys_of, section_of
from prefixd.config.reader import BAD, Reader
from prefixd.config.schema import Section
from prefixd.domain.prefix import Prefix
from prefixd.setting import (
    As,
    Default,
    Doc,
    Identity,
    In,
    Live,
    Many,
    Name,
    Named,
    Positive,
    Secret,
    Share,
    Text,
    Unit,
    Whole,
)


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """What is inside.

    A second paragraph is for developers.
    """

    id: Annotated[Name, Doc("Name."), Identity()]
    size: Annotated[Positive, Doc("Size.")] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    wait_s: Annotated[int, Whole(1, 9), Doc("Wait."), Live.RESTART] = 5
    rate_bps: Annotated[int | None, Doc("Rate."), Default("none at all")] = None
    hops: Annotated[Positive, Named("ttl"), Unit("hops"), Doc("Hops.")] = 1
    share: Annotated[Share, Doc("Share.")] = 0.5
    color: Annotated[Color, Doc("Color.")] = Color.RED
    networks: Annotated[tuple[Prefix, ...], Many(maximum=2), Doc("Networks.")] = ()
    words: Annotated[frozenset[Annotated[str, Text(maximum=3)]], Doc("Words.")] = frozenset()
    by_name: Annotated[Mapping[str, Share], Doc("Shares.")] = field(
        default_factory=lambda: MappingProxyType({})
    )
    header: Annotated[str, As("header"), Doc("Header.")] = "X"
    inners: Annotated[tuple[Inner, ...], Doc("Inners.")] = ()
    maybe: Annotated[Inner | None, Doc("Maybe.")] = None
    password: Annotated[str | None, Secret(), Doc("Key.")] = None
    elsewhere: Annotated[bool, In("other"), Doc("Elsewhere.")] = False
    computed: int = 7


OUTER = section_of(Outer)


def read(section: Section[Any], tree: object) -> tuple[Any, list[str]]:
    reader = Reader({}, Path("/nonexistent"))
    found = section.read(tree, reader)
    return found, [f"{'.'.join(map(str, c.steps))}: {c.message}" for c in reader.problems]


def test_an_empty_section_is_the_class_with_its_defaults() -> None:
    assert read(OUTER, {}) == (Outer(), [])


def test_every_type_is_read_by_its_kind() -> None:
    tree = {
        "wait_seconds": 9,
        "rate_bps": 1,
        "ttl": 2,
        "share": 1,
        "color": "blue",
        "networks": ["192.0.2.0/24"],
        "words": ["a", "b", "a"],
        "by_name": {"x": 0.1},
        "header": "X-Y",
        "inners": [{"id": "a"}],
        "maybe": {"id": "b", "size": 4},
        "password": "p",
    }
    prefix = Prefix.parse("192.0.2.0/24")
    assert prefix is not None
    assert read(OUTER, tree) == (
        Outer(
            wait_s=9, rate_bps=1, hops=2, share=1.0, color=Color.BLUE, networks=(prefix,),
            words=frozenset({"a", "b"}), by_name={"x": 0.1}, header="X-Y",
            inners=(Inner(id="a"),), maybe=Inner(id="b", size=4), password="p",
        ),
        [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"wait_seconds": 10}, "wait_seconds: must be from 1 to 9"),
        ({"words": ["four"]}, "words.0: must be at most 3 characters long"),
        ({"networks": ["192.0.2.1/24"]}, "networks.0: must be an IP prefix such as 192.0.2.0/24"),
        ({"header": "a b"}, "header: must be the name of a header"),
        ({"inners": [{"id": "a"}, {"id": "a"}]}, "inners.1: has the same id as entry 0: 'a'"),
        ({"maybe": {}}, "maybe: id is required"),
    ],
)
def test_bounds_come_from_the_annotations(tree: object, message: str) -> None:
    assert read(OUTER, tree) == (BAD, [message])


@pytest.mark.parametrize("name", ["computed", "elsewhere", "wait_s"])
def test_only_a_documented_field_of_this_section_is_a_key(name: str) -> None:
    found, messages = read(OUTER, {name: 1})
    assert found == Outer()
    assert messages


def test_a_key_knows_its_name_unit_and_cost() -> None:
    keys = {entry.field: entry for entry in keys_of(Outer)}
    assert (keys["wait_s"].name, keys["wait_s"].unit) == ("wait_seconds", "s")
    assert keys["wait_s"].live is Live.RESTART
    assert (keys["rate_bps"].unit, keys["rate_bps"].default_text) == ("bit/s", "none at all")
    assert (keys["hops"].name, keys["hops"].unit) == ("ttl", "hops")
    assert [entry.name for entry in keys_of(Outer, "other")] == ["elsewhere"]


def test_a_secret_may_be_given_in_three_ways() -> None:
    names = [entry.name for entry in keys_of(Outer) if entry.is_secret]
    assert names == ["password", "password_env", "password_file"]


def test_the_first_paragraph_of_the_docstring_is_the_text_of_the_section() -> None:
    assert doc_of(Inner) == "What is inside."
    assert doc_of(Outer) == ""
    assert identity_of(Inner) == "id"
