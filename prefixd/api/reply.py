"""What a handler returns, and the HTTP response made of it: JSON, ETag, 304."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec
from aiohttp import web

from prefixd.api.fast.response import JSON, JSON_FIELD, RawResponse, field_line, field_lines

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_encoder = msgspec.json.Encoder()


class Reply(msgspec.Struct, frozen=True):
    """`value` is encoded as JSON unless it is bytes already; None is an empty body."""

    value: object | None = None
    status: int = 200
    headers: Mapping[str, str] = NO_HEADERS
    content_type: str = "application/json"
    etag: str | None = None


def encoded(reply: Reply, request: web.Request) -> RawResponse:
    fields = field_lines(reply.headers.items()) if reply.headers else b""
    if reply.etag is not None:
        fields += _etag_line(reply.etag)
        if _names(request.headers.get("If-None-Match"), reply.etag):
            return RawResponse(304, fields)
    if reply.value is None:
        return RawResponse(reply.status, fields)
    kind = reply.content_type
    fields += JSON_FIELD if kind == JSON else field_line("Content-Type", kind)
    body = reply.value if isinstance(reply.value, bytes) else _encoder.encode(reply.value)
    return RawResponse(reply.status, fields, body)


@lru_cache(maxsize=256)
def _etag_line(etag: str) -> bytes:
    return field_line("ETag", etag)


def _names(header: str | None, etag: str) -> bool:
    """Whether `If-None-Match` names this version, alone, in a list or by `*` (RFC 9110 13.1.2)."""
    if header is None:
        return False
    given = [part.strip().removeprefix("W/") for part in header.split(",")]
    return etag in given or given == ["*"]
