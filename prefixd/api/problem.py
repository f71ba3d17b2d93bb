"""Every error as a status and one JSON shape. The only file that knows which.

    {"error": sentence, "code": word, "field": path or null, "request_id": id,
     "retry_after_seconds": n or absent, "errors": [...] or absent}

`code` is stable and documented (docs/api.md lists them, a test compares); `error` is for people and
may change. Texts of our own faults never leave the process: the client gets the request id, the log
has the rest.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import msgspec

from prefixd.engine.answers import Busy
from prefixd.errors import Conflict, StoreUnavailable
from prefixd.guardrails.facts import Refusal


class ErrorBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    error: str
    code: str
    field: str | None
    request_id: str
    retry_after_seconds: int | None = None
    errors: list[str] | None = None


class ApiError(Exception):
    """A request that fails: the response, without anything the client must not see."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
        errors: Sequence[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s
        self.errors = errors

    def body(self, request_id: str) -> ErrorBody:
        return ErrorBody(
            error=self.message,
            code=self.code,
            field=self.field,
            request_id=request_id,
            retry_after_seconds=self.retry_after_s,
            errors=None if self.errors is None else list(self.errors),
        )


# code -> (status, when it is sent). docs/api.md prints this table.
CODES: dict[str, tuple[int, str]] = {
    "bad_json": (400, "the body is not JSON, or is ambiguous; `error` says where"),
    "bad_body": (400, "the body ended early, or its gzip encoding is broken"),
    "bad_request": (400, "a value breaks a rule; `field` names it"),
    "corroborating_source": (400, "this source reports places, not victims"),
    "unknown_source": (400, "this source is not configured, and `unknown_sources` is `reject`"),
    "bad_query": (400, "a query parameter has the wrong form"),
    "bad_cursor": (400, "the cursor was not made by this list"),
    "bad_config": (400, "a configuration part is wrong; `errors` lists every problem"),
    "not_live": (400, "the mitigation has ended already"),
    "unauthorized": (401, "no or wrong credentials"),
    "bad_signature": (401, "the webhook signature is missing, wrong or too old"),
    "forbidden": (403, "the caller may not do this"),
    "bad_origin": (403, "a browser on another site sent this"),
    "bad_host": (403, "no authentication, and `Host` is not a known name of this service"),
    "not_found": (404, "the object or the path does not exist"),
    "method_not_allowed": (405, "the path exists, the method does not"),
    "timeout": (408, "the body did not arrive in time"),
    "duplicate": (409, "an identical event has ended already"),
    "conflict": (409, "it was changed meanwhile, or exists already"),
    "not_possible": (409, "it cannot be done now; the message says why"),
    "configured": (409, "it comes from the configuration files and is changed there"),
    "engine_disabled": (409, "correlation is disabled"),
    "stale_version": (412, "If-Match names an older version"),
    "key_in_use": (409, "another request with this Idempotency-Key is in progress"),
    "too_large": (413, "the body or the number of items is over the limit"),
    "bad_media_type": (415, "the body must be application/json"),
    "bad_field": (422, "a field is missing, unknown or has the wrong type; `field` names it"),
    "key_reused": (422, "this Idempotency-Key was used with another request"),
    "guardrail": (422, "a guardrail refused; `errors` gives each limit and value"),
    "rate_limited": (429, "too many requests from this client"),
    "throttled": (429, "too many failed logins or wrong signatures"),
    "internal": (500, "an error of the server; the log has the request id"),
    "unavailable": (503, "the database is unreachable or a queue is full; nothing was stored"),
    "too_slow": (503, "no answer within `http.request_timeout_seconds`; it may still happen"),
    "not_ready": (503, "the daemon has not loaded its rules yet, or is stopping"),
    "adapter_misconfigured": (503, "the adapter's secret is not set"),
}


def bad_request(message: str, field: str | None = None) -> ApiError:
    return ApiError(400, "bad_request", message, field=field)


def not_found(what: str, field: str | None = None) -> ApiError:
    return ApiError(404, "not_found", f"{what} not found", field=field)


def refused(reasons: Sequence[Refusal]) -> ApiError:
    """422 with every guardrail that refused, each with its limit and value."""
    texts = [f"{reason.code}: {reason.text}" for reason in reasons]
    first = reasons[0].text if reasons else "refused"
    return ApiError(422, "guardrail", f"guardrail violation: {first}", errors=texts)


def unavailable(error: StoreUnavailable | Busy) -> ApiError:
    """The driver's message names tables, users and files: it is for the log alone."""
    message = str(error) if isinstance(error, Busy) else error.summary
    return ApiError(503, "unavailable", message, retry_after_s=max(1, error.retry_after_s))


_GRANTS: Final = frozenset({"permissions", "role", "sources", "networks", "lifetime"})


def conflict(error: Conflict) -> ApiError:
    if error.what in _GRANTS:
        message = f"forbidden: the {error.what} asked for or changed is more than you have"
        return ApiError(403, "forbidden", message, field=error.what)
    return ApiError(409, "conflict", f"the {error.what} was changed or exists already")


def rate_limited(wait_s: float, code: str = "rate_limited") -> ApiError:
    message, seconds = _wait(wait_s)
    return ApiError(429, code, message, retry_after_s=seconds)


class RateLimited(ApiError):
    """The rate limit of an `address` or an `actor` is used up."""

    def __init__(self, wait_s: float, budget: str) -> None:
        message, seconds = _wait(wait_s)
        super().__init__(429, "rate_limited", message, retry_after_s=seconds)
        self.budget = budget


class LoginFailed(ApiError):
    """A `wrong` user name or password; or `throttled` after too many of them."""

    def __init__(self, wait_s: float = 0.0) -> None:
        if wait_s > 0:
            message, seconds = _wait(wait_s)
            super().__init__(429, "throttled", message, retry_after_s=seconds)
        else:
            super().__init__(401, "unauthorized", "wrong user name or password")
        self.reason = "throttled" if wait_s > 0 else "wrong"


def _wait(wait_s: float) -> tuple[str, int]:
    seconds = max(1, -int(-wait_s // 1))
    return f"too many requests; try again in {seconds} s", seconds


_AT = re.compile(r" - at `(?P<path>[^`]*)`$")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")


_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")


def wrong_shape(error: msgspec.ValidationError, shape: object = None) -> ApiError:
    """Well-formed JSON of the wrong shape: 422 and the path of the first wrong field. An unknown
    member is answered with the nearest one of `shape`, or all of them."""
    text = str(error)
    found = _AT.search(text)
    path = found.group("path").removeprefix("$").removeprefix(".") if found else ""
    message = _AT.sub("", text)
    path = path.removeprefix("[...]").removeprefix(".")
    unknown = _UNKNOWN.search(message)
    if unknown and isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return _unknown_member(unknown.group("name"), shape)
    missing = _MISSING.search(message)
    if missing:
        path = f"{path}.{missing.group('name')}" if path else missing.group("name")
    where = f"{path}: " if path else ""
    return ApiError(422, "bad_field", f"{where}{message}".replace("`", "'"), field=path or None)


def _unknown_member(name: str, shape: type[msgspec.Struct]) -> ApiError:
    known = shape.__struct_encode_fields__
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    shown = name[:60]
    return ApiError(422, "bad_field", f"unknown member {shown!r}: {hint}", field=shown)


def wrong_json(why: str) -> ApiError:
    return ApiError(400, "bad_json", f"invalid JSON: {why}")
