"""YAML to trees: what scalars mean, what is refused and where, and where things stand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.config.problem import Problem
from prefixd.config.yaml_tree import MAX_DEPTH, NotYaml, Positions, parse_yaml


def refusal(text: str) -> Problem:
    with pytest.raises(NotYaml) as caught:
        parse_yaml(text)
    return caught.value.problem


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1", 1),
        ("-7", -7),
        ("007", 7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("65000:10", "65000:10"),
        ("2031-05-01", "2031-05-01"),
        ("0x10", "0x10"),
        (".inf", ".inf"),
        ("192.0.2.1", "192.0.2.1"),
        ('"1"', "1"),
        ("'true'", "true"),
    ],
)
def test_scalars_mean_what_they_look_like(text: str, meaning: object) -> None:
    tree, duplicates = parse_yaml(f"key: {text}\n")
    assert tree == {"key": meaning}
    assert isinstance(tree, dict)
    assert type(tree["key"]) is type(meaning)
    assert duplicates == []


def test_nested_values_and_anchors() -> None:
    tree, _ = parse_yaml("a: &x [1, {b: two}]\nc: *x\n")
    assert tree == {"a": [1, {"b": "two"}], "c": [1, {"b": "two"}]}


def test_an_empty_text_is_nothing() -> None:
    assert parse_yaml("") == (None, [])
    assert parse_yaml("# only a comment\n") == (None, [])


def test_every_duplicate_key_is_reported_with_its_place() -> None:
    tree, duplicates = parse_yaml("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert tree == {"a": 3, "b": {"c": 2}}
    assert [(found.message, found.line, found.column) for found in duplicates] == [
        ("duplicate key 'c'", 4, 3),
        ("duplicate key 'a'", 5, 1),
    ]


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "\ta: 1\n"])
def test_a_tab_is_called_a_tab(text: str) -> None:
    problem = refusal(text)
    assert problem.message == "tab in the indentation"
    assert problem.hint == "YAML is indented with spaces only"
    assert text.splitlines()[problem.line - 1].startswith("\t")


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: [1, 2\n", "did not find expected ',' or ']', while parsing a flow sequence", (2, 1)),
        ("a: 1\n---\nb: 2\n", "a second document starts here", (2, 1)),
        ("a: !!str 1\n", "YAML tags are not supported", (1, 4)),
        ("? [a]\n: 1\n", "a key must be a word", (1, 3)),
        ("a: 1\n<<: {b: 2}\n", "merge keys (<<) are not supported", (2, 1)),
        ("a: *nowhere\n", "alias *nowhere has no anchor before it", (1, 4)),
        ("a: ok\nb: \x07\n", "a control character is not allowed here", (2, 4)),
    ],
)
def test_refusals_say_what_and_where(text: str, message: str, place: tuple[int, int]) -> None:
    problem = refusal(text)
    assert message in problem.message
    assert (problem.line, problem.column) == place


def test_depth_is_bounded() -> None:
    assert f"deeper than {MAX_DEPTH}" in refusal("[" * (MAX_DEPTH + 1)).message
    parse_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_aliases_cannot_unfold_into_a_flood() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    assert "unfold to more than" in refusal("\n".join(lines)).message


def test_positions_lead_to_values_keys_and_what_is_near() -> None:
    text = "pop: x\nbgp:\n  neighbors:\n    - name: edge1\n      asn: 1\n    - {name: edge2}\n"
    positions = Positions(text)
    assert positions.find(("bgp", "neighbors", 0, "asn")) == (5, 12)
    assert positions.find(("bgp", "neighbors", 0, "asn"), at_key=True) == (5, 7)
    assert positions.find(("bgp", "neighbors", 1)) == (6, 7)
    assert positions.find(("bgp", "neighbors", 1, "missing")) == (6, 7)
    assert positions.find(("bgp", "neighbors", 9)) == (4, 5)
    assert positions.find(("nowhere", "at", "all")) == (1, 1)


def test_the_second_of_two_equal_keys_is_the_one_that_counts() -> None:
    assert Positions("a: 1\na: 2\n").find(("a",)) == (2, 4)


@settings(max_examples=200)
@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`,? \n\t0.~", max_size=60))
def test_any_text_gives_a_tree_or_a_placed_problem(text: str) -> None:
    place = (1, 1)
    try:
        parse_yaml(text)
    except NotYaml as error:
        place = (error.problem.line, error.problem.column)
    assert min(place) >= 1
