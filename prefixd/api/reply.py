"""What a handler answers with; turning it into octets is the endpoint's work."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """`value` is encoded as JSON unless it is bytes already; None is an empty body."""

    value: object | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    etag: str | None = None
