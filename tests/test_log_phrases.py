"""What the daemon logs can be looked up: every phrase has a row in docs/observability.md."""

from tests.kit.log_phrases import differences, logged


def test_every_log_phrase_is_explained_in_the_documentation() -> None:
    """`python -m tests.kit.log_phrases` prints the same list."""
    assert differences() == []


def test_phrases_are_short_lower_case_and_without_values() -> None:
    for phrase in logged():
        assert "%" not in phrase, phrase
        assert "{" not in phrase, phrase
        assert not phrase.endswith("."), phrase
        assert (
            phrase[0].islower()
            or phrase.split()[0].strip(":").isupper()
            or phrase.startswith("FlowSpec")
        ), phrase
