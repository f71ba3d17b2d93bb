"""Decoys: what may be believed, what is dropped, and what a hint is worth."""

import json
from dataclasses import asdict, replace

import pytest

from prefixd.domain.problem import Problem
from prefixd.domain.signal import Ignored
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import time_us
from prefixd.signals.decoy import (
    Meaning,
    Observation,
    Transport,
    combined,
    event_key,
    hint,
    unusable,
)
from prefixd.signals.decoy_formats import decode_json_line, decode_webhook
from prefixd.signals.json_value import JsonValue
from prefixd.signals.reading import address_of
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


def seen(app: str, msgid: str, **fields: str) -> Observation:
    found = decode_json_line(line(app, msgid, {"src": "203.0.113.9", **fields}), SENSOR, NOW)
    assert isinstance(found, Observation), found
    return found


@pytest.mark.parametrize(
    ("app", "msgid", "fields", "meaning", "spoofable", "confidence"),
    [
        ("dns", "amp_probe", {"transport": "udp"}, Meaning.REFLECTION_PROBE, True, 0.35),
        ("dns", "amp_probe", {"transport": "tcp"}, Meaning.PROBE, False, 0.1),
        (
            "dns",
            "flood_suspect",
            {"qps": "612", "window_sec": "10.0"},
            Meaning.REFLECTION_FLOOD,
            True,
            0.5,
        ),
        (
            "dns",
            "flood_suspect",
            {"qps": "50", "window_sec": "10.0"},
            Meaning.REFLECTION_FLOOD,
            True,
            0.125,
        ),
        (
            "dns",
            "flood_suspect",
            {"qps": "50", "window_sec": "0"},
            Meaning.REFLECTION_FLOOD,
            True,
            0.125,
        ),
        (
            "dns",
            "flood_suspect",
            {"qps": "x", "window_sec": "-1"},
            Meaning.REFLECTION_FLOOD,
            True,
            0.125,
        ),
        (
            "dns",
            "flood_suspect",
            {"qps": "nan", "window_sec": "1"},
            Meaning.REFLECTION_FLOOD,
            True,
            0.125,
        ),
        ("dns", "query", {"transport": "udp"}, Meaning.COUNTED, True, 0.0),
        ("snmp", "get_request", {}, Meaning.REFLECTION_PROBE, True, 0.3),
        ("tftp", "request", {}, Meaning.REFLECTION_PROBE, True, 0.3),
        ("sip", "request", {}, Meaning.REFLECTION_PROBE, True, 0.2),
        ("ssh", "auth_attempt", {}, Meaning.SOURCE_SEEN, False, 0.2),
        ("redis", "query", {}, Meaning.SOURCE_ACTIVE, False, 0.3),
        ("gopher", "hello", {}, Meaning.COUNTED, True, 0.0),
    ],
)
def test_what_an_event_means(app, msgid, fields, meaning, spoofable, confidence):
    found = seen(app, msgid, **fields)
    assert (found.meaning, found.spoofable) == (meaning, spoofable)
    assert found.confidence == pytest.approx(confidence)


def test_a_forged_request_becomes_a_hint_for_the_address_it_carries():
    flood = seen("dns", "flood_suspect", qps="612", window_sec="10.0")
    found = hint([flood], SENSOR, flood.at_us)
    assert found is not None
    assert (found.source, str(found.victim_ip)) == ("deception:decoys-ams", "203.0.113.9")
    assert (found.vector, found.src_ports, found.spoofable) == (
        Vector.DNS_AMPLIFICATION, (53,), True,
    )  # fmt: skip
    assert (found.confidence, found.confidence_origin) == (0.5, "deception:reflection_flood")
    assert found.expires_at_us == flood.at_us + 300_000_000
    assert "address" in found.explain


def test_proven_events_are_no_hint():
    for proven in (seen("ssh", "auth_attempt"), seen("dns", "amp_probe", transport="tcp")):
        assert hint([proven], SENSOR, NOW) is None


def test_the_port_answers_go_to_is_named_when_three_agree():
    probes = [seen("dns", "amp_probe", transport="udp", src_port="4444") for _ in range(3)]
    two = hint(probes[:2], SENSOR, NOW)
    three = hint(probes, SENSOR, NOW)
    assert two is not None
    assert three is not None
    assert (two.dst_ports, three.dst_ports) == ((), (4444,))


def test_hints_add_up_fade_and_stop_at_the_sensors_weight():
    probe = replace(seen("dns", "amp_probe", transport="udp"), at_us=NOW)
    assert combined([probe], SENSOR, NOW) == pytest.approx(0.35)
    assert combined([probe] * 2, SENSOR, NOW) == pytest.approx(1 - 0.65**2)
    assert combined([probe] * 10_000, SENSOR, NOW) == 0.6
    assert combined([probe], SENSOR, NOW + 600_000_000) == pytest.approx(0.175)


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        ("203.0.113.9", True), ("2001:db8::9", True), ("192.0.2.130", False), ("10.0.0.1", False),
        ("127.0.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False), ("0.0.0.0", False),
        ("169.254.1.1", False), ("100.64.0.1", False), ("::1", False), ("::", False),
        ("fe80::1", False), ("ff02::1", False), ("fd00::1", False), ("Unknown", False),
    ],
)  # fmt: skip
def test_addresses_that_are_nobodys(address, usable):
    found = seen("dns", "amp_probe", transport="udp", src=address)
    assert (unusable(found, SENSOR) == "") is usable
    assert (hint([found], SENSOR, NOW) is not None) is usable


def test_private_space_where_it_is_real():
    found = seen("dns", "amp_probe", transport="udp", src="10.0.0.1")
    assert unusable(found, replace(SENSOR, accept_private=True)) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("198.51.100.7:5555", "198.51.100.7"),
        ("[2001:db8::5]:5555", "2001:db8::5"),
        ("2001:db8::5", "2001:db8::5"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("host.example", None),
    ],
)
def test_addresses_with_ports(text, expected):
    found = address_of(text)
    assert (None if found is None else str(found)) == expected


def test_the_sensors_own_machinery_is_left_out():
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


def test_the_key_of_an_event_is_the_published_one():
    at_us = time_us("2026-11-20T09:15:30.9Z") or 0
    fields = {"edns_size": "4096", "qname": "example.org", "qtype": "ANY", "transport": "udp",
              "src_port": "1", "community": "public"}  # fmt: skip
    assert event_key("203.0.113.9", "ns-decoy-01", "dns", "amp_probe", at_us, fields) == (
        "5ce9774e0070ee7a15495f153e6cba6c41759f23eaba6ee3664839a8ec2c344b"
    )


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
        assert planted not in json.dumps(asdict(found), default=str)
        said = hint([found], SENSOR, NOW)
        assert said is None or planted not in json.dumps(asdict(said), default=str)
