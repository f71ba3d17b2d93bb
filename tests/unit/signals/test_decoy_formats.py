"""How a decoy sensor reports: webhook and JSON line, their times, and what is dropped."""

import pytest

from prefixd.domain.problem import Problem
from prefixd.domain.signal import Ignored
from prefixd.signals.coerce import time_us
from prefixd.signals.decoy import (
    Meaning,
    Observation,
    Transport,
    hint,
)
from prefixd.signals.decoy_formats import decode_json_line, decode_webhook
from prefixd.signals.json_value import JsonValue
from prefixd.signals.settings import DeceptionSettings

NOW = time_us("2026-11-20T09:15:40Z") or 0
SENSOR = DeceptionSettings(name="decoys-ams", decoys=("192.0.2.128/26",))
WEBHOOK = {
    "id": "8d0f8b526f0c4d4a9a542f6f6f0a9b11", "topic": "attacker.observed", "type": "observed",
    "ts": "2026-11-20T09:15:30.250000+00:00", "v": 1,
    "payload": {"attacker_ip": "198.51.100.23", "decky": "web-03", "event_type": "auth_attempt",
                "first_seen": "2026-11-20T09:15:30.250000+00:00", "service": "ssh"},
}  # fmt: skip


def line(app: str, msgid: str, fields: dict[str, str], decoy: str = "ns-decoy-01") -> JsonValue:
    return {
        "timestamp": "2026-11-20T09:15:31+00:00", "decky": decoy, "service": app,
        "event_type": msgid, "fields": fields,
    }  # fmt: skip


def test_events_of_the_sensor_itself_are_ignored():
    own = line("ssh", "command", {"src": "203.0.113.9"}, decoy="decnet-prober")
    assert isinstance(decode_json_line(own, SENSOR, NOW), Ignored)
    assert isinstance(decode_json_line(line("correlator", "x", {"a": "b"}), SENSOR, NOW), Ignored)


@pytest.mark.parametrize("shift_s", [-301, 31])
def test_reports_from_another_time_are_left_out(shift_s):
    text = line("dns", "amp_probe", {"src": "203.0.113.9"})
    at_us = time_us("2026-11-20T09:15:31Z") or 0
    assert isinstance(decode_json_line(text, SENSOR, at_us - shift_s * 1_000_000), Ignored)
    assert isinstance(decode_json_line(text, SENSOR, at_us), Observation)


def test_the_webhook_knows_that_but_not_how_much():
    found = decode_webhook(WEBHOOK, SENSOR, NOW)
    assert isinstance(found, Observation)
    assert (found.meaning, found.transport, found.confidence) == (
        Meaning.SOURCE_SEEN, Transport.TCP, 0.1,
    )  # fmt: skip
    assert found.dedup_key == "id:8d0f8b526f0c4d4a9a542f6f6f0a9b11"
    body = {**WEBHOOK["payload"], "service": "dns", "event_type": "amp_probe"}
    log = {**WEBHOOK, "topic": "system.log", "payload": body}
    summary = decode_webhook(log, SENSOR, NOW)
    assert isinstance(summary, Observation)
    assert (summary.spoofable, summary.confidence) == (True, pytest.approx(0.175))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"topic": "credential.captured"}, Ignored),
        ({"topic": "future.topic"}, Ignored),
        ({"topic": ""}, Problem),
        ({"topic": "a..b"}, Problem),
        ({"topic": "a b"}, Problem),
        ({"topic": "a.>"}, Problem),
        ({"topic": ".".join("a" * 17)}, Problem),
        ({"id": ""}, Problem),
        ({"ts": "soon"}, Problem),
        ({"payload": None}, Observation),
    ],
)
def test_envelopes(changes, kind):
    assert isinstance(decode_webhook({**WEBHOOK, **changes}, SENSOR, NOW), kind)


def test_the_exact_time_of_a_json_line_is_in_the_line_it_quotes():
    quoted = "<134>1 2026-11-20T09:15:31.120000+00:00 ns-decoy-01 dns - flood_suspect -"
    payload = {
        "timestamp": "2026-11-20 09:15:33", "decky": "ns-decoy-01", "service": "dns",
        "event_type": "flood_suspect", "attacker_ip": "203.0.113.9", "raw_line": quoted,
        "fields": {"src": "203.0.113.9", "qps": "612", "window_sec": "10.0", "x": "None"},
    }  # fmt: skip
    found = decode_json_line(payload, SENSOR, NOW)
    assert isinstance(found, Observation)
    assert found.at_us == time_us("2026-11-20T09:15:31.12Z")
    plain = decode_json_line({**payload, "raw_line": ""}, SENSOR, NOW)
    assert isinstance(plain, Observation)
    assert plain.at_us == time_us("2026-11-20T09:15:33Z")


def test_planted_secrets_are_found_nowhere_afterwards():
    planted = "hunter2-planted"
    fields = {"src": "203.0.113.9", "community": planted, "secret_printable": planted,
              "username": planted, "principal": planted, "cmd": planted}  # fmt: skip
    payload = {
        "timestamp": "2026-11-20 09:15:33",
        "decky": "d",
        "service": "snmp",
        "event_type": "get_request",
        "fields": fields,
        "raw_line": f"<134>1 2026-11-20T09:15:33Z d snmp - get_request - {planted}",
        "msg": planted,
    }
    ended = {
        **WEBHOOK,
        "topic": "attacker.session.ended",
        "payload": {**WEBHOOK["payload"], "commands": [planted], "headers": planted},
    }
    for found in (
        decode_json_line(payload, SENSOR, NOW),
        decode_webhook(ended, SENSOR, NOW),
    ):
        assert isinstance(found, Observation)
        assert planted not in repr(found)
        said = hint([found], SENSOR, NOW)
        assert said is None or planted not in repr(said)
