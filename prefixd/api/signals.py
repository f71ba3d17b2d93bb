"""What other tools send in their own format: Alertmanager, FastNetMon, any webhook, corroborators.

Each payload becomes signals through its adapter and goes the way native events go. One element that
cannot be read does not affect the others: the reply has a line for each. A webhook has a secret of
its own, checked over the bytes as received; an unknown and a disabled adapter get the same reply.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec

from prefixd.api import shapes
from prefixd.api.adapters import Adapter, LiveAdapters, WebhookAuthenticator, signed_request
from prefixd.api.body import check_media_type, decode_any, read_body
from prefixd.api.decoys import DecoyRoutes
from prefixd.api.events import (
    NOT_A_SOURCE,
    event_reply,
    may_say,
    reading_for,
    refusal_of,
    status_of,
    wrong_event,
)
from prefixd.api.problem import ApiError, not_found, rate_limited
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.domain.actor import Actor, ActorKind, Permission
from prefixd.domain.prefix import Address
from prefixd.domain.problem import Problem
from prefixd.domain.record import Outcome
from prefixd.domain.signal import Signal
from prefixd.engine.answers import IngestAnswer
from prefixd.signals.alertmanager import SOURCE as ALERTMANAGER
from prefixd.signals.alertmanager import read_alertmanager
from prefixd.signals.corroborator import read_corroborator
from prefixd.signals.fastnetmon import SOURCE as FASTNETMON
from prefixd.signals.fastnetmon import read_fastnetmon, text_document
from prefixd.signals.json_value import JsonValue
from prefixd.signals.reading import Heartbeat, Read
from prefixd.signals.settings import AuthType
from prefixd.signals.verify import Denied, verify_body_secret
from prefixd.signals.webhook import read_webhook

REPLAYS = 4096


class Result(msgspec.Struct, kw_only=True, omit_defaults=True):
    index: int
    status: str
    event_id: str | None = None
    mitigation_id: str | None = None
    group_id: str | None = None
    outcome: str | None = None
    reason: str | None = None
    error: str | None = None


class Results(msgspec.Struct, kw_only=True):
    processed: int
    failed: int
    results: list[Result]


class CorroboratorReply(msgspec.Struct):
    signal_id: str
    status: str
    attached_group_ids: list[str]


class FastNetMonQuery(msgspec.Struct, kw_only=True):
    """In text mode the arguments of the notify script."""

    format: str = "json"
    ip: str = ""
    direction: str = ""
    power: str = ""
    action: str = ""


class SignalRoutes:
    def __init__(self, adapters: LiveAdapters) -> None:
        self._adapters = adapters
        self._answered: OrderedDict[str, bytes] = OrderedDict()
        self._authenticator = WebhookAuthenticator()

    async def alertmanager(self, call: Call[Any, NoQuery]) -> Reply:
        settings = self._adapters.current.settings
        found = read_alertmanager(call.body, settings.alertmanager, reading_for(call, ALERTMANAGER))
        if isinstance(found, Problem):
            raise _whole_body(found)
        _is_alive(call, ALERTMANAGER, found, call.actor)
        return Reply(await _ingest_each(call, found, call.actor))

    async def fastnetmon(self, call: Call[bytes, FastNetMonQuery]) -> Reply:
        settings = self._adapters.current.settings
        document = _fastnetmon_document(call)
        found = read_fastnetmon(document, settings.fastnetmon, reading_for(call, FASTNETMON))
        if isinstance(found, Problem):
            raise _whole_body(found)
        _is_alive(call, FASTNETMON, found, call.actor)
        if len(found) != 1:
            return Reply(await _ingest_each(call, found, call.actor), status=202)
        (read,) = found
        if isinstance(read, Problem):
            raise _whole_body(read)
        if not isinstance(read, Signal):
            return Reply(_ignored(read), status=202)
        wrong = may_say(read, call.actor)
        if wrong is not None:
            raise wrong_event((wrong,))
        (answer,) = await call.services.engine.ingest([read], call.actor)
        refusal = refusal_of(answer)
        if refusal is not None:
            raise refusal
        return Reply(event_reply(answer), status=202)

    async def webhook(self, call: Call[Any, NoQuery]) -> Reply:
        """Order matters: who, from where, how often; only then is the body parsed."""
        name = call.path["name"]
        adapter = self._adapters.current.webhooks.get(name)
        if adapter is None or not adapter.compiled.settings.enabled:
            raise not_found(f"webhook {name[:64]!r}")
        _check_network(adapter, call.address)
        self._authenticator.check_address(call)
        wait_s = adapter.limiter.take("all", call.services.clock.monotonic())
        if wait_s > 0:
            raise rate_limited(wait_s)
        raw = await read_body(call.request)
        actor, replay_key = await self._proved(call, adapter, raw)
        if replay_key and replay_key in self._answered:
            return Reply(self._answered[replay_key])
        payload = decode_any(raw)
        self._check_body_secret(call, adapter, payload)
        found = read_webhook(payload, adapter.compiled, reading_for(call, name))
        if isinstance(found, Problem):
            raise _whole_body(found)
        _is_alive(call, name, found, actor)
        results = await _ingest_each(call, found, actor)
        body = msgspec.json.encode(results)
        if replay_key:
            self._answered[replay_key] = body
            while len(self._answered) > REPLAYS:
                self._answered.popitem(last=False)
        all_failed = results.processed == 0 and results.failed > 0
        bad = all_failed and not adapter.compiled.settings.always_200
        return Reply(body, status=422 if bad else 200)

    async def corroborator(self, call: Call[Any, NoQuery]) -> Reply:
        correlation = call.services.engine.snapshot.rules.correlation
        if not correlation.enabled:
            raise ApiError(409, "engine_disabled", "correlation is disabled")
        members = call.body if isinstance(call.body, dict) else {}
        reading = reading_for(call, members.get("source"))
        found = read_corroborator(call.body, reading, correlation.window_s)
        if isinstance(found, tuple):
            raise wrong_event(found)
        if not call.actor.may_speak_for(found.source):
            problem = Problem("source", "this token may not report as that source", "forbidden")
            raise wrong_event((problem,))
        answer = await call.services.engine.corroborate(found, call.actor)
        if answer.outcome is Outcome.ERROR:
            raise ApiError(400, "bad_request", answer.reason, field="source")
        status = "attached" if answer.attached else "cached"
        return Reply(CorroboratorReply(answer.signal_id, status, list(answer.attached)))

    async def _proved(
        self, call: Call[Any, NoQuery], adapter: Adapter, raw: bytes
    ) -> tuple[Actor, str]:
        settings, auth = adapter.compiled.settings, adapter.compiled.settings.auth
        if auth.type is AuthType.BEARER and not auth.secret_refs:
            actor = await call.services.authenticator.actor_of(call.request, call.address)
            if actor is None or not actor.may(Permission.INGEST):
                raise ApiError(401, "unauthorized", "unauthorized: send a token that may report")
            return actor, ""
        request = signed_request(call, raw)
        secrets = self._adapters.current.secrets(auth.secret_refs)
        answer = self._authenticator.check(call, request, auth, secrets)
        key = f"{settings.name}|{answer.replay_key}" if answer.replay_key else ""
        detector = Actor(
            kind=ActorKind.DETECTOR,
            name=f"webhook/{settings.name}",
            permissions=frozenset({Permission.INGEST}),
        )
        return detector, key

    def _check_body_secret(
        self, call: Call[Any, Any], adapter: Adapter, payload: JsonValue
    ) -> None:
        path, auth = adapter.compiled.body_secret, adapter.compiled.settings.auth
        if path is None or auth.type is not AuthType.BODY_SECRET:
            return
        secrets = self._adapters.current.secrets(auth.secret_refs)
        answer = verify_body_secret(payload, path, secrets)
        if isinstance(answer, Denied):
            raise self._authenticator.denied(call, answer)

    def routes(self) -> Sequence[Route]:
        ingest = Permission.INGEST
        return (
            Route(
                method="POST", path="/v1/signals/alertmanager", handle=self.alertmanager,
                summary="Prometheus Alertmanager or Grafana webhook", tag="signals",
                permission=ingest, body=dict[str, Any], loose=True, replies={200: Results},
                errors=("bad_request",),
            ),
            Route(
                method="POST", path="/v1/signals/fastnetmon", handle=self.fastnetmon,
                summary="FastNetMon notification", tag="signals", permission=ingest, body=bytes,
                query=FastNetMonQuery, replies={202: (shapes.EventReply, Results)},
                errors=(
                    "bad_json", "bad_media_type", "bad_request", "bad_field", *NOT_A_SOURCE,
                    "duplicate", "guardrail",
                ),
                description="JSON as FastNetMon writes it; or, with `format=text`, the report its "
                "notify script gets on standard input and the script's arguments as parameters.",
            ),
            Route(
                method="POST", path="/v1/signals/corroborator", handle=self.corroborator,
                summary="Evidence about a place in the network", tag="signals",
                permission=ingest, body=dict[str, Any], loose=True,
                replies={200: CorroboratorReply}, errors=("bad_request", "engine_disabled"),
            ),
            Route(
                method="POST", path="/v1/signals/webhook/{name}", handle=self.webhook,
                summary="Any tool, mapped by configuration", tag="signals", permission=None,
                replies={200: Results, 422: Results},
                errors=(
                    "not_found", "unauthorized", "bad_signature", "forbidden", "bad_json",
                    "bad_body", "bad_request", "timeout", "too_large", "throttled", "unavailable",
                    "adapter_misconfigured",
                ),
                description="The adapter's own authentication applies, not the service's.",
            ),
            *DecoyRoutes(self._adapters, self._authenticator).routes(),
        )  # fmt: skip


def _fastnetmon_document(call: Call[bytes, FastNetMonQuery]) -> JsonValue:
    query = call.query
    if query.format == "json":
        check_media_type(call.request)
        return decode_any(call.body)
    if query.format != "text":
        raise ApiError(400, "bad_query", "format must be json or text", field="format")
    return text_document(
        address=query.ip,
        direction=query.direction,
        power=query.power,
        action=query.action,
        report=call.body.decode("utf-8", "replace"),
    )


def _is_alive(call: Call[Any, Any], source: str, found: Sequence[Read], actor: Actor) -> None:
    """Anything that could be read shows that the source is alive, even a heartbeat."""
    for voice in {source, *(read.source for read in found if isinstance(read, Heartbeat))}:
        if actor.may_speak_for(voice):
            call.services.heard(voice)


async def _ingest_each(call: Call[Any, Any], found: Sequence[Read], actor: Actor) -> Results:
    refused = {
        index: may_say(read, actor) for index, read in enumerate(found) if isinstance(read, Signal)
    }
    good = [
        read
        for index, read in enumerate(found)
        if isinstance(read, Signal) and refused[index] is None
    ]
    answers = iter(await call.services.engine.ingest(good, actor) if good else [])
    results: list[Result] = []
    for index, read in enumerate(found):
        if isinstance(read, Signal):
            problem = refused[index]
            results.append(
                _answered(index, next(answers))
                if problem is None
                else Result(index=index, status="error", error=str(problem))
            )
        elif isinstance(read, Problem):
            results.append(Result(index=index, status="error", error=str(read)))
        else:
            reason = "heartbeat" if isinstance(read, Heartbeat) else read.reason
            results.append(Result(index=index, status="ignored", reason=reason))
    failed = sum(result.status == "error" for result in results)
    return Results(processed=len(results) - failed, failed=failed, results=results)


def _answered(index: int, answer: IngestAnswer) -> Result:
    return Result(
        index=index,
        status=_item_status(answer),
        event_id=answer.signal_id,
        mitigation_id=answer.mitigation_id,
        group_id=answer.group_id,
        outcome=answer.outcome,
        reason=answer.reason,
        error=answer.reason if answer.outcome is Outcome.ERROR else None,
    )


def _item_status(answer: IngestAnswer) -> str:
    """`held` where the group is held: readers of a list look at the status alone."""
    status = status_of(answer)
    return "held" if answer.outcome is Outcome.HELD and status == "accepted" else status


def _ignored(read: Read) -> Results:
    reason = "heartbeat" if isinstance(read, Heartbeat) else getattr(read, "reason", "")
    return Results(
        processed=1, failed=0, results=[Result(index=0, status="ignored", reason=reason)]
    )


def _whole_body(problem: Problem) -> ApiError:
    if problem.code == "too_large":
        return ApiError(413, "too_large", str(problem), field=problem.field or None)
    return ApiError(400, "bad_request", str(problem), field=problem.field or None)


def _check_network(adapter: Adapter, address: str) -> None:
    if not adapter.allow_from:
        return
    found = Address.parse(address)
    if found is None or not any(network.contains(found) for network in adapter.allow_from):
        raise ApiError(403, "forbidden", "this address may not use the adapter")
