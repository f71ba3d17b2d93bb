"""The quick reading of an event is the close one, only quicker."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.domain.signal import Signal
from prefixd.signals.native import read_closely, read_event, read_quickly
from prefixd.signals.reading import Reading

NOW_US = 1_767_225_600_000_000
READING = Reading(received_at_us=NOW_US, confidence_mapping={"ban": 0.7})
ODD = st.sampled_from([None, True, False, 0, 1, -1, 0.5, 2.5, 10**30, "", " ", "x", [], {}, [1]])
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "source": st.sampled_from(["fast", " fast ", "a\nb", "x" * 1024, "x" * 1025, "\u00e9"]),
    "timestamp": st.sampled_from(
        ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01 00:00:00", "20260101T", "T"]
    ),
    "victim_ip": st.sampled_from(
        ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1/32", "1" * 46, " 192.0.2.1"]
    ),
    "vector": st.sampled_from(["udp_flood", "syn_flood", "UDP_FLOOD", "unknown", "flood"]),
    "event_id": st.sampled_from(["e1", " e1 ", "", "a\u0007", "y" * 1025]),
    "action": st.sampled_from(["ban", "unban", "BAN", ""]),
    "confidence": st.sampled_from([0, 1, 0.9, 1.01, -0.0, -1]),
    "bps": st.sampled_from([0, 900_000_000, 1.5, -3, 2**63, 10**400]),
    "pps": st.sampled_from([1, 2.0, "1"]),
    "top_dst_ports": st.sampled_from([[], [53], [0, 53, 53], [53.0], [True], [70_000], ["53"]]),
    "force": st.booleans(),
    "raw_details": st.sampled_from([{"token": "x"}, [1, {"a": None}]]),
}
REQUIRED = ("source", "timestamp", "victim_ip", "vector")


@st.composite
def events(draw: st.DrawFn) -> Any:
    """Mostly right, so that both readings get far; now and then not even an object."""
    event = {name: draw(GOOD[name]) for name in REQUIRED}
    for name in draw(st.sets(st.sampled_from(sorted(set(GOOD) - set(REQUIRED))), max_size=4)):
        event[name] = draw(GOOD[name])
    if draw(st.integers(0, 3)) == 0:
        event[draw(st.sampled_from(sorted(GOOD)))] = draw(ODD)
    if draw(st.integers(0, 5)) == 0:
        event.pop(draw(st.sampled_from(REQUIRED)), None)
    return event if draw(st.integers(0, 20)) else draw(ODD)


@settings(max_examples=600)
@given(events())
def test_both_readings_agree(payload: Any) -> None:
    closely = read_closely(payload, READING)
    quickly = read_quickly(payload, READING)
    assert read_event(payload, READING) == closely
    if quickly is not None:
        assert quickly == closely


def test_an_event_as_detectors_send_them_is_read_quickly() -> None:
    event = {
        "timestamp": "2026-01-01T00:00:00Z", "source": "fast", "victim_ip": "192.0.2.1",
        "vector": "udp_flood", "bps": 9, "confidence": 1, "top_dst_ports": [53], "event_id": "e",
        "raw_details": {"a": 1},
    }  # fmt: skip
    assert isinstance(read_quickly(event, READING), Signal)
