"""Repeat, retry or news: what one report is in the light of the last."""

from msgspec import structs

from prefixd.correlation.episode import Repeat, step_episode
from prefixd.domain.group import Episode, EvidenceState
from prefixd.domain.ids import MitigationId
from tests.kit.signals import a_clear, a_signal, at, settings_with

S = settings_with(episode_idle_s=900)


def first(**changes) -> Episode:
    step = step_episode(None, a_signal(), "h1", S, mitigation_live=False)
    assert step.repeat is Repeat.NEW
    return structs.replace(step.episode, outcome="waiting", **changes)


def step(known, signal, body_hash="h2", live=False):
    return step_episode(known, signal, body_hash, S, mitigation_live=live)


def test_w32_s24_a_repeat_refreshes_and_a_later_attack_is_a_new_episode():
    """sig 20.2: the same identity, resolved, fires next day: new episode."""
    repeat = step(first(), a_signal(after=300))
    assert (repeat.repeat, repeat.episode.refresh_count, repeat.episode.number) == (
        Repeat.REFRESH, 1, 1,
    )  # fmt: skip
    assert repeat.episode.last_seen_us == at(300)
    ended = step(repeat.episode, a_clear(after=400))
    assert (ended.repeat, ended.episode.state) == (Repeat.CLEAR, EvidenceState.CLEARED)
    again = step(structs.replace(ended.episode, outcome="cleared"), a_signal(after=86_400))
    assert (again.repeat, again.episode.number, again.episode.refresh_count) == (Repeat.NEW, 2, 0)


def test_silence_longer_than_the_idle_time_ends_an_episode():
    assert step(first(), a_signal(after=900)).repeat is Repeat.REFRESH
    assert step(first(), a_signal(after=900.001)).repeat is Repeat.NEW


def test_w31_s18_a_report_that_was_never_finished_runs_again():
    unfinished = structs.replace(first(), outcome=None)
    again = step(unfinished, a_signal(after=2), "h1")
    assert (again.repeat, again.episode.number) == (Repeat.RERUN, 1)


def test_the_transport_trying_again_gets_the_stored_answer():
    assert step(first(), a_signal(after=10), "h1").repeat is Repeat.RETRY
    assert step(first(), a_signal(after=10), "h2").repeat is Repeat.REFRESH
    assert step(first(), a_signal(after=10.001), "h1").repeat is Repeat.REFRESH


def test_an_identical_message_whose_mitigation_is_gone_is_a_duplicate_within_the_idle_time():
    done = first(mitigation_id=MitigationId("m1"))
    assert step(done, a_signal(after=60), "h1", live=True).repeat is Repeat.REFRESH
    assert step(done, a_signal(after=60), "h1", live=False).repeat is Repeat.DUPLICATE
    assert step(done, a_signal(after=60), "h2", live=False).repeat is Repeat.REFRESH
    assert step(done, a_signal(after=901), "h1", live=False).repeat is Repeat.NEW


def test_a_clear_of_nothing_has_no_effect():
    assert step(None, a_clear()).repeat is Repeat.NO_EFFECT
    ended = step(first(), a_clear(after=5), "c").episode
    ended = structs.replace(ended, outcome="cleared")
    assert step(ended, a_clear(after=6), "c").repeat is Repeat.RETRY
    assert step(ended, a_clear(after=60), "c").repeat is Repeat.NO_EFFECT


def test_w35_a_clear_belongs_to_the_episode_it_ends():
    ended = step(first(), a_clear(after=5)).episode
    assert (ended.number, ended.external_id, ended.last_seen_us) == (1, "fastnetmon-1", at(5))


def test_an_alert_that_fires_again_soon_after_its_clear_is_a_new_attack():
    ended = structs.replace(step(first(), a_clear(after=5)).episode, outcome="cleared")
    again = step(ended, a_signal(after=20))
    assert (again.repeat, again.episode.number) == (Repeat.NEW, 2)
