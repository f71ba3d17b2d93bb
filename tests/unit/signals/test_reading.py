"""What all adapters share: victims, times and the identity of a report."""

import pytest

from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.signal import SignalKind
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import time_us
from prefixd.signals.reading import (
    Reading,
    Report,
    address_of,
    auto_id,
    element_path,
    make_signal,
    victim_of,
)

NOW = time_us("2031-03-04T10:15:10Z") or 0
SECOND = 1_000_000


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


def a_report(**changes):
    victim = Prefix.parse("198.51.100.24/32")
    assert victim is not None
    given = {"source": "box", "adapter": "webhook", "kind": SignalKind.FIRING, "victim": victim,
             "vector": Vector.UDP_FLOOD}  # fmt: skip
    return make_signal(Report(**{**given, **changes}), Reading(received_at_us=NOW))


@pytest.mark.parametrize(
    ("text", "allowed", "expected"),
    [
        ("198.51.100.24", False, "198.51.100.24/32"),
        (" 198.51.100.24@7 ", False, "198.51.100.24/32"),
        ("198.51.100.24/32", False, "198.51.100.24/32"),
        ("[2001:db8::1]:53", False, "2001:db8::1/128"),
        ("198.51.100.0/24", True, "198.51.100.0/24"),
    ],
)
def test_a_victim_in_the_ways_senders_write_it(text, allowed, expected):
    assert str(victim_of(text, field_name="ip", allow_prefixes=allowed)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the victim's address is missing"),
        ("host.example", "invalid IP address"),
        ("198.51.100.24:x", "invalid IP address"),
        ("198.51.100.0/99", "invalid IP address or prefix"),
        ("198.51.100.0/24", "is a network; only single hosts are allowed here"),
    ],
)
def test_an_invalid_victim_is_refused_with_the_reason(text, reason):
    found = victim_of(text, field_name="ip", allow_prefixes=False)
    assert isinstance(found, Problem)
    assert (found.field, found.reason) == ("ip", reason)


def test_a_time_in_the_future_is_replaced_and_marked():
    found = a_report(observed_at_us=NOW + 301 * SECOND)
    assert (found.observed_at_us, found.stale, found.warnings) == (NOW, False, ("clock_skew",))
    assert a_report(observed_at_us=NOW + 300 * SECOND).warnings == ()


def test_an_old_observation_is_stale_and_an_old_start_is_not():
    old = NOW - 901 * SECOND
    assert a_report(observed_at_us=old).stale
    assert not a_report(observed_at_us=old, kind=SignalKind.CLEARED).stale
    started = a_report(started_at_us=old)
    assert (started.observed_at_us, started.stale) == (NOW, False)


def test_an_invalid_rate_is_left_out_with_a_warning():
    found = a_report(bps="4.1G", pps="many")
    assert (found.bps, found.pps) == (4_100_000_000, None)
    assert found.warnings == ("pps: not a rate, left out",)


def test_a_report_without_an_id_gets_one_that_does_not_change():
    found = a_report()
    assert found.external_id == auto_id("box", found.victim.victim_text(), "udp_flood")
    assert a_report(external_id="7\x00").external_id == "7"


def test_a_problem_of_an_element_names_its_place():
    found = element_path("alerts", 3, Problem("status", "must be firing or resolved"))
    assert (found.field, found.index) == ("alerts[3].status", 3)
