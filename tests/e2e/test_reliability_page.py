"""docs/reliability.md is fresh, names tests that exist, and leaves no weakness unmentioned."""

from tests.kit.reliability import ELSEWHERE, OPEN, PAGE, missing, named, places, render


def test_every_weakness_is_shown_or_owned_up_to() -> None:
    assert missing() == []
    assert not ELSEWHERE.keys() & OPEN.keys()


def test_the_tests_it_names_exist() -> None:
    assert sorted(named() - places().keys()) == []


def test_the_page_is_what_is_written_here() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tests.kit.reliability"
