"""Is this report news, a repeat, or the transport trying again?

A detector that keeps firing sends the same alert many times; a reverse proxy may send one request
twice; the same alert may fire again next week. An `Episode` tells these apart: it is one run of one
alert, ended by a clear or by a silence longer than the idle time. A repeat within the episode
refreshes what is known and adds no vote. A report whose processing never finished is run again.
"""

from enum import StrEnum
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from prefixd.correlation.settings import CorrelationSettings
from prefixd.correlation.weigh import SECOND_US
from prefixd.domain.group import Episode, EvidenceState
from prefixd.domain.signal import Signal, SignalKind


class Repeat(StrEnum):
    """What a report is in the light of what came before."""

    NEW = "new"  # a new alert, or a known one firing again after its end
    REFRESH = "refresh"  # the known episode goes on
    RERUN = "rerun"  # stored before, but its processing never finished
    RETRY = "retry"  # the same message within seconds: the stored answer is the answer
    DUPLICATE = "duplicate"  # the same message, dealt with, and its mitigation is gone
    CLEAR = "clear"  # the end of a firing episode
    NO_EFFECT = "no_effect"  # an all-clear for what is not firing


class EpisodeStep(Struct, frozen=True):
    repeat: Repeat
    episode: Episode


def step_episode(
    known: Episode | None,
    signal: Signal,
    body_hash: str,
    settings: CorrelationSettings,
    *,
    mitigation_live: bool,
) -> EpisodeStep:
    """`known` is the latest episode of the same alert. `mitigation_live`: whether the mitigation it
    led to is still in force."""
    match signal.kind:
        case SignalKind.CLEARED:
            return _cleared(known, signal, body_hash, settings)
        case SignalKind.FIRING:
            return _fired(known, signal, body_hash, settings, mitigation_live=mitigation_live)
        case _:
            assert_never(signal.kind)


def _fired(
    known: Episode | None,
    signal: Signal,
    body_hash: str,
    settings: CorrelationSettings,
    *,
    mitigation_live: bool,
) -> EpisodeStep:
    now_us = signal.received_at_us
    if known is None:
        return EpisodeStep(Repeat.NEW, _first(signal, body_hash, 1))
    same_message = known.last_hash == body_hash
    is_over = (
        known.state is not EvidenceState.FIRING
        or now_us - known.last_seen_us > settings.episode_idle_s * SECOND_US
    )
    if is_over:
        return EpisodeStep(Repeat.NEW, _first(signal, body_hash, known.number + 1))
    if known.outcome is None:
        return EpisodeStep(Repeat.RERUN, _seen(known, signal, body_hash))
    if same_message and _is_retry(known, now_us, settings):
        return EpisodeStep(Repeat.RETRY, known)
    if same_message and known.mitigation_id is not None and not mitigation_live:
        return EpisodeStep(Repeat.DUPLICATE, known)
    refreshed = replace(_seen(known, signal, body_hash), refresh_count=known.refresh_count + 1)
    return EpisodeStep(Repeat.REFRESH, refreshed)


def _cleared(
    known: Episode | None, signal: Signal, body_hash: str, settings: CorrelationSettings
) -> EpisodeStep:
    if known is None:
        ended = replace(_first(signal, body_hash, 1), state=EvidenceState.CLEARED)
        return EpisodeStep(Repeat.NO_EFFECT, ended)
    if known.state is EvidenceState.CLEARED:
        if known.last_hash == body_hash and _is_retry(known, signal.received_at_us, settings):
            return EpisodeStep(Repeat.RETRY, known)
        return EpisodeStep(Repeat.NO_EFFECT, known)
    ended = replace(_seen(known, signal, body_hash), state=EvidenceState.CLEARED)
    return EpisodeStep(Repeat.CLEAR, ended)


def _first(signal: Signal, body_hash: str, number: int) -> Episode:
    return Episode(
        source=signal.source,
        external_id=signal.external_id,
        number=number,
        state=EvidenceState.FIRING,
        first_seen_us=signal.received_at_us,
        last_seen_us=signal.received_at_us,
        last_hash=body_hash,
    )


def _seen(known: Episode, signal: Signal, body_hash: str) -> Episode:
    return replace(
        known,
        last_seen_us=max(known.last_seen_us, signal.received_at_us),
        last_hash=body_hash,
    )


def _is_retry(known: Episode, now_us: int, settings: CorrelationSettings) -> bool:
    return now_us - known.last_seen_us <= settings.transport_retry_s * SECOND_US
