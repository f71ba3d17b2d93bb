"""`POST /v1/config/alerting/test`: does the message really arrive?

One harmless message goes to each destination, or to the one named, past filters and queues, and
the answer says what came of it: a word and a sentence of ours, never the other side's reply.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from prefixd.api.problem import not_found
from prefixd.api.reply import Reply
from prefixd.api.route import Call, Route
from prefixd.domain.actor import Permission


class Outcome(Protocol):
    @property
    def destination(self) -> str: ...
    @property
    def error(self) -> str | None:
        """None: it arrived."""
        ...


class AlertTester(Protocol):
    async def test(self, destination: str | None) -> Sequence[Outcome]:
        """Every destination, or the one with that id; none when there is no such id."""
        ...


class TestQuery(msgspec.Struct, kw_only=True):
    destination: str | None = None


class TestResult(msgspec.Struct):
    destination: str
    status: str
    error: str | None


class TestResults(msgspec.Struct):
    results: list[TestResult]


class AlertRoutes:
    def __init__(self, tester: AlertTester) -> None:
        self._tester = tester

    async def test(self, call: Call[None, TestQuery]) -> Reply:
        wanted = call.query.destination
        found = await self._tester.test(wanted)
        if wanted is not None and not found:
            raise not_found(f"alert destination {wanted[:60]!r}")
        rows = [
            TestResult(each.destination, "ok" if each.error is None else "error", each.error)
            for each in found
        ]
        return Reply(TestResults(rows))

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                method="POST", path="/v1/config/alerting/test", handle=self.test,
                summary="Send a test message", tag="configuration", query=TestQuery,
                permission=Permission.CONFIGURE, replies={200: TestResults}, errors=("not_found",),
            ),
        )  # fmt: skip
