"""RFC 9535: its own examples, its edges, and the budget."""

import json
from pathlib import Path

import pytest

from prefixd.signals.jsonpath import BudgetSpent, NodeBudget, PathError, compile_path

STORE = {
    "store": {
        "book": [
            {"category": "reference", "author": "Nigel Rees", "title": "Sayings", "price": 8.95},
            {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword", "price": 12.99},
            {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick",
             "isbn": "0-553-21311-3", "price": 8.99},
            {"category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord",
             "isbn": "0-395-19395-8", "price": 22.99},
        ],
        "bicycle": {"color": "red", "price": 399},
    }
}  # fmt: skip


def select(path, document=STORE):
    return compile_path(path).select(document, NodeBudget())


BOOKS = STORE["store"]["book"]
NAMES = {
    "o": {"j": 1, "k": 2},
    "a": [5, 3, [{"j": 4}, {"k": 6}]],
    "n": None,
    "e": [],
    "'": {"@": 2},
}
EXAMPLES = json.loads(
    (Path(__file__).parents[2] / "golden" / "jsonpath_rfc9535.json").read_text("utf-8")
)


@pytest.mark.parametrize(
    ("path", "document", "selects"),
    [
        pytest.param(case["path"], group["document"], case["selects"], id=case["path"])
        for group in EXAMPLES
        for case in group["cases"]
    ],
)
def test_the_examples_of_rfc_9535_section_2(path, document, selects):
    if selects is None:
        with pytest.raises(PathError):
            compile_path(path)
    else:
        assert select(path, document) == selects


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", [STORE]),
        ("$.store.book[*].author", [book["author"] for book in BOOKS]),
        ("$..author", [book["author"] for book in BOOKS]),
        ("$.store.*", [BOOKS, STORE["store"]["bicycle"]]),
        ("$.store..price", [8.95, 12.99, 8.99, 22.99, 399]),
        ("$..book[2]", [BOOKS[2]]),
        ("$..book[2].author", ["Herman Melville"]),
        ("$..book[2].publisher", []),
        ("$..book[-1]", [BOOKS[3]]),
        ("$..book[0,1]", BOOKS[:2]),
        ("$..book[:2]", BOOKS[:2]),
        ("$..book[?@.isbn]", BOOKS[2:]),
        ("$..book[?@.price<10]", [BOOKS[0], BOOKS[2]]),
        ("$.store.book[?@.price > 10 && @.category == 'fiction'].title", ["Sword", "The Lord"]),
        ("$.store.book[?!@.isbn].title", ["Sayings", "Sword"]),
        ("$.store.book[?!(@.price < 10 || @.isbn)].title", ["Sword"]),
    ],
)
def test_the_bookstore_of_rfc_9535_1_5(path, expected):
    assert select(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.o['j']", [1]),
        ('$["o"]["k"]', [2]),
        ("$[\"'\"]['@']", [2]),
        ("$['o','n'].j", [1]),
        ("$.n", [None]),
        ("$.e", [[]]),
        ("$.e[0]", []),
        ("$.missing.j", []),
        ("$..j", [1, 4]),
        ("$.a[::-1]", [[{"j": 4}, {"k": 6}], 3, 5]),
        ("$.a[1:9:1]", [3, [{"j": 4}, {"k": 6}]]),
        ("$.a[0:2:0]", []),
        ("$.o[*,*]", [1, 2, 1, 2]),
        ("$ .o [ 'j' ]", [1]),
        ("$.o.\u00e9", []),
        ("$['\\u006f'].j", [1]),
    ],
)
def test_names_indices_and_slices(path, expected):
    assert select(path, NAMES) == expected


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("$[?length(@.b) == 4]", [{"b": "kilo"}, {"b": "k"}, {"b": 4}], [{"b": "kilo"}]),
        ("$[?search(@, '(')]", ["("], []),
        ("$[?match(@.text, @.pattern)]", [{"text": "ab", "pattern": "a."}, {"text": "a"}], "first"),
        ("$[?@ != 3 && @ < 5]", [3, 5, 1, 2], [1, 2]),
        ("$[?@ >= 'k']", ["j", "k", "kilo"], ["k", "kilo"]),
        ("$[?@]", [False, 0, "", None, [], {}], "all"),
        ("$[?!@]", [False, 0, "", None], []),
        ("$[?count(@) == 1]", ["text", 7], "all"),
        ("$[?value(@) == 'text']", ["text", 7], ["text"]),
        ("$.list[?@[?@ == $.wanted]]", {"wanted": 2, "list": [[1], [2]]}, [[2]]),
    ],
)
def test_filters_beyond_the_examples_of_the_rfc(path, document, expected):
    whole = {"all": document, "first": document[:1] if isinstance(document, list) else []}
    wanted = whole[expected] if isinstance(expected, str) else expected
    assert select(path, document) == wanted


@pytest.mark.parametrize(
    ("filtered", "kept"),
    [("@ == true", [True]), ("@ == 1", [1]), ("@ == null", [None]), ("@ == 'x'", ["x"])],
)
def test_json_types_are_not_confused(filtered, kept):
    values = [True, 1, None, "x", False, [], {}]
    assert select(f"$[?{filtered}]", values) == kept


@pytest.mark.parametrize(
    "path",
    [
        "", "a", ".a", "$.", "$..", "$[", "$[]", "$['a", "$.a[?]", "$[?@.a ==]", "$[01]", "$[-0]",
        "$[9007199254740992]", "$.1a", "$[?1]", "$[?'x']", "$[?length(@)]", "$[?match(@.a)]",
        "$[?@.* == 1]", "$[?nope(@)]", "$[?count(1) == 1]", "$[?match(@.a,'x') == true]", "$.a ",
        "$['\\x']", "$['\\ud800']", "$[?(@.a]", "$.a[1", "$.a b", "$" + ".a" * 300,
        "$[?" + "(" * 40 + "@.a" + ")" * 40 + "]", "$[?" + "!" * 400 + "@.a]",
        "$[?" + "length(" * 60 + "@" + ")" * 60 + " == 1]", "$" + "[?@" * 60 + "]" * 60,
    ],
)  # fmt: skip
def test_an_invalid_path_is_refused_with_a_reason(path):
    with pytest.raises(PathError) as error:
        compile_path(path)
    assert len(str(error.value)) > 5


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("$.a[01]", "leading zero in index selector at character 5"),
        ("$[?nope(@)]", "function 'nope' is not defined at character 4"),
        ("$[?((((((((((((((((@.a))))))))))))))))]", "filters nest deeper than 16 at character 20"),
        ("$" + ".a" * 300, "longer than 512 characters"),
    ],
)
def test_the_reason_names_the_place(path, reason):
    with pytest.raises(PathError) as error:
        compile_path(path)
    assert str(error.value) == reason


def test_a_document_of_any_depth_is_walked():
    deep = [1]
    for _ in range(500):
        deep = [deep]
    assert select("$..[?@ == 1]", deep) == [1]


def test_a_filter_pays_for_each_element_it_judges():
    with pytest.raises(BudgetSpent):
        select("$[?@ > 5000]", list(range(2001)))
    with pytest.raises(BudgetSpent):
        select("$..missing", [[1] * 1000, [1] * 1000, 1])


def test_a_document_cannot_make_us_visit_more_than_the_budget():
    wide = [list(range(50)) for _ in range(50)]
    with pytest.raises(BudgetSpent):
        select("$..*", wide)
    with pytest.raises(BudgetSpent):
        select("$[*][*]", wide)
    with pytest.raises(BudgetSpent):
        select("$[?@[?@ > 0]]", wide)
    assert len(select("$[0][*]", wide)) == 50
