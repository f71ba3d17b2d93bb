"""The quick look at a JSON text never passes one that the close look would refuse."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.api.body import ANY, _has_one_meaning, _insist_on_one_meaning, decode_json
from prefixd.api.problem import ApiError

# Few names, so that some come twice; colons, quotes and escapes wherever they may stand.
NAMES = st.sampled_from(["a", "b", "a:", ":", 'q":', "ü", "\\", ""])
TEXTS = st.text(alphabet='ab:"\\{}[], ü\n', max_size=6)
SPACES = st.sampled_from(["", " ", "\n\t"])
ESCAPED = st.booleans()


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON text as strangers write it: any spacing, names twice, escapes or none."""
    kind = draw(st.sampled_from(["text", "number", "null", "list", "object"]))
    if kind == "text" or (depth == 0 and kind in {"list", "object"}):
        return _quoted(draw(TEXTS), escaped=draw(ESCAPED))
    if kind == "number":
        return draw(st.sampled_from(["0", "-1.5e3", "900000000", "123456789012345678901234567890"]))
    if kind == "null":
        return "null"
    inner = [draw(documents(depth=depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    space = draw(SPACES)
    if kind == "list":
        return "[" + f",{space}".join(inner) + "]"
    members = [
        f"{_quoted(draw(NAMES), escaped=draw(ESCAPED))}{space}:{space}{text}" for text in inner
    ]
    return "{" + ",".join(members) + "}"


def _quoted(text: str, *, escaped: bool) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted.replace(":", "\\u003a") if escaped else quoted


def is_refused(raw: bytes) -> bool:
    try:
        _insist_on_one_meaning(raw)
    except ApiError:
        return True
    return False


@settings(max_examples=400)
@given(documents())
def test_a_quick_yes_is_always_right_and_without_escapes_a_no_is_too(text: str) -> None:
    raw = text.encode()
    quick = _has_one_meaning(raw, msgspec.json.decode(raw))
    if quick:
        assert not is_refused(raw)
    elif "\\u" not in text and "123456789012345678901234567890" not in text:
        assert is_refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"a" :1,"b:":2,"a":3}',
        b'{"x":[{"k":{"a":1,"a":":"}}]}',
        b'{"\\u0061":1,"a":2}',
        b'{"a":"\\u003a","a":1}',
    ],
)
def test_a_name_given_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(ApiError, match="duplicate member"):
        decode_json(raw, ANY)


def test_depth_is_counted_in_containers() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b"]" * depth

    assert decode_json(b'{"a":' + nested(63) + b"}", ANY)
    for too_deep in (nested(65), b'{"a":' + nested(64) + b"}"):
        with pytest.raises(ApiError, match="nested deeper than 64"):
            decode_json(too_deep, ANY)
    assert decode_json(b"[" + b",".join([b'{"a":[1]}'] * 100) + b"]", ANY)
