"""One gate for every path: what may a signal do that has just been read?

Native events, vendor adapters, webhooks, batches and replays all pass here, so that no path can be
used to go around what the others enforce: a corroborating source never speaks as a primary one,
outgoing attacks are not mitigated as incoming ones, and what is too old to act on, or comes from an
adapter on trial, is not acted on.
"""

from enum import StrEnum

from msgspec import Struct

from prefixd.correlation.settings import CorrelationSettings, SourceMode, UnknownSources
from prefixd.domain.group import EvidenceRole
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Direction, Signal


class Aside(StrEnum):
    """Why a signal is kept and shown but takes no part."""

    OUTGOING = "outgoing"
    STALE = "stale"
    TRIAL = "on trial"


class Admitted(Struct, frozen=True):
    role: EvidenceRole


class SetAside(Struct, frozen=True):
    reason: Aside


def admit(signal: Signal, settings: CorrelationSettings) -> Admitted | SetAside | Problem:
    source = settings.source(signal.source)
    if settings.is_known(signal.source):
        if source.mode is SourceMode.CORROBORATING:
            return Problem(
                "source",
                f"{signal.source} is a corroborating source: it cannot report victims, "
                "send it to the corroborator endpoint",
                "corroborating_source",
            )
    elif settings.unknown_sources is UnknownSources.REJECT:
        return Problem("source", f"{signal.source} is not a configured source", "unknown_source")
    if signal.direction is Direction.OUTGOING:
        return SetAside(Aside.OUTGOING)
    if signal.stale:
        return SetAside(Aside.STALE)
    if source.on_trial:
        return SetAside(Aside.TRIAL)
    return Admitted(role_of(signal.source, settings))


def role_of(source: str, settings: CorrelationSettings) -> EvidenceRole:
    if settings.is_known(source):
        mode = settings.source(source).mode
    elif settings.unknown_sources is UnknownSources.CORROBORATING_ONLY:
        mode = SourceMode.CORROBORATING
    else:
        mode = settings.default_source.mode
    return EvidenceRole(mode.value)
