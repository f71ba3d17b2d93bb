"""RFC 5424 structured data, with the escapes that a search for the first bracket gets wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.domain.problem import Problem
from prefixd.signals.coerce import time_us
from prefixd.signals.syslog_line import SyslogLine, parse_structured_data, parse_syslog

HEAD = "<134>1 2026-11-20T09:15:31.004512+00:00 ns-decoy-01 dns - amp_probe "


def test_a_whole_line():
    line = parse_syslog(HEAD + '[relay@55555 src="203.0.113.9" qtype="ANY"] text ] here')
    assert isinstance(line, SyslogLine)
    assert (line.hostname, line.app, line.msgid) == ("ns-decoy-01", "dns", "amp_probe")
    assert line.at_us == time_us("2026-11-20T09:15:31.004512Z")
    assert line.data == {"relay@55555": {"src": "203.0.113.9", "qtype": "ANY"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-", {}),
        ("- message", {}),
        ("[a]", {"a": {}}),
        ('[a][b x="1"]', {"a": {}, "b": {"x": "1"}}),
        ('[a x="\\"" y="\\\\" z="\\]"]', {"a": {"x": '"', "y": "\\", "z": "]"}}),
        ('[a x="\\n"]', {"a": {"x": "\\n"}}),
        ('[a x="1" x="2"]', {"a": {"x": "1"}}),
        ('[a x="1"][a x="2"]', {"a": {"x": "1"}}),
        ("[a x=\"['1.3.6.0'\\]\"] tail", {"a": {"x": "['1.3.6.0']"}}),
    ],
)
def test_structured_data(text, expected):
    assert parse_structured_data(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "[a", "[a x]", "[a x=1]", '[a x="1]', '[a x="1"', '[a x="]"]', "[a]x", "a",
     '[a  x="1"]', '[a x="1\\"]'],
)  # fmt: skip
def test_broken_structured_data_is_a_problem(text):
    assert isinstance(parse_structured_data(text), Problem)


@pytest.mark.parametrize(
    "line",
    ["", "hello", "<999>1 2026-11-20T09:15:31Z h a - m -", "2026-11-20T09:15:31Z h a - m -",
     "<134>2 2026-11-20T09:15:31Z h a - m -", HEAD + "[a", HEAD + "x" * 70_000],
)  # fmt: skip
def test_what_is_no_line(line):
    assert isinstance(parse_syslog(line), Problem)


def test_a_leap_second_and_a_time_that_is_none():
    leap = parse_syslog("<134>1 2026-12-31T23:59:60Z h a 77 m -")
    assert isinstance(leap, SyslogLine)
    assert leap.at_us == time_us("2026-12-31T23:59:59Z")
    year = parse_syslog("<134>1 2026 h a - m -")
    assert isinstance(year, SyslogLine)
    assert year.at_us is None


VALUES = st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=20), max_size=4
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z@0-9]{1,8}", fullmatch=True), VALUES, min_size=1, max_size=3
    )
)
def test_what_is_written_is_read(data):
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")

    text = ""
    for name, values in data.items():
        written = "".join(f' {key}="{escaped(value)}"' for key, value in values.items())
        text += f"[{name}{written}]"
    assert parse_structured_data(text) == data


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='[]"\\= ab@-', max_size=30))
def test_any_text_is_data_or_a_problem(text):
    assert isinstance(parse_structured_data(text), dict | Problem)
