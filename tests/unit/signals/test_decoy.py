"""Decoys: what may be believed, what is dropped, and what a hint is worth."""

from dataclasses import replace

import pytest

from prefixd.domain.prefix import Address
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import time_us
from prefixd.signals.decoy import (
    Meaning,
    Observation,
    Sightings,
    combined,
    event_key,
    hint,
    observe,
    unusable,
)
from prefixd.signals.decoy_formats import decode_json_line
from prefixd.signals.json_value import JsonValue
from prefixd.signals.settings import DeceptionSettings

NOW = time_us("2026-11-20T09:15:40Z") or 0
SENSOR = DeceptionSettings(name="decoys-ams", decoys=("192.0.2.128/26",))


def line(app: str, msgid: str, fields: dict[str, str], decoy: str = "ns-decoy-01") -> JsonValue:
    return {
        "timestamp": "2026-11-20T09:15:31+00:00", "decky": decoy, "service": app,
        "event_type": msgid, "fields": fields,
    }  # fmt: skip


def seen(app: str, msgid: str, **fields: str) -> Observation:
    found = decode_json_line(line(app, msgid, {"src": "203.0.113.9", **fields}), SENSOR, NOW)
    assert isinstance(found, Observation), found
    return found


def a_probe() -> Observation:
    found = observe(
        sensor="decoys-ams",
        service="dns",
        event_type="amp_probe",
        source_ip=Address.parse("203.0.113.9"),
        decoy="ns-decoy-01",
        at_us=NOW,
        fields={"transport": "udp", "src_port": "4444"},
    )
    assert found is not None
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
def test_which_addresses_are_used(address, usable):
    found = seen("dns", "amp_probe", transport="udp", src=address)
    assert (unusable(found, SENSOR) == "") is usable
    assert (hint([found], SENSOR, NOW) is not None) is usable


def test_private_space_where_it_is_real():
    found = seen("dns", "amp_probe", transport="udp", src="10.0.0.1")
    assert unusable(found, replace(SENSOR, accept_private=True)) == ""


def test_the_key_of_an_event_is_the_published_one():
    at_us = time_us("2026-11-20T09:15:30.9Z") or 0
    fields = {"edns_size": "4096", "qname": "example.org", "qtype": "ANY", "transport": "udp",
              "src_port": "1", "community": "public"}  # fmt: skip
    assert event_key("203.0.113.9", "ns-decoy-01", "dns", "amp_probe", at_us, fields) == (
        "5ce9774e0070ee7a15495f153e6cba6c41759f23eaba6ee3664839a8ec2c344b"
    )


def test_hints_about_one_address_add_up_while_they_count():
    sightings = Sightings()
    probe = a_probe()
    assert probe.source_ip is not None

    def later(seconds):
        at_us = probe.at_us + seconds * 1_000_000
        held = sightings.add(replace(probe, at_us=at_us), probe.source_ip, SENSOR, at_us)
        return hint(held, SENSOR, at_us)

    assert later(0).confidence == pytest.approx(0.35)
    assert later(0).confidence == pytest.approx(1 - 0.65**2)
    third = later(0)
    assert (third.confidence, third.dst_ports) == (SENSOR.weight, (4444,))
    assert later(SENSOR.hold_s + 1).confidence == pytest.approx(0.35)


def test_memory_of_sightings_is_bounded_and_apart_for_each_sensor():
    sightings = Sightings(addresses=2, of_each=3)
    probe = a_probe()

    def count(sensor, address):
        held = replace(probe, sensor=sensor)
        return len(sightings.add(held, Address.parse(address), SENSOR, probe.at_us))

    assert [count("one", "203.0.113.9") for _ in range(5)] == [1, 2, 3, 3, 3]
    assert count("two", "203.0.113.9") == 1
    assert count("one", "203.0.113.10") == 1  # the third pair: the quietest is forgotten
    assert count("one", "203.0.113.9") == 1
