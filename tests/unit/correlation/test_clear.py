"""All-clears: which alert they mean, whose word is enough, and the hold before anything goes."""

import pytest
from msgspec.structs import replace

from prefixd.correlation.clear import advance, due_at, note_clear, settle
from prefixd.correlation.settings import ClearPolicy, SourceSettings
from prefixd.correlation.window import join
from prefixd.domain.group import CloseReason, EvidenceState, Group, GroupState, HoldReason
from prefixd.domain.ids import SignalId
from prefixd.domain.signal import Signal
from tests.kit.signals import OWNED, a_clear, a_group_of, a_signal, at, settings_with

S = settings_with(clear_hold_s=60)


def cleared(group: Group, signal: Signal) -> Group:
    noted = note_clear(group, signal)
    assert noted is not None
    return noted


def mitigating(*signals: Signal) -> Group:
    return replace(a_group_of(*signals), state=GroupState.MITIGATING, met_at_us=at(1))


def test_w36_s21_one_sources_clear_does_not_end_what_another_still_reports():
    """sig 20.4: A clears, still announced; B clears, withdrawn after the hold."""
    group = mitigating(a_signal("a"), a_signal("b", after=1))
    group = settle(cleared(group, a_clear("a", after=5)), S, at(5))
    assert group.state is GroupState.MITIGATING
    group = settle(cleared(group, a_clear("b", after=9)), S, at(9))
    assert (group.state, group.clearing_since_us) == (GroupState.CLEARING, at(9))
    assert due_at(group, S) == at(69)
    assert advance(group, S, at(69) - 1).state is GroupState.CLEARING
    ended = advance(group, S, at(69))
    assert (ended.state, ended.close_reason) == (GroupState.CLOSED, CloseReason.ENDED)


def test_w36_s20_a_clear_from_the_source_that_only_extended_counts():
    group = mitigating(a_signal("a"), a_signal("b", after=1))
    group = cleared(cleared(group, a_clear("a", after=5)), a_clear("b", after=6))
    assert settle(group, S, at(6)).state is GroupState.CLEARING


def test_firing_within_the_hold_takes_everything_back():
    group = mitigating(a_signal("a"))
    group = settle(cleared(group, a_clear("a", after=5)), S, at(5))
    again = join(group, a_signal("a", after=30), SignalId("s"), where=OWNED, settings=S)
    assert again.state is GroupState.MITIGATING
    assert advance(again, S, at(70)).state is GroupState.MITIGATING


def test_a_native_sender_with_an_id_per_report_clears_the_attack_by_any_of_them():
    group = mitigating(a_signal("a", external_id="e1"), a_signal("a", after=3, external_id="e2"))
    by_first = cleared(group, a_clear("a", after=9, external_id="e1"))
    by_last = cleared(group, a_clear("a", after=9, external_id="e2"))
    assert settle(by_first, S, at(9)).state is GroupState.CLEARING
    assert settle(by_last, S, at(9)).state is GroupState.CLEARING


def test_one_of_two_alerts_of_a_source_clears_only_itself():
    group = mitigating(
        a_signal("am", adapter="alertmanager", external_id="f1@t"),
        a_signal("am", adapter="alertmanager", external_id="f2@t"),
    )
    one = cleared(group, a_clear("am", after=5, adapter="alertmanager", external_id="f1@t"))
    assert settle(one, S, at(5)).state is GroupState.MITIGATING
    both = cleared(one, a_clear("am", after=6, adapter="alertmanager", external_id="f2@t"))
    assert settle(both, S, at(6)).state is GroupState.CLEARING


def test_sig_9_a_clear_without_id_means_the_one_alert_that_fires():
    group = mitigating(a_signal("a", adapter="webhook", external_id="x1"))
    clear = a_clear("a", after=5, adapter="webhook", external_id="auto:0123")
    assert note_clear(group, clear) is not None
    two = mitigating(
        a_signal("a", adapter="webhook", external_id="x1"),
        a_signal("a", adapter="webhook", external_id="x2"),
    )
    assert note_clear(two, clear) is None


