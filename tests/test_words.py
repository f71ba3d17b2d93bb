"""Plain English: no phrase that docs/style.md says not to use stands in the code or the pages."""

from pathlib import Path

import pytest

from tests.kit.words import PAGES, ROOT, found_in, phrases


def test_the_table_of_words_is_read() -> None:
    assert {"neighbour", "is told", "whoever"} <= set(phrases())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("planted.py", 'log.warning("the store is  away")\n'),
        ("planted.py", "# asks whoever is there\n"),
        ("planted.md", "The rule\nis told to each neighbor.\n"),
    ],
)
def test_a_planted_phrase_is_found(
    tmp_path: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / name
    planted.write_text(text)
    monkeypatch.setattr("tests.kit.words.ROOT", tmp_path)
    assert len(found_in(planted)) == 1


def test_the_code_uses_the_words_of_the_style_page() -> None:
    assert found_in(ROOT / "prefixd") == []


def test_the_pages_use_the_words_of_the_style_page() -> None:
    assert found_in(*PAGES) == []
