"""What a person's dashboard keeps quiet about."""

from collections.abc import Sequence

import msgspec

from prefixd.api.problem import ApiError, bad_request
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.auth.accounts import Accounts
from prefixd.domain.account import Preferences
from prefixd.domain.actor import Actor


class PreferencesBody(msgspec.Struct):
    muted_events: list[str] = []
    quiet_hours_start: int | None = None
    quiet_hours_end: int | None = None


class PreferenceRoutes:
    def __init__(self, accounts: Accounts, alert_events: frozenset[str]) -> None:
        self._accounts = accounts
        self._alert_events = alert_events

    async def get_preferences(self, call: Call[None, NoQuery]) -> Reply:
        found = await self._accounts.preferences(_own_id(call.actor))
        return Reply(
            PreferencesBody(
                list(found.muted_events), found.quiet_hours_start, found.quiet_hours_end
            )
        )

    async def put_preferences(self, call: Call[PreferencesBody, NoQuery]) -> Reply:
        body, owner = call.body, _own_id(call.actor)
        unknown = sorted(set(body.muted_events) - self._alert_events)
        if unknown:
            raise bad_request(f"{unknown[0][:60]!r} is no alert event", "muted_events")
        hours = (body.quiet_hours_start, body.quiet_hours_end)
        if (hours[0] is None) != (hours[1] is None):
            raise bad_request("give both quiet hours or neither", "quiet_hours_start")
        if any(hour is not None and not 0 <= hour <= 23 for hour in hours):
            raise bad_request("quiet hours lie between 0 and 23 (UTC)", "quiet_hours_start")
        await self._accounts.put_preferences(
            owner,
            Preferences(
                muted_events=tuple(body.muted_events),
                quiet_hours_start=hours[0],
                quiet_hours_end=hours[1],
            ),
        )
        return Reply(status=200)

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                method="GET", path="/v1/preferences", handle=self.get_preferences,
                summary="What my dashboard keeps quiet about", tag="accounts", permission=None,
                signed_in=True, replies={200: PreferencesBody}, errors=("conflict",),
            ),
            Route(
                method="PUT", path="/v1/preferences", handle=self.put_preferences,
                summary="Change it", tag="accounts", permission=None, signed_in=True,
                body=PreferencesBody, replies={200: None}, errors=("bad_request", "conflict"),
            ),
        )  # fmt: skip


def _own_id(actor: Actor) -> str:
    if actor.operator_id is None:
        message = f"{actor.name} is no operator of its own and has no preferences"
        raise ApiError(409, "conflict", message)
    return actor.operator_id