@pytest.mark.parametrize(
    "clear",
    [
        a_clear("b", after=5),
        a_clear("a", after=5, external_id="never-seen"),
        a_clear("a", after=-5),
    ],
    ids=["another source", "unknown id", "older than the report"],
)
def test_s23_a_clear_of_nothing_that_fires_has_no_effect(clear):
    assert note_clear(mitigating(a_signal("a")), clear) is None


def test_policy_any_ends_with_the_first_clear():
    any_one = settings_with(clear_policy=ClearPolicy.ANY)
    group = cleared(mitigating(a_signal("a"), a_signal("b")), a_clear("b", after=5))
    assert settle(group, any_one, at(5)).state is GroupState.CLEARING


def test_policy_trigger_listens_to_the_alert_that_led_to_the_mitigation():
    trigger = settings_with(clear_policy=ClearPolicy.TRIGGER)
    group = replace(
        mitigating(a_signal("a"), a_signal("b")), trigger_signal_id=SignalId("sig-a-a-1")
    )
    other = cleared(group, a_clear("b", after=5))
    assert settle(other, trigger, at(5)).state is GroupState.MITIGATING
    named = cleared(group, a_clear("a", after=5))
    assert settle(named, trigger, at(5)).state is GroupState.CLEARING


def test_policy_ignore_leaves_it_to_the_ttl():
    ignore = settings_with(clear_policy=ClearPolicy.IGNORE)
    group = cleared(mitigating(a_signal("a")), a_clear("a", after=5))
    assert settle(group, ignore, at(5)).state is GroupState.MITIGATING
    assert due_at(group, ignore) is None


def test_silence_clears_under_all_and_the_timer_knows_when():
    settings = settings_with(
        {"a": SourceSettings(stale_after_s=60), "b": SourceSettings(stale_after_s=180)}
    )
    group = mitigating(a_signal("a"), a_signal("b"))
    due = due_at(group, settings)
    assert due == at(180) + 1
    assert advance(group, settings, due - 1).state is GroupState.MITIGATING
    assert advance(group, settings, due).state is GroupState.CLEARING


def test_a_source_that_never_goes_stale_is_never_cleared_by_silence():
    settings = settings_with({"a": SourceSettings(stale_after_s=0)})
    group = mitigating(a_signal("a"))
    assert due_at(group, settings) is None
    assert advance(group, settings, at(10**6)).state is GroupState.MITIGATING


def test_a_group_nobody_acted_on_closes_when_every_primary_takes_its_word_back():
    group = a_group_of(a_signal("a"), a_signal("b"))
    one = settle(cleared(group, a_clear("a", after=5)), S, at(5))
    assert one.state is GroupState.OPEN
    both = settle(cleared(one, a_clear("b", after=6)), S, at(6))
    assert (both.state, both.close_reason) == (GroupState.CLOSED, CloseReason.CLEARED)


def test_w43_a_window_that_passes_is_a_timeout_only_when_nothing_was_done():
    waiting = a_group_of(a_signal())
    assert advance(waiting, S, at(300)).close_reason is CloseReason.TIMEOUT
    assert due_at(waiting, S) == at(300)
    acting = mitigating(a_signal())
    assert advance(acting, S, at(301)).state is GroupState.MITIGATING


def test_s11_a_refused_group_that_ends_is_told_from_one_that_never_agreed():
    held = replace(
        a_group_of(a_signal()),
        state=GroupState.HELD,
        met_at_us=at(1),
        hold_reason=HoldReason.SAFELIST,
    )
    ended = advance(held, S, at(300))
    assert (ended.met, ended.hold_reason) == (True, HoldReason.SAFELIST)
    never = advance(a_group_of(a_signal()), S, at(300))
    assert (never.met, never.hold_reason) == (False, None)


def test_a_cleared_alert_that_fires_again_counts_again():
    group = cleared(a_group_of(a_signal("a")), a_clear("a", after=5))
    assert group.evidence[0].state is EvidenceState.CLEARED
    again = join(group, a_signal("a", after=9), SignalId("s"), where=OWNED, settings=S)
    assert again.evidence[0].state is EvidenceState.FIRING
