"""A recorded day replayed: the same twice, and different where the configuration is."""

import io
from pathlib import Path

import pytest

from prefixd.config.assemble import load_config
from prefixd.domain.record import Outcome
from prefixd.replay.command import DIFFERENT, SAME, UNUSABLE, run_replay
from prefixd.replay.events import parse_events
from prefixd.replay.run import Replayed, replay_events
from tests.kit import recording

GOLDEN = Path(__file__).parents[2] / "golden" / "replay"
EVENTS, NOW, CHANGED = GOLDEN / "events.jsonl", GOLDEN / "now", GOLDEN / "changed"


def replayed(lines: list[str], directory: Path = NOW) -> Replayed:
    events, problems = parse_events(lines)
    assert problems == []
    config = load_config(directory, {})
    return replay_events(events, config.snapshot(0), config.signals)


def printed(*directories: Path, events: Path = EVENTS) -> tuple[int, str]:
    out = io.StringIO()
    code = run_replay(events, *directories, env={}, out=out)
    return code, out.getvalue()


def event(seconds: int, **changes) -> str:
    body = {
        "event_id": "e1", "timestamp": f"2031-03-04T10:{seconds // 60:02}:{seconds % 60:02}Z",
        "source": "netflow-a", "victim_ip": "198.51.100.20", "vector": "udp_flood",
        "bps": 900_000_000, "confidence": 0.9, "action": "ban", **changes,
    }  # fmt: skip
    return recording.json.dumps(body)


def test_the_sample_is_what_the_generator_makes():
    assert EVENTS.read_text() == "".join(recording.lines())
    assert len(EVENTS.read_text().splitlines()) == 1000


def test_sig_20_13_two_runs_are_the_same_byte_for_byte():
    first = printed(NOW)
    assert first == printed(NOW)
    assert first[0] == SAME
    assert "1000 recorded events" in first[1]


def test_the_same_configuration_against_itself_has_no_difference(tmp_path):
    morning = tmp_path / "events.jsonl"
    morning.write_text("".join(EVENTS.read_text().splitlines(keepends=True)[:150]))
    code, text = printed(NOW, NOW, events=morning)
    assert (code, text.splitlines()[-1]) == (SAME, "no difference")


def test_a_changed_playbook_is_a_difference_and_says_where():
    code, text = printed(NOW, CHANGED)
    assert code == DIFFERENT
    assert "other_rule" in text
    assert "police to 20 Mbit/s] became [" in text
    assert "police to 50 Mbit/s" in text
    assert "syn_flood: other_rule" not in text


def test_every_kind_of_outcome_is_in_the_sample():
    outcomes = replayed(EVENTS.read_text().splitlines()).outcomes
    wanted = {
        Outcome.MITIGATED, Outcome.EXTENDED, Outcome.REFRESHED, Outcome.ESCALATED, Outcome.HELD,
        Outcome.WAITING, Outcome.IGNORED, Outcome.CLEARING, Outcome.NO_EFFECT, Outcome.ERROR,
    }  # fmt: skip
    assert wanted <= set(outcomes)
    assert sum(outcomes.values()) >= 1000


def test_a_mitigation_is_kept_alive_by_repeats_and_ends_after_the_hold():
    lines = [event(second) for second in range(0, 600, 60)] + [event(610, action="unban")]
    done = replayed(lines)
    assert [fate.outcome for fate in done.fates][:2] == ["mitigated", "refreshed"]
    assert done.fates[-1].outcome == "clearing"
    (attack,) = done.attacks
    assert [step.what for step in attack.steps] == ["mitigated", "escalated", "cleared"]
    assert attack.steps[-1].at_us - attack.began_us == (610 + 60) * 1_000_000


def test_a_safelisted_victim_and_a_stranger_are_answered_and_not_acted_on():
    done = replayed([event(0, victim_ip="198.51.100.1"), event(1, victim_ip="192.0.2.9")])
    assert done.mitigated == 0
    assert [fate.outcome for fate in done.fates] == ["held", "ignored"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{", "line 2: is not JSON"),
        ("[]", "line 2: is not a JSON object"),
        ('{"body": {}}', "line 2.received_at: is not a time"),
        (event(0).replace("10:00:00", "09:00:00"), "line 2: came before the line above it"),
    ],
)
def test_a_file_that_cannot_be_replayed_says_where(tmp_path, line, text):
    file = tmp_path / "events.jsonl"
    file.write_text(f"{event(0)}\n{line}\n")
    out = io.StringIO()
    assert run_replay(file, NOW, env={}, out=out) == UNUSABLE
    assert text in out.getvalue()


def test_missing_files_are_said_plainly(tmp_path):
    out = io.StringIO()
    assert run_replay(tmp_path / "nothing", NOW, env={}, out=out) == UNUSABLE
    assert "cannot read" in out.getvalue()
    assert run_replay(EVENTS, tmp_path, env={}, out=out) == UNUSABLE


def test_an_unknown_door_is_an_error_of_that_event_only():
    line = recording.json.dumps(
        {"received_at": "2031-03-04T10:00:00Z", "adapter": "webhook/nobody", "body": {}}
    )
    done = replayed([line, event(5)])
    assert [fate.outcome for fate in done.fates] == ["error", "mitigated"]
