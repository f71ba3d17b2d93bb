"""The page of weaknesses is fresh, and what it promises to show is shown."""

from tests.kit.weaknesses import (
    ALSO,
    PAGE,
    REQUIRED,
    ROOT,
    claims,
    render,
    suite_functions,
    text_of,
)

ENOUGH = 60


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tests.kit.weaknesses"


def test_every_number_a_test_claims_is_a_weakness() -> None:
    assert [number for number in claims() if text_of(number) is None] == []


def test_every_weakness_of_rules_has_a_test() -> None:
    shown = set(claims())
    needed = {f"{prefix}{number:02d}" for prefix, all_ in REQUIRED.items() for number in all_}
    assert sorted(needed - shown) == []


def test_tests_listed_by_hand_exist() -> None:
    names = {name for _, name in suite_functions(ROOT / "tests")}
    assert [name for listed in ALSO.values() for name in listed if name not in names] == []


def test_there_are_enough_of_them() -> None:
    assert len({test for tests in claims().values() for test in tests}) >= ENOUGH
