"""What Alertmanager's format gets wrong when read carelessly."""

import pytest

from prefixd.domain.problem import Problem
from prefixd.domain.signal import Signal
from prefixd.signals.alertmanager import read_alertmanager
from prefixd.signals.coerce import time_us
from prefixd.signals.reading import Reading
from prefixd.signals.settings import AlertmanagerSettings

NOW = time_us("2031-03-04T10:15:10Z") or 0
READING = Reading(received_at_us=NOW)


def alert(**labels):
    base = {"alertname": "Flood", "vector": "udp_flood", "victim_ip": "198.51.100.24"}
    merged = {name: value for name, value in {**base, **labels}.items() if value is not None}
    return {"status": "firing", "labels": merged, "annotations": {}, "fingerprint": "f",
            "startsAt": "2031-03-04T10:15:00Z"}  # fmt: skip


def alerts(*members, reading=READING, **settings):
    found = read_alertmanager(
        {"version": "4", "alerts": list(members)}, AlertmanagerSettings(**settings), reading
    )
    assert isinstance(found, list)
    return found


def test_s29_the_monitoring_host_is_a_victim_only_when_asked_for():
    forgotten = alert(victim_ip=None, instance="198.51.100.7:9100")
    (found,) = alerts(forgotten)
    assert isinstance(found, Problem)
    (asked,) = alerts(forgotten, allow_instance_fallback=True)
    assert isinstance(asked, Signal)
    assert str(asked.victim) == "198.51.100.7/32"
    (six,) = alerts(alert(victim_ip=None, instance="[2001:db8::7]:9100"),
                    allow_instance_fallback=True)  # fmt: skip
    assert str(six.victim) == "2001:db8::7/128"


def test_s30_the_sources_own_table_of_severities_counts():
    mapped = Reading(received_at_us=NOW, confidence_mapping={"warning": 0.33})
    (found,) = alerts(alert(severity="warning"), reading=mapped)
    assert (found.confidence, found.confidence_origin) == (0.33, "mapping:warning")


def test_two_rule_sets_are_two_sources_only_when_configured():
    edge, core = alert(team="edge"), alert(team="core")
    assert {one.source for one in alerts(edge, core)} == {"alertmanager"}
    split = alerts(edge, core, alert(), split_sources_by="team")
    assert [one.source for one in split] == [
        "alertmanager/edge", "alertmanager/core", "alertmanager",
    ]  # fmt: skip


def test_w86_sig_20_10_five_hundred_alerts_and_one_bad_victim():
    many = [alert(victim_ip=f"198.51.{n // 250}.{n % 250}") for n in range(500)]
    many[7] = alert(victim_ip="nonsense")
    found = alerts(*many)
    assert sum(isinstance(one, Signal) for one in found) == 499
    (problem,) = [one for one in found if isinstance(one, Problem)]
    assert (problem.index, problem.field) == (7, "alerts[7].labels.victim_ip")
    refused = read_alertmanager(
        {"version": "4", "alerts": [alert()] * 501}, AlertmanagerSettings(), READING
    )
    assert isinstance(refused, Problem)
    assert refused.code == "too_large"


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "x",
        {"version": "4"},
        {"version": "4", "alerts": {}},
        {"version": "4", "alerts": 3},
    ],
)
def test_a_body_of_another_shape_is_one_problem(payload):
    assert isinstance(read_alertmanager(payload, AlertmanagerSettings(), READING), Problem)


@pytest.mark.parametrize("broken", [None, 3, [], {"labels": 5, "status": "firing"}, {"status": 1}])
def test_an_alert_of_another_shape_is_a_problem_of_its_own(broken):
    first, second = alerts(broken, alert())
    assert isinstance(first, Problem)
    assert isinstance(second, Signal)
