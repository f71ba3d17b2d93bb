"""The strict rules of our own event."""

import pytest

from prefixd.domain.signal import Signal
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import time_us
from prefixd.signals.json_value import RAW_MAX_BYTES
from prefixd.signals.native import read_event
from prefixd.signals.reading import Reading

NOW = time_us("2031-03-04T10:15:10Z") or 0
READING = Reading(received_at_us=NOW)
EVENT = {
    "event_id": "7a21", "timestamp": "2031-03-04T10:15:02Z", "source": "my-detector",
    "victim_ip": "198.51.100.24", "vector": "udp_flood", "bps": 9, "pps": 1, "confidence": 0.9,
}  # fmt: skip


def read(**changes):
    return read_event({**EVENT, **changes}, READING)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"source": ""}, "source", "missing"),
        ({"source": "  "}, "source", "missing"),
        ({"source": None}, "source", "missing"),
        ({"source": "x" * 1025}, "source", "too_long"),
        ({"source": 7}, "source", "bad_type"),
        ({"source": "a\nb"}, "source", "bad_field"),
        ({"event_id": "x" * 1025}, "event_id", "too_long"),
        ({"event_id": 5}, "event_id", "bad_type"),
        ({"timestamp": None}, "timestamp", "missing"),
        ({"timestamp": "yesterday"}, "timestamp", "bad_time"),
        ({"timestamp": 1930385700}, "timestamp", "bad_time"),
        ({"victim_ip": None}, "victim_ip", "missing"),
        ({"victim_ip": "198.51.100.0/24"}, "victim_ip", "bad_victim"),
        ({"victim_ip": "198.51.100.024"}, "victim_ip", "bad_victim"),
        ({"victim_ip": "host.example"}, "victim_ip", "bad_victim"),
        ({"victim_ip": "fe80::1%eth0"}, "victim_ip", "bad_victim"),
        ({"vector": "laser"}, "vector", "bad_vector"),
        ({"vector": None}, "vector", "missing"),
        ({"bps": "4000"}, "bps", "bad_type"),
        ({"pps": True}, "pps", "bad_type"),
        ({"confidence": 1.01}, "confidence", "out_of_range"),
        ({"confidence": -0.1}, "confidence", "out_of_range"),
        ({"confidence": 50}, "confidence", "out_of_range"),
        ({"confidence": float("nan")}, "confidence", "out_of_range"),
        ({"top_dst_ports": [70000]}, "top_dst_ports", "out_of_range"),
        ({"top_dst_ports": [1.5]}, "top_dst_ports", "out_of_range"),
        ({"top_dst_ports": "443"}, "top_dst_ports", "bad_type"),
        ({"top_dst_ports": list(range(1, 1026))}, "top_dst_ports", "too_many"),
        ({"action": "pause"}, "action", "bad_action"),
        ({"force": "yes"}, "force", "bad_type"),
    ],
)
def test_w38_every_field_has_its_rule(changes, field, code):
    found = read(**changes)
    assert isinstance(found, tuple)
    assert [(problem.field, problem.code) for problem in found] == [(field, code)]


def test_all_problems_are_named_at_once():
    found = read_event({"confidence": 9, "bps": "x"}, READING)
    assert isinstance(found, tuple)
    assert {problem.field for problem in found} == {
        "source", "timestamp", "victim_ip", "vector", "confidence", "bps",
    }  # fmt: skip


@pytest.mark.parametrize("vector", list(Vector))
def test_s01_every_vector_of_ours_is_accepted(vector):
    found = read(vector=vector.value)
    assert isinstance(found, Signal)
    assert found.vector is vector


@pytest.mark.parametrize("payload", [None, 5, "ban", [], [EVENT]])
def test_an_event_is_an_object(payload):
    found = read_event(payload, READING)
    assert isinstance(found, tuple)
    assert found[0].code == "bad_type"


def test_s06_the_body_is_kept_without_secrets_and_cut_to_size():
    found = read(raw_details={"note": "kept", "api_token": "hunter2", "deep": [{"Password": "x"}]})
    assert isinstance(found, Signal)
    assert '"note":"kept"' in found.raw
    assert "hunter2" not in found.raw
    assert '"Password":"[removed]"' in found.raw
    long = read(raw_details={"note": 'é\\"' * 60_000})
    assert isinstance(long, Signal)
    assert len(long.raw.encode()) <= RAW_MAX_BYTES
    assert '"truncated":true' in long.raw


@pytest.mark.parametrize("confidence", [0.75, 0.0])
def test_a_source_may_map_the_action_to_a_confidence(confidence):
    mapped = Reading(received_at_us=NOW, confidence_mapping={"ban": confidence})
    found = read_event({**EVENT, "confidence": None}, mapped)
    assert isinstance(found, Signal)
    assert (found.confidence, found.confidence_origin) == (confidence, "mapping:ban")


def test_without_an_id_the_alert_is_what_it_is_about():
    first, second = read(event_id=None), read(event_id=None, bps=77)
    other = read(event_id=None, vector="syn_flood")
    assert isinstance(first, Signal)
    assert isinstance(second, Signal)
    assert isinstance(other, Signal)
    assert first.external_id == second.external_id
    assert first.external_id != other.external_id
    assert first.external_id.startswith("auto:")
