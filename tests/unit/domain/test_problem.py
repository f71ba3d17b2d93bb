"""Where an input is wrong: paths grow from the inside outwards."""

from prefixd.domain.problem import Problem


def test_the_path_grows_outwards() -> None:
    inner = Problem("prefixes[0]", "invalid prefix 'x'")
    assert str(inner.inside("customers[3]")) == "customers[3].prefixes[0]: invalid prefix 'x'"
    assert Problem("[2]", "x").inside("rules").field == "rules[2]"
    assert Problem("", "x").inside("rules").field == "rules"


def test_a_problem_of_the_whole_has_no_path() -> None:
    assert str(Problem("", "the body is empty")) == "the body is empty"


def test_code_and_index_stay() -> None:
    outer = Problem("bps", "must be positive", "bad_number", 4).inside("attack")
    assert (outer.code, outer.index) == ("bad_number", 4)
