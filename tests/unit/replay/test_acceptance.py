"""Whole stories through the pure pipeline: signal, episode, group, decision, timers."""

import json
from dataclasses import replace
from pathlib import Path

from prefixd.config.assemble import load_config
from prefixd.correlation.settings import CorrelationSettings, Dimension, SourceMode, SourceSettings
from prefixd.decision.inputs import Rules
from prefixd.engine.settings import EngineSettings, Mode, Snapshot
from prefixd.replay.events import parse_events
from prefixd.replay.history import Attack
from prefixd.replay.run import Replayed, replay_events
from prefixd.signals.settings import SignalSettings

CONFIG = load_config(Path(__file__).parents[2] / "golden" / "replay" / "now", {})
TWO = CorrelationSettings(
    enabled=True, min_sources=2, confidence_threshold=0.6, clear_hold_s=60, episode_idle_s=900
)
EDGE = SourceSettings(mode=SourceMode.CORROBORATING, match_dimensions=(Dimension.CUSTOMER_ID,))


def run(*lines: str, correlation: CorrelationSettings = TWO) -> Replayed:
    events, problems = parse_events(lines)
    assert problems == []
    rules = Rules(
        pop="lab1",
        policy=CONFIG.policy,
        correlation=correlation,
        limits=CONFIG.limits,
        inventory=CONFIG.inventory,
    )
    snapshot = Snapshot(settings=EngineSettings(pop="lab1", mode=Mode.ENFORCED), rules=rules)
    return replay_events(events, snapshot, SignalSettings())


def when(second: float, day: int = 4) -> str:
    whole = int(second)
    return (
        f"2031-03-{day:02}T{10 + whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
        f".{round(second % 1 * 1000):03}Z"
    )


def event(second: float, source: str, action: str = "ban", day: int = 4, **changes) -> str:
    at = when(second, day)
    body = {
        "event_id": f"{source}-1", "timestamp": at, "source": source, "action": action,
        "victim_ip": "198.51.100.20", "vector": "syn_flood", "confidence": 0.8,
        "bps": 1_000_000 + whole_of(second), **changes,
    }  # fmt: skip
    return json.dumps({"received_at": at, "adapter": "native", "body": body})


def whole_of(second: float) -> int:
    return int(second * 10)


def alert(second: float, status: str, starts: str, day: int) -> str:
    member = {
        "status": status, "fingerprint": "6f0d", "startsAt": starts, "annotations": {},
        "labels": {"alertname": "Syn", "vector": "syn_flood", "victim_ip": "198.51.100.20",
                   "severity": "critical"},
    }  # fmt: skip
    body = {"version": "4", "alerts": [member]}
    at = when(second, day)
    return json.dumps({"received_at": at, "adapter": "alertmanager", "body": body})


def mitigations(attack: Attack) -> int:
    return sum(1 for step in attack.steps if step.what == "mitigated")


def course(attack: Attack) -> list[tuple[str, float]]:
    return [(step.what, (step.at_us - attack.began_us) / 1e6) for step in attack.steps]


def test_sig_20_1_one_source_keeps_alive_what_two_agreed_on():
    lines = [event(0, "a"), event(10, "b")]
    lines += [event(10 + 60 * minute, "a") for minute in range(1, 61)]
    done = run(*lines)
    assert [fate.outcome for fate in done.fates][:3] == ["waiting", "mitigated", "refreshed"]
    assert {fate.outcome for fate in done.fates[2:]} == {"refreshed"}
    (attack,) = done.attacks
    assert mitigations(attack) == 1
    assert course(attack)[0] == ("mitigated", 10.0)
    assert course(attack)[1][1] > 3600


def test_sig_20_2_the_same_fingerprint_next_day_is_a_new_attack():
    one = replace(TWO, min_sources=1)
    done = run(
        alert(0, "firing", when(0), 4),
        alert(100, "resolved", when(0), 4),
        alert(0, "firing", when(0, 5), 5),
        correlation=one,
    )
    assert [fate.outcome for fate in done.fates] == ["mitigated", "clearing", "mitigated"]
    assert [mitigations(attack) for attack in done.attacks] == [1, 1]


def test_sig_20_3_a_late_corroborator_acts_at_once():
    given = {"source": "edge", "customer_id": "cust_hosting", "confidence": 0.6}
    late = json.dumps({"received_at": when(40), "adapter": "corroborator", "body": given})
    done = run(event(0, "a"), late, correlation=replace(TWO, sources={"edge": EDGE}))
    assert [fate.outcome for fate in done.fates] == ["waiting", "mitigated"]
    assert course(done.attacks[0])[0] == ("mitigated", 40.0)


def test_sig_20_4_the_last_clear_ends_it_after_the_hold():
    done = run(
        event(0, "a"), event(1, "b"), event(100, "a", "unban"), event(120, "b", "unban")
    )  # fmt: skip
    assert [fate.outcome for fate in done.fates] == ["waiting", "mitigated", "cleared", "clearing"]
    assert course(done.attacks[0]) == [("mitigated", 1.0), ("cleared", 180.0)]


def test_sig_20_4_a_report_within_the_hold_keeps_it():
    done = run(
        event(0, "a"), event(1, "b"), event(60, "a", "unban"), event(70, "b", "unban"),
        event(100, "b", event_id="b-2"), event(140, "b", event_id="b-2"),
    )  # fmt: skip
    assert mitigations(done.attacks[0]) == 1
    what, second = course(done.attacks[0])[1]
    assert (what, second > 180) == ("expired", True)


def test_sig_20_5_two_hundred_first_signals_are_one_group_and_one_mitigation():
    one = replace(TWO, min_sources=1)
    lines = [event(0, f"s{number:03}") for number in range(200)]
    done = run(*lines, correlation=one)
    (attack,) = done.attacks
    assert mitigations(attack) == 1
    assert [fate.outcome for fate in done.fates].count("mitigated") == 1


def test_sig_20_6_a_signal_after_the_window_opens_a_new_group():
    done = run(event(0, "a"), event(301, "b"))
    assert [fate.outcome for fate in done.fates] == ["waiting", "waiting"]
    assert len(done.attacks) == 2


def test_sig_20_8_spellings_of_one_victim_agree():
    done = run(
        event(0, "a", victim_ip="2001:DB8:10:0::1"), event(1, "b", victim_ip="2001:db8:10::1"),
        event(2, "a", victim_ip="::ffff:198.51.100.7", event_id="x"),
        event(3, "b", victim_ip="198.51.100.7", event_id="x"),
    )  # fmt: skip
    assert [fate.outcome for fate in done.fates] == ["waiting", "mitigated"] * 2
    assert len(done.attacks) == 2


def test_an_operators_force_acts_alone_and_an_outgoing_attack_never():
    done = run(event(0, "dashboard", force=True))
    assert [fate.outcome for fate in done.fates] == ["mitigated"]
    out = {"ip": "198.51.100.20", "action": "ban",
           "attack_details": {"attack_direction": "outgoing", "attack_uuid": "u"}}  # fmt: skip
    ban = json.dumps({"received_at": when(5), "adapter": "fastnetmon", "body": out})
    assert [fate.outcome for fate in run(ban, ban).fates] == ["ignored", "ignored"]
