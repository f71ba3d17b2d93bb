"""The linear engine says what the standard one says, and never takes long to say it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.signals.pattern import PatternError, compile_pattern

PATTERNS = [
    "a+b", "(a|b)*c", "^(\\w+)\\s+flood", "(?:ab|a)(bc|c)?", "a{2,3}?", "[^0-9]+\\d", "x|",
    "\\bfoo\\b", "(a+)+$", "(a?){3}b", "[a-c]+?c", "(a|ab)(c|bcd)(d*)", ".*", "()a", "[\\D]b",
    "[]a]+", "a$|b", "\\Bo", "[a\\-c]+", "a{0}b", "a{2,}", "(a)(b)?", "\\.", "[.]",
]  # fmt: skip


@pytest.mark.parametrize("text", PATTERNS)
@settings(max_examples=60, deadline=None)
@given(subject=st.text("abcd 0fo_.-]\n", max_size=9))
def test_it_agrees_with_the_standard_library(text, subject):
    mine, theirs = compile_pattern(text), re.compile(text, re.ASCII)
    # Their $ also stands before a last newline, ours only at the end, as I-Regexp has it.
    if "$" in text and subject.endswith("\n"):
        return
    found = theirs.search(subject)
    assert mine.search(subject) == (None if found is None else (found[0], *found.groups()))
    assert mine.fullmatch(subject) is (theirs.fullmatch(subject) is not None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" * 129, "longer"),
        ("(a)\\1", "back-references"),
        ("(?=a)", "look-around"),
        ("(?P<n>a)", "look-around"),
        ("(a", "without"),
        ("a)", "without"),
        ("[a", "early"),
        ("*a", "nothing to repeat"),
        ("a**", "repeat of a repeat"),
        ("a{3,2}", "repeat must read"),
        ("a{999}", "0..256"),
        ("(((a{200}){200}){200})", "500 steps"),
        ("[z-a]", "backwards"),
        ("\\", "early"),
        ("\\p", "not supported"),
        ("^*", "nothing to repeat"),
        ("(?:" * 20 + ")" * 20, "deeper"),
        ("()" * 10, "more than 9 groups"),
    ],
)
def test_what_it_does_not_take_it_refuses_with_the_reason(text, reason):
    with pytest.raises(PatternError, match=re.escape(reason)):
        compile_pattern(text)


def test_a_text_longer_than_the_limit_matches_nothing():
    assert compile_pattern("a").search("a" * 513) is None
    assert compile_pattern("a*").fullmatch("a" * 512)


def test_patterns_that_stall_others_need_no_more_steps_than_the_product():
    """A backtracking engine would need 2**500 steps here; this returns or the test hangs."""
    assert compile_pattern("(a+)+$").search("a" * 511 + "b") is None
    assert compile_pattern("(a|a)*c").search("a" * 512) is None
    assert compile_pattern("((a?){9}){9}b").search("a" * 512) is None
