"""Words in query strings and paths that several lists share, parsed to domain values or a 400."""

import uuid

from prefixd.api.problem import ApiError
from prefixd.domain.prefix import Prefix
from prefixd.domain.vector import Vector, parse_vector


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
