"""What a handler answers with; turning it into octets is the endpoint's work."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Reply(msgspec.Struct, frozen=True):
    """`value` is encoded as JSON unless it is bytes already; None is an empty body."""

    value: object | None = None
    status: int = 200
    headers: Mapping[str, str] = NO_HEADERS
    content_type: str = "application/json"
    etag: str | None = None
