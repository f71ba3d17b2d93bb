"""What a destination is to be sent: an HTTP request as a value, before anybody opens a socket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from prefixd.notify.record import Json

JSON_TYPE = "application/json"
USER_AGENT = "prefixd-webhook/1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The address and the headers may hold secrets, so neither is ever printed."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({"Content-Type": JSON_TYPE}), repr=False
    )


def json_request(url: str, body: Json, headers: Mapping[str, str] | None = None) -> Request:
    all_headers = {"Content-Type": JSON_TYPE, "User-Agent": USER_AGENT, **(headers or {})}
    return Request(url=url, body=msgspec.json.encode(body), headers=MappingProxyType(all_headers))


def cut(text: str, limit: int) -> str:
    """At most `limit` characters; what was cut off leaves a sign."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
