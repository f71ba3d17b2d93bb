"""Parameters that several routes share, parsed to domain values or answered with a 400.

Lists come in pages. A cursor is the (time, id) of the last row seen, so rows that share a
microsecond are neither lost nor repeated when new ones arrive above. It names the list it came
from: a cursor of another list, or one cut off when it was copied, is a 400 and never silently page
one.
"""

import base64
import binascii
import re
import uuid
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from aiohttp import web

from prefixd.api.problem import ApiError, bad_request, wrong_shape
from prefixd.clock import to_us
from prefixd.domain.page import PAGE_DEFAULT, PAGE_MAX, Cursor, Page, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.vector import Vector, parse_vector

Item = TypeVar("Item")
MAX_REASON = 1024
MAX_TTL_S = 10 * 365 * 86_400
QUERIES = 64
_LOST_PLUS = re.compile(r" (\d\d:\d\d)$")


class PageQuery(msgspec.Struct, kw_only=True):
    """The query parameters every list knows."""

    limit: int = PAGE_DEFAULT
    cursor: str | None = None
    start: str | None = None
    end: str | None = None


def page_request(query: PageQuery, name: str) -> PageRequest:
    if query.limit < 1:
        raise ApiError(400, "bad_query", "limit must be at least 1", field="limit")
    return PageRequest(
        limit=min(query.limit, PAGE_MAX),
        cursor=None if query.cursor is None else decode_cursor(query.cursor, name),
        start_us=_moment(query.start, "start"),
        end_us=_moment(query.end, "end"),
    )


def page_members(
    page: Page[Item], name: str, render: Callable[[Item], object]
) -> dict[str, object]:
    """The envelope of every list; `name` is the word its array has always had."""
    return {
        name: [render(item) for item in page.items],
        "count": len(page.items),
        "next_cursor": None if page.next is None else encode_cursor(page.next, name),
        "has_more": page.next is not None,
    }


def encode_cursor(cursor: Cursor, name: str) -> str:
    text = f"{name}|{cursor.time_us}|{cursor.id}"
    text = f"{text}|{zlib.crc32(text.encode()):08x}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, name: str) -> Cursor:
    try:
        padded = text + "=" * (-len(text) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        body, _, check = plain.rpartition("|")
        found, time_us, row_id = body.split("|", 2)
        if found != name or check != f"{zlib.crc32(body.encode()):08x}":
            raise ValueError(found)
        return Cursor(int(time_us), row_id)
    except (ValueError, binascii.Error) as error:
        message = f"invalid cursor for the list of {name}: leave it out to start at the top"
        raise ApiError(400, "bad_cursor", message, field="cursor") from error


def parse_time(text: str, field: str) -> int:
    """RFC 3339 with a zone, as microseconds."""
    try:
        # A "+" that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(_LOST_PLUS.sub(r"+\1", text))
    except ValueError as error:
        raise _bad_time(field) from error
    if moment.tzinfo is None:
        raise _bad_time(field)
    try:
        return to_us(moment.astimezone(UTC))
    except OverflowError as error:
        raise _bad_time(field) from error


def _moment(text: str | None, field: str) -> int | None:
    return None if text is None else parse_time(text, field)


def _bad_time(field: str) -> ApiError:
    message = f"{field} must be a time such as 2026-01-10T08:00:00Z"
    return ApiError(400, "bad_query", message, field=field)


def parse_victim(text: str | None, field: str = "victim_ip") -> Prefix | None:
    """Any spelling of an address or prefix; lists compare the canonical value."""
    if text is None:
        return None
    found = Prefix.parse(text)
    if found is None:
        message = f"{field} must be an IPv4 or IPv6 address, not {text[:60]!r}"
        raise ApiError(400, "bad_query", message, field=field)
    return found


def parse_vector_query(text: str | None) -> Vector | None:
    if text is None:
        return None
    found = parse_vector(text)
    if found is None:
        known = ", ".join(Vector)
        message = f"vector must be one of {known}"
        raise ApiError(400, "bad_query", message, field="vector")
    return found


def parse_id(text: str, field: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        message = f"{field} must be a UUID, not {text[:60]!r}"
        raise ApiError(400, "bad_query", message, field=field) from error


def parse_flag(text: str | None, field: str) -> bool | None:
    words = {"true": True, "false": False, None: None}
    if text not in words:
        raise ApiError(400, "bad_query", f"{field} must be true or false", field=field)
    return words[text]


def checked_reason(text: str) -> str:
    """Why an operator does this: required, and short enough for a log line."""
    if not text.strip() or len(text) > MAX_REASON:
        raise bad_request(f"reason must have 1 to {MAX_REASON} characters", "reason")
    return text.strip()


class QueryReader:
    """The query strings of one route. Handlers only read a parsed query, so one that was parsed
    before serves again: dashboards send the same again and again."""

    def __init__(self, type_: type[msgspec.Struct]) -> None:
        self._type = type_
        self._parsed: dict[str, msgspec.Struct] = {}

    def read(self, request: web.Request) -> msgspec.Struct:
        text = request.rel_url.raw_query_string
        found = self._parsed.get(text)
        if found is None:
            found = parsed_query(request, self._type)
            if len(self._parsed) >= QUERIES:
                self._parsed.clear()
            self._parsed[text] = found
        return found


def parsed_query(request: web.Request, type_: type[msgspec.Struct]) -> msgspec.Struct:
    given: Mapping[str, str] = request.query
    if "%00" in request.query_string or "\0" in request.query_string:
        raise ApiError(400, "bad_query", "the query holds a NUL character")
    try:
        return msgspec.convert(dict(given), type_, strict=False)
    except msgspec.ValidationError as error:
        shape = wrong_shape(error)
        raise ApiError(400, "bad_query", shape.message, field=shape.field) from error
