"""RFC 9535: its own examples, its edges, and the budget."""

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
FILTERS = {
    "a": [3, 5, 1, 2, 4, 6, {"b": "j"}, {"b": "k"}, {"b": {}}, {"b": "kilo"}],
    "o": {"p": 1, "q": 2, "r": 3, "s": 5, "t": {"u": 6}},
    "e": "f",
}


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
    ("path", "expected"),
    [
        ("$.a[?@.b == 'kilo']", [{"b": "kilo"}]),
        ("$.a[?(@.b == 'kilo')]", [{"b": "kilo"}]),
        ("$.a[?@ > 3.5]", [5, 4, 6]),
        ("$.a[?@.b]", FILTERS["a"][6:]),
        ("$[?@.*]", [FILTERS["a"], FILTERS["o"]]),
        ("$[?@[?@.b]]", [FILTERS["a"]]),
        ('$.a[?@<2 || @.b == "k"]', [1, {"b": "k"}]),
        ('$.a[?match(@.b, "[jk]")]', [{"b": "j"}, {"b": "k"}]),
        ('$.a[?search(@.b, "[jk]")]', [{"b": "j"}, {"b": "k"}, {"b": "kilo"}]),
        ("$.o[?@>1 && @<4]", [2, 3]),
        ("$.o[?@.u || @.x]", [{"u": 6}]),
        ("$.a[?@.b == $.x]", [3, 5, 1, 2, 4, 6]),
        ("$.a[?@ == @]", FILTERS["a"]),
        ("$.a[?length(@.b) == 4]", [{"b": "kilo"}]),
        ("$[?count(@.*) == 5]", [FILTERS["o"]]),
        ("$.a[?value(@..b) == 'j']", [{"b": "j"}]),
        ("$.a[?@.b == {}]", None),
        ("$.a[?search(@.b, '(')]", []),
        ("$.a[?@ != 3 && @ < 5]", [1, 2, 4]),
        ("$.a[?@.b >= 'k']", [{"b": "k"}, {"b": "kilo"}]),
    ],
)
def test_the_filters_of_rfc_9535_2_3_5(path, expected):
    if expected is None:
        with pytest.raises(PathError):
            compile_path(path)
    else:
        assert select(path, FILTERS) == expected


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
        "$[?" + "(" * 40 + "@.a" + ")" * 40 + "]",
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused_with_a_reason(path):
    with pytest.raises(PathError) as error:
        compile_path(path)
    assert len(str(error.value)) > 5


def test_a_document_cannot_make_us_visit_more_than_the_budget():
    wide = [list(range(50)) for _ in range(50)]
    with pytest.raises(BudgetSpent):
        select("$..*", wide)
    with pytest.raises(BudgetSpent):
        select("$[*][*]", wide)
    with pytest.raises(BudgetSpent):
        select("$[?@[?@ > 0]]", wide)
    assert len(select("$[0][*]", wide)) == 50
