"""The forms in which a decoy sensor reports: signed webhook and JSON line.

Each form is reduced to the few values `prefixd.signals.decoy` needs. The webhook carries
summaries; its signed body is what counts, the time in its header is not covered by the signature
and not looked at. The JSON line's own time has no zone, so the exact one is taken from the line it
quotes. All values of the sensor are text, and Python's `None` in them means absent.
"""

import re
from collections.abc import Mapping
from typing import Final

from prefixd.domain.prefix import Address
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Ignored
from prefixd.signals.coerce import clean_text, time_us
from prefixd.signals.decoy import Observation, observe
from prefixd.signals.json_value import JsonValue, members, text
from prefixd.signals.reading import SECOND_US, address_of
from prefixd.signals.settings import AuthType, DeceptionSettings, WebhookAuth

ABSENT: Final = ("", "None", "-")
TOPIC_TOKENS_MAX: Final = 16
NAME_MAX: Final = 64
_QUOTED_TIME: Final = re.compile(r"<\d{1,3}>1 (\S{1,64}) ")  # how an RFC 5424 line begins

WEBHOOK_AUTH: Final = WebhookAuth(
    type=AuthType.HMAC,
    header="X-DECNET-Signature",
    prefix="sha256=",
    prefix_required=True,
)
"""How the sender signs; `verify` takes it with the sensor's own secrets."""

_ADDRESS_FIELDS: Final = (
    "src_ip", "src", "client_ip", "remote_ip", "remote_addr", "target_ip", "ip",
)  # fmt: skip

Decoded = Observation | Ignored | Problem


def decode_report(payload: JsonValue, settings: DeceptionSettings, received_at_us: int) -> Decoded:
    """What is posted: the sensor's own webhook, or a line of its JSON log, which says more."""
    is_line = isinstance(payload, Mapping) and "topic" not in payload and "event_type" in payload
    decode = decode_json_line if is_line else decode_webhook
    return decode(payload, settings, received_at_us)


def decode_webhook(payload: JsonValue, settings: DeceptionSettings, received_at_us: int) -> Decoded:
    if not isinstance(payload, Mapping):
        return Problem("", "the body must be a JSON object", "bad_type")
    identity = text(payload.get("id")).replace("-", "").casefold()
    topic = text(payload.get("topic"))
    at_us = time_us(payload.get("ts"))
    if not identity or len(identity) > NAME_MAX:
        return Problem("id", "is missing", "missing")
    if not _is_topic(topic):
        return Problem("topic", "invalid topic", "bad_topic")
    if at_us is None:
        return Problem("ts", "invalid time", "bad_time")
    body = members(payload.get("payload"))
    if topic == "attacker.session.ended":
        service, event_type = text(body.get("service")), "session_recorded"
    elif topic in ("attacker.observed", "system.log"):
        service, event_type = text(body.get("service")), text(body.get("event_type"))
    else:
        return Ignored(f"topic {clean_text(topic, NAME_MAX)} is counted only")
    if not _is_current(at_us, settings, received_at_us):
        return Ignored("outside the accepted time")
    seen = observe(
        sensor=settings.name,
        service=clean_text(service, NAME_MAX),
        event_type=clean_text(event_type, NAME_MAX),
        source_ip=Address.parse(text(body.get("attacker_ip"))),
        decoy=clean_text(text(body.get("decky")) or text(body.get("decky_id")), NAME_MAX),
        at_us=at_us,
        fields={},
        summary_only=True,
        dedup_key=f"id:{identity}",
    )
    return Ignored("an event of the sensor itself") if seen is None else seen


def decode_json_line(
    payload: JsonValue, settings: DeceptionSettings, received_at_us: int
) -> Decoded:
    if not isinstance(payload, Mapping):
        return Problem("", "a line must be a JSON object", "bad_type")
    quoted = _QUOTED_TIME.match(text(payload.get("raw_line")))
    at_us = None if quoted is None else time_us(quoted[1])
    if at_us is None:
        at_us = time_us(payload.get("timestamp"))
    if at_us is None:
        return Problem("timestamp", "invalid time", "bad_time")
    fields = {
        name: value
        for name, value in members(payload.get("fields")).items()
        if isinstance(value, str) and value not in ABSENT
    }
    return _event(
        decoy=text(payload.get("decky")),
        service=text(payload.get("service")),
        event_type=text(payload.get("event_type")),
        at_us=at_us,
        fields=fields,
        settings=settings,
        received_at_us=received_at_us,
    )


def _event(
    *,
    decoy: str,
    service: str,
    event_type: str,
    at_us: int,
    fields: Mapping[str, str],
    settings: DeceptionSettings,
    received_at_us: int,
) -> Decoded:
    if not _is_current(at_us, settings, received_at_us):
        return Ignored("outside the accepted time")
    seen = observe(
        sensor=settings.name,
        service=clean_text(service, NAME_MAX),
        event_type=clean_text(event_type, NAME_MAX),
        source_ip=_source(fields),
        decoy=clean_text(decoy, NAME_MAX),
        at_us=at_us,
        fields=fields,
    )
    return Ignored("an event of the sensor itself") if seen is None else seen


def _source(fields: Mapping[str, str]) -> Address | None:
    """The first address field that is there decides; prose is never searched."""
    for name in _ADDRESS_FIELDS:
        if name in fields:
            return address_of(fields[name].strip())
    return None


def _is_topic(topic: str) -> bool:
    tokens = topic.split(".")
    return len(tokens) <= TOPIC_TOKENS_MAX and all(
        token and token.isprintable() and not set(token) & set(" *>") for token in tokens
    )


def _is_current(at_us: int, settings: DeceptionSettings, received_at_us: int) -> bool:
    drift_us = at_us - received_at_us
    return (
        -settings.max_skew_past_s * SECOND_US <= drift_us <= settings.max_skew_future_s * SECOND_US
    )
