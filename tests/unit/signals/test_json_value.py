"""JSON of strangers: every access has a result, and records hold no secrets."""

import json

import pytest

from prefixd.signals.json_value import (
    RAW_MAX_BYTES,
    canonical,
    depth_exceeds,
    elements,
    member,
    members,
    raw_text,
    scalar_text,
    text,
)


def test_access_to_another_shape_gives_nothing():
    assert (member([1], "a"), member({"a": 1}, "b"), member({"a": 1}, "a")) == (None, None, 1)
    assert members("x") == {}
    assert (elements("text"), elements(None), elements([1])) == ((), (), [1])
    assert (text(" a "), text(7), text(None)) == ("a", "", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("UDP", "UDP"),
        (True, "true"),
        (None, "null"),
        (2, "2"),
        (2.0, "2"),
        (2.5, "2.5"),
        ([], None),
    ],
)
def test_a_scalar_as_the_key_of_a_map(value, expected):
    assert scalar_text(value) == expected


def test_depth_counts_containers():
    assert not depth_exceeds(7, 0)
    assert not depth_exceeds([[1]], 2)
    assert depth_exceeds([[1]], 1)
    assert depth_exceeds({"a": [{"b": 1}]}, 2)


def test_the_canonical_text_does_not_depend_on_the_order():
    assert canonical({"b": 1, "a": [2]}) == canonical({"a": [2], "b": 1}) == '{"a":[2],"b":1}'


def test_secrets_are_removed_wherever_they_are():
    element = {"ip": "198.51.100.24", "X-Api-Key": "k", "list": [{"userPassword": "p", "a": 1}]}
    assert json.loads(raw_text(element)) == {
        "ip": "198.51.100.24",
        "X-Api-Key": "[removed]",
        "list": [{"userPassword": "[removed]", "a": 1}],
    }
    assert json.loads(raw_text({"token": "t", "a": 1})) == {"token": "[removed]", "a": 1}


def test_a_large_element_is_cut_with_a_note():
    kept = json.loads(raw_text({"a": "x" * RAW_MAX_BYTES}))
    assert kept["truncated"] is True
    assert kept["bytes"] > RAW_MAX_BYTES
    assert len(raw_text({"a": "x" * RAW_MAX_BYTES})) < RAW_MAX_BYTES


def test_what_cannot_be_encoded_in_utf8_is_recorded_all_the_same():
    assert "?" in raw_text({"a": "\ud800"})
