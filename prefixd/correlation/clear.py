"""The end of an attack: who says so, when it is believed, and the hold before anything goes.

An all-clear concerns the alert it names. A source fires while any of its alerts does. The clear
policy decides whose word is enough; then a hold runs, and one firing report within it takes
everything back. Silence is a weak all-clear: under the policy `all` a source that fell silent no
longer stands in the way.
"""

from typing import assert_never

from msgspec.structs import replace

from prefixd.correlation.settings import ClearPolicy, CorrelationSettings
from prefixd.correlation.weigh import SECOND_US, standing
from prefixd.correlation.window import COLLECTING, close, is_over
from prefixd.domain.group import (
    CloseReason,
    Evidence,
    EvidenceRole,
    EvidenceState,
    Group,
    GroupState,
)
from prefixd.domain.signal import Signal, SignalKind

AUTO_ID = "auto:"
"""Prefix of the external ids made for senders that give none."""

PER_REPORT_IDS = frozenset({"native"})
"""Adapters whose senders give each report its own id, so that a clear that names one of them means
the attack and not just that report."""


def note_clear(group: Group, signal: Signal) -> Group | None:
    """The group with the alert cleared; None when the clear names nothing that fires here."""
    assert signal.kind is SignalKind.CLEARED
    named = _named_by(group, signal)
    if not named:
        return None
    evidence = tuple(
        replace(item, state=EvidenceState.CLEARED, last_seen_us=signal.received_at_us)
        if item in named
        else item
        for item in group.evidence
    )
    return replace(group, evidence=evidence)


def _named_by(group: Group, signal: Signal) -> list[Evidence]:
    firing = [
        item
        for item in group.evidence
        if item.source == signal.source
        and item.state is EvidenceState.FIRING
        and item.last_seen_us <= signal.received_at_us
    ]
    exact = [item for item in firing if item.external_id == signal.external_id]
    known = any(
        item.source == signal.source and item.external_id == signal.external_id
        for item in group.evidence
    )
    if known and signal.adapter in PER_REPORT_IDS:
        return firing
    if exact:
        return exact
    if signal.external_id.startswith(AUTO_ID) and len(firing) == 1:
        return firing
    return []


def policy_satisfied(group: Group, settings: CorrelationSettings, now_us: int) -> bool:
    primaries = [item for item in group.evidence if item.role is EvidenceRole.PRIMARY]
    match settings.clear_policy:
        case ClearPolicy.ALL:
            return bool(primaries) and all(
                standing(item, settings, now_us) is not EvidenceState.FIRING for item in primaries
            )
        case ClearPolicy.ANY:
            return any(_source_cleared(item.source, primaries) for item in primaries)
        case ClearPolicy.TRIGGER:
            return any(
                item.state is EvidenceState.CLEARED
                for item in primaries
                if item.signal_id == group.trigger_signal_id
            )
        case ClearPolicy.IGNORE:
            return False
        case _:
            assert_never(settings.clear_policy)


def _source_cleared(source: str, primaries: list[Evidence]) -> bool:
    return all(item.state is EvidenceState.CLEARED for item in primaries if item.source == source)


def settle(group: Group, settings: CorrelationSettings, now_us: int) -> Group:
    """What follows from the evidence as it stands now: clearing, closed, or nothing new."""
    if group.state is GroupState.MITIGATING and policy_satisfied(group, settings, now_us):
        return replace(group, state=GroupState.CLEARING, clearing_since_us=now_us)
    if group.state in COLLECTING and _all_called_off(group):
        return close(group, CloseReason.CLEARED, now_us)
    return group


def _all_called_off(group: Group) -> bool:
    """Nothing was done yet and every primary took its word back."""
    primaries = [item for item in group.evidence if item.role is EvidenceRole.PRIMARY]
    return bool(primaries) and all(item.state is EvidenceState.CLEARED for item in primaries)


def advance(group: Group, settings: CorrelationSettings, now_us: int) -> Group:
    """What time alone does to a group: windows pass, sources fall silent, holds end."""
    if is_over(group, now_us):
        return close(group, CloseReason.TIMEOUT, now_us)
    if group.state is GroupState.CLEARING:
        if now_us >= _hold_end(group, settings):
            return close(group, CloseReason.ENDED, now_us)
        return group
    return settle(group, settings, now_us)


def due_at(group: Group, settings: CorrelationSettings) -> int | None:
    """When `advance` may next change this group; None when time alone changes nothing."""
    if group.state in COLLECTING:
        return group.expires_at_us
    if group.state is GroupState.CLEARING:
        return _hold_end(group, settings)
    if group.state is GroupState.MITIGATING and settings.clear_policy is ClearPolicy.ALL:
        return _all_silent_at(group, settings)
    return None


def _hold_end(group: Group, settings: CorrelationSettings) -> int:
    assert group.clearing_since_us is not None
    return group.clearing_since_us + settings.clear_hold_s * SECOND_US


def _all_silent_at(group: Group, settings: CorrelationSettings) -> int | None:
    moments = [0]
    for item in group.evidence:
        if item.role is EvidenceRole.PRIMARY and item.state is EvidenceState.FIRING:
            limit_s = settings.stale_after_s(item.source)
            if limit_s == 0:
                return None
            moments.append(item.last_seen_us + limit_s * SECOND_US + 1)
    return max(moments)
