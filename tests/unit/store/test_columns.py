"""Values as rows: every field once, both ways, and a forgotten one is refused."""

from typing import Any

import pytest
from msgspec import Struct

from prefixd.store.columns import Column, Columns, Derived, Joint, Json, Shared, Text


class Place(Struct, frozen=True, kw_only=True):
    city: str
    floor: int | None = None


class Box(Struct, frozen=True, kw_only=True):
    box_id: str
    size: tuple[int, int]
    place: Place
    note: str = ""
    colour: str | None = None
    weight: int = 1
    labels: tuple[str, ...] = ()


HEX = Text(lambda text: text.encode().hex(), lambda text: bytes.fromhex(text).decode())
ENTRIES: tuple[Any, ...] = (
    Column("box_id", "box_id"),
    Joint(
        "size",
        (Column("width", "size", lambda size: size[0]), Column("height", "size", lambda s: s[1])),
        lambda width, height: (width, height),
    ),
    Column("city", "place.city", str.upper, str.lower),
    Shared("place_json", Json(Place, "floor"), part="place"),
    Column("note", "note", null=""),
    Shared("details", Json(Box, "colour", "weight", "labels", texts={"colour": HEX})),
    Derived("heavy", lambda box: box.weight > 10),
)
BOX = Columns(Box, *ENTRIES, parts={"place": Place})
PLAIN = Box(box_id="1", size=(2, 3), place=Place(city="ams"))
WHOLE = Box(
    box_id="2", size=(4, 5), place=Place(city="fra", floor=0), note="n", colour="red", weight=11,
    labels=("a", "b"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("box", "row"),
    [
        (PLAIN, ("1", 2, 3, "AMS", "{}", None, "{}", False)),
        (
            WHOLE,
            ("2", 4, 5, "FRA", '{"floor":0}', "n",
             '{"colour":"726564","weight":11,"labels":["a","b"]}', True),
        ),
    ],
)  # fmt: skip
def test_a_value_becomes_a_row_and_the_row_the_value(box: Box, row: tuple[Any, ...]) -> None:
    assert BOX.encode(box) == row
    assert BOX.decode(row) == box


def test_the_statement_names_the_columns_in_their_order() -> None:
    assert BOX.insert("boxes") == (
        "INSERT INTO boxes (box_id, width, height, city, place_json, note, details, heavy)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    some = BOX.some(("note", "height"))
    assert (some.sql, some.encode(WHOLE)) == ("note = ?, height = ?", ("n", 5))


@pytest.mark.parametrize("left_out", [0, 1, 2, 3, 4, 5])
def test_a_table_that_forgets_a_field_is_refused(left_out: int) -> None:
    entries = [entry for index, entry in enumerate(ENTRIES) if index != left_out]
    with pytest.raises(TypeError, match="columns of Box"):
        Columns(Box, *entries, parts={"place": Place})


def test_a_field_in_two_columns_is_refused() -> None:
    with pytest.raises(TypeError, match="columns of Box"):
        Columns(Box, *ENTRIES, Column("weight", "weight"), parts={"place": Place})


def test_members_of_a_newer_release_are_ignored_unless_they_could_change_the_meaning() -> None:
    text = '{"floor":3,"door":"left"}'
    assert Json(Place, "floor").decode(text) == {"floor": 3}
    with pytest.raises(ValueError, match="door"):
        Json(Place, "floor", strict=True).decode(text)


@pytest.mark.parametrize("text", ["", "[]", '{"floor":"3"}', '{"weight":1}'])
def test_a_text_that_was_never_written_is_an_error_of_value(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Json(Place, "floor", strict=True).decode(text)


def test_a_member_may_have_another_name_and_another_default() -> None:
    place = Json(Place, names={"city": "town"}, defaults={"city": "ams"})
    assert place.encode(Place(city="fra")) == '{"town":"fra"}'
    assert place.decode("{}") == {"city": "ams", "floor": None}
