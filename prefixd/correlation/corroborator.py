"""Evidence without a victim: which groups it strengthens, and whether it counts as a source.

A corroborator names places (a customer, an interface, a router). It attaches to groups that share
one of its declared dimensions, or all of them when so configured. How specific the shared place is
decides whether it counts: by default a shared POP is shown and informs, but is no vote, since
every victim of a site shares it.

A corroborator that arrives before the attack is reported is kept until it expires and picked up by
the group when that opens (`waiting_for`). One that arrives late completes agreement there and then:
the caller assesses the returned groups and acts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prefixd.correlation.settings import (
    CorrelationSettings,
    Dimension,
    DimensionMatch,
    SourceMode,
    UnknownSources,
)
from prefixd.correlation.window import is_over, with_evidence
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, Group
from prefixd.domain.ids import SignalId
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Corroboration, SignalKind
from prefixd.domain.vector import UNSPECIFIC, protocol_for

SPECIFICITY: Final = {dimension: len(Dimension) - rank for rank, dimension in enumerate(Dimension)}

ALL_DIMENSIONS: Final = tuple(Dimension)


@dataclass(frozen=True, slots=True)
class Attached:
    """The groups as they are with the corroborator in them, and how many more it fitted."""

    groups: tuple[Group, ...]
    limited: int = 0


def admit_corroboration(given: Corroboration, settings: CorrelationSettings) -> Problem | None:
    """Why this corroborator is refused; None when it may go on."""
    if not settings.enabled:
        return Problem(
            "", "correlation is disabled: there is nothing to corroborate", "engine_disabled"
        )
    if settings.is_known(given.source):
        if settings.source(given.source).mode is not SourceMode.CORROBORATING:
            return Problem(
                "source", f"{given.source} is not configured as corroborating", "primary_source"
            )
    elif settings.unknown_sources is not UnknownSources.CORROBORATING_ONLY:
        return Problem(
            "source", f"{given.source} is not configured as corroborating", "unknown_source"
        )
    declared = _declared(given, settings)
    if not any(_says(given, dimension) for dimension in declared):
        words = ", ".join(dimension.value for dimension in declared)
        return Problem("", f"none of the declared dimensions is present ({words})", "no_dimension")
    return None


def attach(
    given: Corroboration,
    signal_id: SignalId,
    groups: Iterable[Group],
    settings: CorrelationSettings,
    now_us: int,
) -> Attached:
    """Put it into every live group it fits, the most recent first, up to the source's limit; an
    all-clear into every group that has it."""
    if now_us >= given.expires_at_us:
        return Attached(())
    fitting = [
        group
        for group in groups
        if group.is_live and not is_over(group, now_us) and fits(given, group, settings)
    ]
    fitting.sort(key=lambda group: (group.last_primary_at_us, group.group_id), reverse=True)
    held = [group for group in fitting if _has(group, given)]
    chosen = held
    if given.kind is SignalKind.FIRING:
        # A repeat reaches the groups that have it already, however many others are more recent.
        limit = settings.source(given.source).max_attach
        others = [group for group in fitting if group not in held]
        chosen = [*held, *others[: max(0, limit - len(held))]]
    return Attached(
        tuple(
            with_evidence(group, _evidence(given, signal_id, group, settings), settings)
            for group in chosen
        ),
        len(fitting) - len(chosen) if given.kind is SignalKind.FIRING else 0,
    )


def waiting_for(
    group: Group,
    kept: Iterable[tuple[SignalId, Corroboration]],
    settings: CorrelationSettings,
    now_us: int,
) -> Group:
    """A group with every kept corroborator that fits it and has not expired."""
    for signal_id, given in sorted(kept, key=lambda pair: (pair[1].received_at_us, pair[0])):
        for joined in attach(given, signal_id, (group,), settings, now_us).groups:
            group = joined
    return group


def fits(given: Corroboration, group: Group, settings: CorrelationSettings) -> bool:
    return _vector_fits(given, group) and bool(_shared(given, group, settings))


def _vector_fits(given: Corroboration, group: Group) -> bool:
    if given.vector is None or given.vector in UNSPECIFIC or group.vector in UNSPECIFIC:
        return True
    return given.vector is group.vector or given.vector.family is group.vector.family


def _declared(given: Corroboration, settings: CorrelationSettings) -> tuple[Dimension, ...]:
    """What the source is configured to be matched by; for one without configuration, all."""
    return settings.source(given.source).match_dimensions or ALL_DIMENSIONS


def _shared(
    given: Corroboration, group: Group, settings: CorrelationSettings
) -> tuple[Dimension, ...]:
    said = [item for item in _declared(given, settings) if _says(given, item)]
    shared = tuple(item for item in said if _matches(given, item, group))
    if settings.source(given.source).match is DimensionMatch.ALL and len(shared) < len(said):
        return ()
    return shared


def _says(given: Corroboration, dimension: Dimension) -> bool:
    return _value(given, dimension) is not None


def _value(given: Corroboration, dimension: Dimension) -> object | None:
    return {
        Dimension.VICTIM_IP: given.victim_ip,
        Dimension.VICTIM_PREFIX: given.victim_prefix,
        Dimension.SERVICE_ID: given.service_id,
        Dimension.INTERFACE: given.interface,
        Dimension.CUSTOMER_ID: given.customer_id,
        Dimension.ROUTER: given.router,
        Dimension.PROTOCOL: given.protocol,
        Dimension.POP: given.pop,
    }[dimension]


def _matches(given: Corroboration, dimension: Dimension, group: Group) -> bool:
    match dimension:
        case Dimension.VICTIM_IP:
            return given.victim_ip is not None and group.victim.contains(given.victim_ip)
        case Dimension.VICTIM_PREFIX:
            return given.victim_prefix is not None and given.victim_prefix.covers(group.victim)
        case Dimension.SERVICE_ID:
            return given.service_id == group.service_id
        case Dimension.INTERFACE:
            return given.interface in group.interfaces
        case Dimension.CUSTOMER_ID:
            return given.customer_id == group.customer_id
        case Dimension.ROUTER:
            return given.router in group.routers
        case Dimension.PROTOCOL:
            return given.protocol == protocol_for(group.vector, group.victim.version)
        case Dimension.POP:
            return given.pop in group.pops


def _evidence(
    given: Corroboration, signal_id: SignalId, group: Group, settings: CorrelationSettings
) -> Evidence:
    source = settings.source(given.source)
    shared = _shared(given, group, settings)
    specificity = max(SPECIFICITY[dimension] for dimension in shared)
    firing = given.kind is SignalKind.FIRING
    return Evidence(
        signal_id=signal_id,
        source=given.source,
        external_id=given.external_id,
        episode=1,
        role=EvidenceRole.CORROBORATING,
        state=EvidenceState.FIRING if firing else EvidenceState.CLEARED,
        vector=group.vector if given.vector is None else given.vector,
        confidence=given.confidence,
        weight=source.weight,
        first_seen_us=given.received_at_us,
        last_seen_us=given.received_at_us,
        dst_ports=given.dst_ports,
        src_ports=given.src_ports,
        polarity=given.polarity,
        counts=specificity >= SPECIFICITY[source.min_specificity],
    )


def _has(group: Group, given: Corroboration) -> bool:
    return any(
        item.source == given.source and item.external_id == given.external_id
        for item in group.evidence
    )
