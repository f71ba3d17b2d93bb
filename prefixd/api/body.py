"""A request's body: bytes within bounds, then JSON that means one thing only.

A document that two parsers would read differently is answered with a 400, not with our reading:
duplicate members, NaN, text that is not UTF-8, lone surrogates. NUL characters are refused as well,
because PostgreSQL cannot store them and SQLite can. Nesting is bounded, because what is stored as
sent is parsed again by every reader.

Bodies may be gzip. They are inflated here and not by the HTTP library, which would do it before
authentication and without a bound.
"""

import asyncio
import json
import re
import zlib
from itertools import islice
from typing import Any

import msgspec
from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestPayloadError

from prefixd.api.idempotency import FOLDED
from prefixd.api.problem import ApiError, wrong_json, wrong_shape
from prefixd.signals.json_value import JsonValue, depth_exceeds

BODY_TIMEOUT_S = 15.0
DEEPEST = 64
MOST_TOKENS = 200_000
"""Strings, separators and brackets of one document. A batch of 100 events has about 4,000."""
EXPANSION = 8
"""An inflated body may be this many times the limit of a plain one."""

_GZIP = b"\x1f\x8b"
# An escape that stands for NUL: the number of backslashes before the "u" is odd.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[,\[{]', re.DOTALL)
ANY = msgspec.json.Decoder()
"""Decodes whatever it is; for routes whose handler says what is wrong with it."""
_encoder = msgspec.json.Encoder()


async def read_body(request: web.Request) -> bytes:
    """The whole body within the size and the time allowed."""
    content = request.content
    try:
        if content.is_eof() and FOLDED not in request.headers:
            # Small bodies come with the headers: nothing to wait for, one piece to take. With an
            # Idempotency-Key the body is wanted a second time, so the request has to keep it.
            raw = content.read_nowait()
            if len(raw) > request.client_max_size:
                raise _too_large(request.client_max_size)
        elif content.is_eof():
            raw = await request.read()
        else:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                raw = await request.read()
    except TimeoutError as error:
        message = f"the body did not arrive within {BODY_TIMEOUT_S:.0f} s"
        raise ApiError(408, "timeout", message) from error
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large(request.client_max_size) from error
    except (RequestPayloadError, ConnectionError) as error:
        raise ApiError(
            400, "bad_body", "the body ended early or does not match its headers"
        ) from error
    # No JSON document and no notify script's report begins like this.
    return inflated(raw, request.client_max_size * EXPANSION) if raw[:2] == _GZIP else raw


def check_media_type(request: web.Request) -> None:
    if request.headers.get(hdrs.CONTENT_TYPE) == "application/json":
        return
    content_type = request.content_type
    if content_type != "application/json" and not content_type.endswith("+json"):
        message = f"send application/json, not {content_type or 'nothing'}"
        raise ApiError(415, "bad_media_type", message)


def decode_json(raw: bytes, decoder: msgspec.json.Decoder[Any]) -> object:
    """What the decoder's type says, or the error that names byte or field."""
    if _has_too_many_tokens(raw):
        raise ApiError(413, "too_large", f"the body has more than {MOST_TOKENS} values")
    try:
        value: object = decoder.decode(raw)
        plain: JsonValue = value if decoder is ANY else ANY.decode(raw)  # type: ignore[assignment]  # because: JSON is all it decodes
    except msgspec.ValidationError as error:
        raise wrong_shape(error, decoder.type) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong_json(str(error)) from error
    except RecursionError as error:
        raise _too_deep() from error
    if depth_exceeds(plain, DEEPEST):
        raise _too_deep()
    if not _has_one_meaning(raw, plain):
        _insist_on_one_meaning(raw)
    return value


def decode_any(raw: bytes) -> JsonValue:
    value: JsonValue = decode_json(raw, ANY)  # type: ignore[assignment]  # because: JSON is all it decodes
    return value


def _has_too_many_tokens(raw: bytes) -> bool:
    """Counted before decoding: a value of two bytes takes a hundred once it is a Python object.

    Counting bytes is quick and counts those inside strings too, so it only clears a document.
    """
    if len(raw) <= MOST_TOKENS or sum(map(raw.count, (b",", b"[", b"{", b'"'))) <= MOST_TOKENS:
        return False
    tokens = islice(_TOKEN.finditer(raw), MOST_TOKENS + 1)
    return sum(1 for _ in tokens) > MOST_TOKENS


def _has_one_meaning(raw: bytes, value: JsonValue) -> bool:
    """Quick, and sure when it says yes; a no means to look closely.

    A colon stands behind each name and inside strings. Of a duplicate member only the
    last is left in `value`, so written down again it has fewer colons than were sent. An escape
    could stand for a colon (or for NUL): a text with such escapes is looked at closely.
    """
    if b"\\u" in raw:
        return False
    try:
        return raw.count(b":") == _encoder.encode(value).count(b":")
    except (ValueError, OverflowError):  # a number that can be read and not be written
        return False


def _insist_on_one_meaning(raw: bytes) -> None:
    """`raw` is JSON already; this only looks for what the decoder lets pass."""
    if b"\\u0000" in raw and _NUL.search(raw):
        raise wrong_json("NUL character")
    json.loads(raw, object_pairs_hook=_without_duplicates, parse_int=len, parse_float=len)


def _without_duplicates(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise wrong_json(f"duplicate member {twice[:60]!r}")


def inflated(raw: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(raw, limit + 1)
    except zlib.error as error:
        raise ApiError(400, "bad_body", "invalid gzip body") from error
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise ApiError(400, "bad_body", "the gzip body ends early or has trailing data")
    return plain


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "too_large", f"the body is larger than {limit} bytes")


def _too_deep() -> ApiError:
    return wrong_json(f"nested deeper than {DEEPEST}")
