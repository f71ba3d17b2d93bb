"""Decoy sensors report here: signed summaries of traffic to addresses that run no service.

The sender stops for good after five failures, so a report that we ignore is a success too. Only a
wrong signature and a malformed report are refused.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec

from prefixd.api.adapters import LiveAdapters, WebhookAuthenticator, signed_request
from prefixd.api.body import decode_any, read_body
from prefixd.api.problem import ApiError, not_found
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.actor import Actor, ActorKind, Permission
from prefixd.domain.problem import Problem
from prefixd.domain.record import Outcome
from prefixd.signals.decoy import ADAPTER, Observation, Sightings, hint
from prefixd.signals.decoy_formats import WEBHOOK_AUTH, decode_report
from prefixd.signals.settings import DeceptionSettings

LARGEST = 256 * 1024
REMEMBERED = 8192


class Sighting(msgspec.Struct, kw_only=True, omit_defaults=True):
    status: str
    id: str | None = None
    kind: str | None = None
    reason: str | None = None


class DecoyRoutes:
    def __init__(self, adapters: LiveAdapters, authenticator: WebhookAuthenticator) -> None:
        self._adapters = adapters
        self._authenticator = authenticator
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._sightings = Sightings()

    async def report(self, call: Call[Any, NoQuery]) -> Reply:
        sensor = self._sensor(call.path["name"])
        self._authenticator.check_address(call)
        raw = await read_body(call.request)
        if len(raw) > LARGEST:
            raise ApiError(413, "too_large", f"a report has at most {LARGEST} bytes")
        secrets = self._adapters.current.secrets(sensor.webhook_secret_refs)
        self._authenticator.check(call, signed_request(call, raw), WEBHOOK_AUTH, secrets)
        seen = decode_report(decode_any(raw), sensor, call.services.clock.now_us())
        if isinstance(seen, Problem):
            raise ApiError(400, "bad_request", str(seen), field=seen.field or None)
        call.services.heard(f"{ADAPTER}:{sensor.name}")
        if not isinstance(seen, Observation):
            return Reply(Sighting(status="ignored", reason=seen.reason))
        key = f"{sensor.name}|{seen.dedup_key}"
        if key in self._seen:
            return Reply(Sighting(status="duplicate"))
        reply = await self._taken(call, seen, sensor)
        self._seen[key] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return reply

    async def _taken(
        self, call: Call[Any, NoQuery], seen: Observation, sensor: DeceptionSettings
    ) -> Reply:
        engine, now_us = call.services.engine, call.services.clock.now_us()
        victim = seen.source_ip
        if victim is None or hint([seen], sensor, now_us) is None:
            return Reply(Sighting(status="ignored", reason="no victim in this report"))
        if engine.queries.owner_of(victim.host()) is None:
            return Reply(Sighting(status="ignored", reason="the address belongs to no customer"))
        found = hint(self._sightings.add(seen, victim, sensor, now_us), sensor, now_us)
        assert found is not None  # the newest of them is a hint by itself
        actor = Actor(
            kind=ActorKind.DETECTOR,
            name=f"deception/{sensor.name}",
            permissions=frozenset({Permission.INGEST}),
        )
        answer = await engine.corroborate(found, actor)
        if answer.outcome is Outcome.ERROR:
            return Reply(Sighting(status="ignored", reason=answer.reason))
        return Reply(Sighting(status="accepted", id=answer.signal_id, kind=seen.meaning))

    def _sensor(self, name: str) -> DeceptionSettings:
        for sensor in self._adapters.current.settings.deception:
            if sensor.name == name and sensor.enabled:
                return sensor
        raise not_found(f"sensor {name[:64]!r}")

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                method="POST", path="/v1/signals/deception/{name}", handle=self.report,
                summary="Decoy sensor", tag="signals", permission=None, replies={200: Sighting},
                errors=(
                    "not_found", "bad_signature", "bad_json", "bad_body", "bad_request", "timeout",
                    "too_large", "throttled", "unavailable", "adapter_misconfigured",
                ),
                description="The sensor's own signature applies, not the service's authentication.",
            ),
        )  # fmt: skip
