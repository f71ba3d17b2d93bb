"""docs/reliability.md is fresh, names tests that exist, and leaves out none of tests/chaos."""

from tests.kit.reliability import CHECKS, PAGE, named, places, render


def test_the_tests_it_names_exist() -> None:
    assert sorted(named() - places().keys()) == []


def test_whatever_is_broken_in_tests_chaos_is_on_the_page() -> None:
    broken = {name for name, file in places().items() if file.startswith("tests/chaos/")}
    assert sorted(broken - named()) == []


def test_all_seventeen_checks_have_a_test() -> None:
    assert len(CHECKS) == 17
    assert all(names for _, _, names in CHECKS)


def test_the_page_is_what_is_written_here() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tests.kit.reliability"
