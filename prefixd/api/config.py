"""The configuration in use, with its secrets masked; changing parts of it; reloading it.

A change is validated whole, written to its file atomically (the old one kept as `.bak`) and then
applied like any reload. `If-Match` with the version that was read refuses to overwrite a change
that was made since.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from prefixd.api.problem import ApiError, not_found
from prefixd.api.render import format_time
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.actor import Actor, Permission
from prefixd.engine.answers import ReloadAnswer

View = Mapping[str, Any]


class ConfigRejectedError(Exception):
    """The new text is invalid; nothing was changed. One line per problem."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


class StaleVersionError(Exception):
    """The part was changed after it was read."""


class ConfigFiles(Protocol):
    """What the routes below need from the owner of the files."""

    def view(self, part: str) -> View:
        """`settings`, `inventory`, `playbooks`, `correlation` or `alerting`, redacted."""
        ...

    def version(self, part: str) -> str: ...

    async def put(self, part: str, value: object, if_match: str | None, actor: Actor) -> None:
        """Raises ConfigRejectedError or StaleVersionError."""
        ...

    async def reload(self, actor: Actor) -> ReloadAnswer:
        """Raises ConfigRejectedError."""
        ...


class Reloaded(msgspec.Struct):
    reloaded: list[str]
    timestamp: str
    restart_needed: list[str]


class ConfigRoutes:
    def __init__(self, files: ConfigFiles) -> None:
        self._files = files

    async def settings(self, _call: Call[None, NoQuery]) -> Reply:
        return self._shown("settings")

    async def inventory(self, _call: Call[None, NoQuery]) -> Reply:
        return self._shown("inventory")

    async def playbooks(self, _call: Call[None, NoQuery]) -> Reply:
        return self._shown("playbooks")

    async def correlation(self, _call: Call[None, NoQuery]) -> Reply:
        return self._shown("correlation")

    async def alerting(self, _call: Call[None, NoQuery]) -> Reply:
        return self._shown("alerting")

    async def put_playbooks(self, call: Call[Any, NoQuery]) -> Reply:
        return await self._put("playbooks", call)

    async def put_correlation(self, call: Call[Any, NoQuery]) -> Reply:
        return await self._put("correlation", call)

    async def put_alerting(self, call: Call[Any, NoQuery]) -> Reply:
        return await self._put("alerting", call)

    async def reload(self, call: Call[None, NoQuery]) -> Reply:
        try:
            answer = await self._files.reload(call.actor)
        except ConfigRejectedError as error:
            raise _rejected(error) from error
        timestamp = format_time(answer.loaded_at_us)
        return Reply(Reloaded(list(answer.changed), timestamp, list(answer.restarts)))

    def _shown(self, part: str) -> Reply:
        etag = f'"{self._files.version(part)}"'
        return Reply(self._files.view(part), etag=etag)

    async def _put(self, part: str, call: Call[Any, NoQuery]) -> Reply:
        given = call.request.headers.get("If-Match")
        if_match = None if given in {None, "*"} else str(given).strip('"')
        try:
            await self._files.put(part, call.body, if_match, call.actor)
        except ConfigRejectedError as error:
            raise _rejected(error) from error
        except StaleVersionError as error:
            message = f"{part} was changed since you read it: read it again"
            raise ApiError(412, "stale_version", message) from error
        return self._shown(part)

    def routes(self) -> Sequence[Route]:
        reads = {
            "settings": self.settings,
            "inventory": self.inventory,
            "playbooks": self.playbooks,
            "correlation": self.correlation,
            "alerting": self.alerting,
        }
        writes = {
            "playbooks": self.put_playbooks,
            "correlation": self.put_correlation,
            "alerting": self.put_alerting,
        }
        shown = dict[str, Any]
        return (
            *(
                Route(
                    method="GET", path=f"/v1/config/{part}", handle=handle,
                    summary=f"The {part} in use, secrets masked", tag="configuration",
                    replies={200: shown, 304: None},
                )
                for part, handle in reads.items()
            ),
            *(
                Route(
                    method="PUT", path=f"/v1/config/{part}", handle=handle,
                    summary=f"Replace the {part}", tag="configuration",
                    permission=Permission.CONFIGURE, body=dict[str, Any],
                    replies={200: shown, 304: None}, errors=("bad_config", "stale_version"),
                    description="`If-Match` with the ETag that was read prevents overwriting.",
                )
                for part, handle in writes.items()
            ),
            Route(
                method="POST", path="/v1/config/reload", handle=self.reload,
                summary="Reload the files", tag="configuration",
                permission=Permission.CONFIGURE, replies={200: Reloaded}, errors=("bad_config",),
            ),
        )  # fmt: skip


def _rejected(error: ConfigRejectedError) -> ApiError:
    count = len(error.errors)
    message = f"{count} problem{'s' if count != 1 else ''}: {error.errors[0]}"
    return ApiError(400, "bad_config", message, errors=error.errors)


class Outcome(Protocol):
    @property
    def destination(self) -> str: ...
    @property
    def error(self) -> str | None:
        """None: it was delivered."""
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
