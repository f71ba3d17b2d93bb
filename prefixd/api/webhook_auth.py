"""Senders that sign their messages instead of carrying a token: checked, and slowed when wrong."""

from collections.abc import Sequence
from typing import Any

from prefixd.api.problem import ApiError, rate_limited
from prefixd.api.route import Call
from prefixd.auth.throttle import Attempts
from prefixd.signals.settings import WebhookAuth
from prefixd.signals.verify import Denied, Fault, Request, Verified, verify

WRONG, WINDOW_S = 5, 60.0


class Proofs:
    """Wrong signatures are counted by address, for all signed routes together."""

    def __init__(self) -> None:
        self._wrong = Attempts(WRONG, WINDOW_S)

    def check_address(self, call: Call[Any, Any]) -> None:
        """Before anything of the body is read."""
        wait_s = self._wrong.wait_s(call.address, call.services.clock.monotonic())
        if wait_s > 0:
            raise rate_limited(wait_s, "throttled")

    def prove(
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
    """What there is to verify. Octets that are no text cannot be part of a right secret."""
    headers = call.request.headers.items()
    return Request(
        headers=tuple((name, value.encode("utf-8", "replace").decode()) for name, value in headers),
        query=tuple(call.request.query.items()),
        body=raw,
    )
