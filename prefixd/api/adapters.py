"""The webhook adapters in force, and how their senders prove who they are.

Adapters are compiled once per load and held in one mutable place, because a reload swaps the whole
set in one assignment while handlers keep the object they were built with. Senders sign their
messages instead of sending a token; an address with too many wrong signatures has to wait.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefixd.api.problem import ApiError, rate_limited
from prefixd.api.route import Call
from prefixd.auth.throttle import Attempts, RateLimiter
from prefixd.domain.prefix import Prefix
from prefixd.signals.settings import SignalSettings, WebhookAuth
from prefixd.signals.verify import Denied, Fault, Request, Verified, verify
from prefixd.signals.webhook_compile import CompiledAdapter

WRONG, WINDOW_S = 5, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One webhook: what it reads, from where, and how much of it."""

    compiled: CompiledAdapter
    allow_from: tuple[Prefix, ...]
    limiter: RateLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSet:
    settings: SignalSettings
    webhooks: Mapping[str, Adapter]
    secrets: Callable[[Sequence[str]], Sequence[str]] = field(repr=False)
    """References such as `env:NAME` to what they stand for; unset ones are left out."""


class LiveAdapters:
    """`current` is swapped by a reload."""

    __slots__ = ("current",)

    def __init__(self, current: AdapterSet) -> None:
        self.current = current


def adapter_of(compiled: CompiledAdapter) -> Adapter:
    """The networks were checked when the file was loaded; an invalid one is left out."""
    networks = [Prefix.parse(text) for text in compiled.settings.allow_from]
    rate = compiled.settings.rate_per_s
    return Adapter(
        compiled=compiled,
        allow_from=tuple(network for network in networks if network is not None),
        limiter=RateLimiter(rate, max(rate, 1) * 2),
    )


class WebhookAuthenticator:
    """Wrong signatures are counted by address, for all signed routes together."""

    def __init__(self) -> None:
        self._wrong = Attempts(WRONG, WINDOW_S)

    def check_address(self, call: Call[Any, Any]) -> None:
        """Before the body is read."""
        wait_s = self._wrong.wait_s(call.address, call.services.clock.monotonic())
        if wait_s > 0:
            raise rate_limited(wait_s, "throttled")

    def check(
        self, call: Call[Any, Any], request: Request, auth: WebhookAuth, secrets: Sequence[str]
    ) -> Verified:
        answer = verify(request, auth, secrets, call.services.clock.now_us())
        if isinstance(answer, Denied):
            raise self.denied(call, answer)
        return answer

    def denied(self, call: Call[Any, Any], answer: Denied) -> ApiError:
        if answer.fault is Fault.MISCONFIGURED:
            return ApiError(503, "adapter_misconfigured", "the adapter's secret is not set")
        self._wrong.failed(call.address, call.services.clock.monotonic())
        return ApiError(401, "bad_signature", f"the signature or secret is {answer.fault}")


def signed_request(call: Call[Any, Any], raw: bytes) -> Request:
    """What a signature covers. Bytes that are not text cannot be part of a valid secret."""
    headers = call.request.headers.items()
    return Request(
        headers=tuple((name, value.encode("utf-8", "replace").decode()) for name, value in headers),
        query=tuple(call.request.query.items()),
        body=raw,
    )
