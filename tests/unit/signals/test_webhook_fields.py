"""One field of an element: where it comes from, and what several nodes mean."""

import pytest

from prefixd.signals.jsonpath import BudgetSpent, NodeBudget, PathError
from prefixd.signals.settings import Condition, FieldSource, Lookup, Reduce
from prefixd.signals.webhook_fields import compile_condition, compile_field

ELEMENT = {
    "id": 7,
    "nothing": None,
    "links": [{"bps": 1, "name": "a"}, {"bps": "2", "name": "b"}, {"bps": "x", "name": "c"}],
    "details": [{"name": "ip", "value": "198.51.100.24"}, {"name": "ip", "value": "later"}],
}


def read(source: FieldSource):
    return compile_field(source).read(ELEMENT, NodeBudget())


def path(*texts: str, reduce: Reduce | None = None) -> FieldSource:
    return FieldSource(paths=texts, reduce=reduce)


def test_the_first_path_that_has_a_value_counts():
    assert read(path("$.missing", "$.nothing", "$.id")) == 7
    assert read(path("$.missing", "$.nothing")) is None


def test_a_constant_needs_no_element():
    assert read(FieldSource(const=0.4)) == 0.4


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [
        (None, None),
        (Reduce.FIRST, 1),
        (Reduce.MAX, 2),
        (Reduce.SUM, 3),
        (Reduce.JOIN, [1, "2", "x"]),
    ],
)
def test_several_nodes_have_a_value_only_by_a_reduction(reduce, expected):
    assert read(path("$.links[*].bps", reduce=reduce)) == expected


def test_a_reduction_without_numbers_has_no_value():
    assert read(path("$.links[*].name", reduce=Reduce.SUM)) is None


def test_a_lookup_takes_the_first_entry_of_its_name():
    lookup = Lookup(list="$.details", key="name", equals="ip", value="value")
    assert read(FieldSource(lookup=lookup)) == "198.51.100.24"
    missing = Lookup(list="$.details", key="name", equals="port", value="value")
    assert read(FieldSource(lookup=missing)) is None


def test_a_lookup_pays_for_the_entries_it_reads():
    lookup = compile_field(
        FieldSource(lookup=Lookup(list="$.details", key="name", equals="ip", value="value"))
    )
    with pytest.raises(BudgetSpent):
        lookup.read(ELEMENT, NodeBudget(2))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition(path="$.id", equals="7"), True),
        (Condition(path="$.id", equals="8"), False),
        (Condition(path="$.id", one_of=("8", "7")), True),
        (Condition(path="$.nothing", equals="null"), True),
        (Condition(path="$.nothing", exists=True), True),
        (Condition(path="$.missing", exists=False), True),
        (Condition(path="$.links[*].name", equals="b"), True),
    ],
)
def test_conditions_compare_json_text(condition, holds):
    assert compile_condition(condition).holds(ELEMENT, NodeBudget()) is holds


def test_an_invalid_path_is_refused():
    with pytest.raises(PathError):
        compile_condition(Condition(path="$.["))
