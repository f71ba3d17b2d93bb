"""RE2 behind our bounds: it matches as the standard library does, in linear time."""

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
        ("a" * 129, "longer than 128 characters"),
        ("(a)\\1", r"invalid escape sequence at character 4: \1"),
        ("(?=a)", "invalid perl operator at character 1: (?="),
        ("(a", "missing ) at character 1: (a"),
        ("a)", "unexpected ) at character 1: a)"),
        ("b[a", "missing ] at character 2: [a"),
        ("..(a.c", "missing ) at character 1: ..(a.c"),
        ("b|*a", "no argument for repetition operator at character 3: *"),
        ("a**", "bad repetition operator at character 2: **"),
        ("a{3,2}", "invalid repetition size at character 2: {3,2}"),
        ("(((a{200}){200}){200})", "invalid repetition size"),
        ("(?:\\pL{10}){99}", "pattern too large"),
        ("[z-a]", "invalid character class range at character 2: z-a"),
        ("ab\\", "trailing \\ at character 3"),
        ("\\y", r"invalid escape sequence at character 1: \y"),
        ("a\\C", "\\C is not supported at character 2"),
        ("a\ud800", "invalid character at character 2"),
    ],
)
def test_an_invalid_pattern_is_refused_with_the_reason_and_the_place(text, reason, capfd):
    with pytest.raises(PatternError, match=re.escape(reason)):
        compile_pattern(text)
    assert capfd.readouterr().err == ""


def test_a_dot_matches_no_line_end():
    """RFC 9485 5.3: neither a line feed nor a carriage return."""
    assert compile_pattern("a.b").search("a\rb a\nb") is None
    assert compile_pattern("a[.]b").search("a.b")
    assert compile_pattern("\\Qa.b\\E").search("axb a.b") == ("a.b",)


def test_flags_inside_a_pattern_count():
    assert compile_pattern("(?i)udp").search("a UDP flood") == ("UDP",)


def test_half_a_surrogate_pair_matches_nothing():
    assert compile_pattern(".").search("\ud800") is None
    assert not compile_pattern(".").fullmatch("\ud800")


def test_a_text_longer_than_the_limit_matches_nothing():
    assert compile_pattern("a").search("a" * 513) is None
    assert compile_pattern("a*").fullmatch("a" * 512)


def test_patterns_that_stall_a_backtracking_engine_return():
    """A backtracking engine would need 2**500 steps here; this returns or the test hangs."""
    assert compile_pattern("(a+)+$").search("a" * 511 + "b") is None
    assert compile_pattern("(a|a)*c").search("a" * 512) is None
    assert compile_pattern("((a?){9}){9}b").search("a" * 512) is None
