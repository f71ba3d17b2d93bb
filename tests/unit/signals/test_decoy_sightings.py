"""Hints about one address: they add up, they age, and they do not fill the memory."""

from dataclasses import replace

import pytest

from prefixd.domain.prefix import Address
from prefixd.signals.coerce import time_us
from prefixd.signals.decoy import Observation, Sightings, hint, observe
from prefixd.signals.settings import DeceptionSettings

SENSOR = DeceptionSettings(name="decoys-ams", decoys=("192.0.2.128/26",))
NOW = time_us("2026-11-20T09:15:40Z") or 0


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
