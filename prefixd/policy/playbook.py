"""Playbooks: which attack gets which answer, in which steps.

A playbook matches attacks (by vector, volume, customer, ...) and lists steps; the first is taken
at once, later ones when the attack persists and confidence suffices. These are the types and the
questions whether a set of them makes sense; nothing here reads files, looks at an attack, or
decides anything.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, assert_never

from prefixd.domain.agreement import Agreement
from prefixd.domain.inventory import PolicyProfile
from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.rule import (
    MAX_DSCP,
    MIN_POLICE_BPS,
    Action,
    Blackhole,
    Discard,
    Mark,
    Police,
    Redirect,
)
from prefixd.domain.vector import Vector
from prefixd.setting import Doc, In, Seconds, Share, Whole

MAX_NAME: Final = 128
MAX_TTL_S: Final = 86400
_NUMBER_PAIR: Final = re.compile(r"(\d{1,10}):(\d{1,10})")


class PortMode(StrEnum):
    """How a service's allowed ports shape a rule; `prefixd.policy.ports` is the algebra."""

    PROTECT_ALLOWED = "protect_allowed"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookMatch:
    """Which attacks a playbook is for. Everything set must hold; empty means "any"."""

    vectors: tuple[Vector, ...] = ()
    require_top_ports: bool = False
    min_bps: int | None = None
    min_pps: int | None = None
    customer_ids: tuple[str, ...] = ()
    service_ids: tuple[str, ...] = ()
    profiles: tuple[PolicyProfile, ...] = ()
    tags: tuple[str, ...] = ()  # any of the customer's
    prefixes: tuple[Prefix, ...] = ()  # the victim is in one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    action: Action
    ttl_s: int
    require_confidence: float | None = None
    require_persistence_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    name: str
    match: PlaybookMatch
    steps: tuple[Step, ...]
    correlation: Agreement | None = None
    ports: PortMode = PortMode.PROTECT_ALLOWED
    match_tcp_flags: bool = False  # SYN, ACK and RST floods: only packets with those flags
    require_approval: bool = False
    priority: int = 0  # of its rules on the wire
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """When later steps of a playbook are taken."""

    enabled: Annotated[bool, Doc("false keeps every mitigation at its first step.")] = True
    min_persistence_s: Annotated[Seconds, Doc("What a later step needs when it says nothing.")] = (
        120
    )
    min_confidence: Annotated[Share, Doc("What a later step needs when it says nothing.")] = 0.7
    max_escalated_duration_s: Annotated[
        Seconds, Doc("Longest remaining life of a mitigation that escalates.")
    ] = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    playbooks: tuple[Playbook, ...] = ()
    escalation: Escalation = Escalation()
    default_ttl_s: Annotated[
        int, Whole(1, MAX_TTL_S), Doc("For steps whose ttl_seconds is 0."), In("timers")
    ] = 120
    relaxed_confidence: Annotated[
        Share,
        Doc("From here on a customer of profile relaxed starts with the discard."),
        In("escalation"),
    ] = 0.9


def problems(
    settings: PolicySettings, ttl_bounds_s: tuple[int, int] | None = None
) -> tuple[Problem, ...]:
    """Everything wrong with a set of playbooks.

    `ttl_bounds_s` are the guardrail's: a step outside them would be refused every single time.
    """
    if not settings.playbooks:
        return (Problem("playbooks", "at least one playbook is needed"),)
    found: list[Problem] = []
    names: dict[str, int] = {}
    for index, playbook in enumerate(settings.playbooks):
        where = f"playbooks[{index}]"
        found += (
            problem.inside(where)
            for problem in _playbook_problems(playbook, settings, ttl_bounds_s)
        )
        first = names.setdefault(playbook.name, index)
        if first != index:
            found.append(Problem(f"{where}.name", f"{playbook.name!r} is also playbooks[{first}]"))
        hiding = _hidden_by(playbook, settings.playbooks[:index])
        if hiding is not None:
            found.append(
                Problem(
                    f"{where}.match",
                    f"is never reached: {hiding!r} before it takes every attack it would match",
                )
            )
    found += _escalation_problems(settings.escalation)
    return tuple(found)


def _playbook_problems(
    playbook: Playbook, settings: PolicySettings, ttl_bounds_s: tuple[int, int] | None
) -> Iterator[Problem]:
    if not playbook.name.strip():
        yield Problem("name", "is empty")
    elif len(playbook.name) > MAX_NAME:
        yield Problem("name", f"is longer than {MAX_NAME} characters")
    for key, volume in (("min_bps", playbook.match.min_bps), ("min_pps", playbook.match.min_pps)):
        if volume is not None and volume < 0:
            yield Problem(f"match.{key}", f"{volume} is negative")
    if playbook.correlation is not None:
        yield from (
            found.inside("correlation") for found in agreement_problems(playbook.correlation)
        )
    if not playbook.steps:
        yield Problem("steps", "at least one step is needed")
    for index, step in enumerate(playbook.steps):
        where = f"steps[{index}]"
        yield from (found.inside(where) for found in _step_problems(step, settings, ttl_bounds_s))
        conditional = step.require_confidence is not None or step.require_persistence_s is not None
        if index == 0 and conditional:
            yield Problem(where, "the first step is taken at once and can have no conditions")


def _step_problems(
    step: Step, settings: PolicySettings, ttl_bounds_s: tuple[int, int] | None
) -> Iterator[Problem]:
    ttl_s = step.ttl_s or settings.default_ttl_s
    if not 0 <= step.ttl_s <= MAX_TTL_S:
        yield Problem("ttl_seconds", f"{step.ttl_s} is outside 1..{MAX_TTL_S}")
    elif ttl_bounds_s is not None and not ttl_bounds_s[0] <= ttl_s <= ttl_bounds_s[1]:
        low, high = ttl_bounds_s
        yield Problem(
            "ttl_seconds", f"{ttl_s} is outside the guardrail's {low}..{high}: always refused"
        )
    confidence = step.require_confidence
    if confidence is not None and not 0 <= confidence <= 1:  # false for NaN as well
        yield Problem("require_confidence_at_least", f"{confidence} is outside 0..1")
    if step.require_persistence_s is not None and step.require_persistence_s < 0:
        yield Problem("require_persistence_seconds", f"{step.require_persistence_s} is negative")
    yield from action_problems(step.action)


def action_problems(action: Action) -> Iterator[Problem]:
    """Parameters an action cannot have; used for playbooks and for requests by hand."""
    match action:
        case Discard():
            return
        case Police(rate_bps=rate):
            if rate < MIN_POLICE_BPS:
                yield Problem("rate_bps", f"{rate} is less than {MIN_POLICE_BPS} bit/s")
        case Redirect():
            yield from _redirect_problems(action)
        case Mark(dscp=dscp):
            if not 0 <= dscp <= MAX_DSCP:
                yield Problem("dscp", f"{dscp} is outside 0..{MAX_DSCP}")
        case Blackhole():
            yield from _blackhole_problems(action)
        case _:
            assert_never(action)


def _redirect_problems(redirect: Redirect) -> Iterator[Problem]:
    if (redirect.route_target is None) == (redirect.next_hop is None):
        yield Problem("redirect", "needs a route target or a next hop, and not both")
    elif redirect.route_target is not None and _number_pair(redirect.route_target) is None:
        yield Problem("route_target", f"{redirect.route_target!r} is not of the form 64500:100")


def _blackhole_problems(blackhole: Blackhole) -> Iterator[Problem]:
    if not blackhole.communities:
        yield Problem("communities", "a blackhole route without communities is just a route")
    for index, community in enumerate(blackhole.communities):
        pair = _number_pair(community)
        if pair is None or max(pair) > 0xFFFF:
            yield Problem(f"communities[{index}]", f"{community!r} is not a community")


def agreement_problems(agreement: Agreement) -> Iterator[Problem]:
    for key, count in (
        ("min_sources", agreement.min_sources),
        ("min_primary_sources", agreement.min_primary_sources),
    ):
        if count is not None and count < 1:
            yield Problem(key, f"{count} is less than 1")
    threshold = agreement.confidence_threshold
    if threshold is not None and not 0 <= threshold <= 1:
        yield Problem("confidence_threshold", f"{threshold} is outside 0..1")
    if agreement.half_life_s is not None and agreement.half_life_s < 0:
        yield Problem("confidence_decay_half_life_seconds", f"{agreement.half_life_s} is negative")
    for index, bypass in enumerate(agreement.bypass):
        if not bypass.source:
            yield Problem(f"bypass[{index}].source", "is empty")
        if not 0 <= bypass.min_confidence <= 1:
            yield Problem(
                f"bypass[{index}].min_confidence", f"{bypass.min_confidence} is outside 0..1"
            )


def _escalation_problems(escalation: Escalation) -> Iterator[Problem]:
    if not 0 <= escalation.min_confidence <= 1:
        yield Problem("escalation.min_confidence", f"{escalation.min_confidence} is outside 0..1")
    for key, seconds in (
        ("min_persistence_seconds", escalation.min_persistence_s),
        ("max_escalated_duration_seconds", escalation.max_escalated_duration_s),
    ):
        if seconds < 0:
            yield Problem(f"escalation.{key}", f"{seconds} is negative")


def _hidden_by(playbook: Playbook, earlier: Sequence[Playbook]) -> str | None:
    """The earlier playbook, if there is one, that matches whenever this one would."""
    for other in earlier:
        if _at_least_as_wide(other.match, playbook.match):
            return other.name
    return None


def _at_least_as_wide(wide: PlaybookMatch, narrow: PlaybookMatch) -> bool:
    def covers(outer: Sequence[object], inner: Sequence[object]) -> bool:
        return not outer or (bool(inner) and set(inner) <= set(outer))

    return (
        covers(wide.vectors, narrow.vectors)
        and (narrow.require_top_ports or not wide.require_top_ports)
        and (wide.min_bps or 0) <= (narrow.min_bps or 0)
        and (wide.min_pps or 0) <= (narrow.min_pps or 0)
        and covers(wide.customer_ids, narrow.customer_ids)
        and covers(wide.service_ids, narrow.service_ids)
        and covers(wide.profiles, narrow.profiles)
        and covers(wide.tags, narrow.tags)
        and covers(wide.prefixes, narrow.prefixes)
    )


def _number_pair(text: str) -> tuple[int, int] | None:
    """`64500:100` as two numbers that fit a route target (one of them in 16 bits)."""
    found = _NUMBER_PAIR.fullmatch(text)
    if found is None:
        return None
    high, low = int(found[1]), int(found[2])
    fits = max(high, low) <= 0xFFFF_FFFF and min(high, low) <= 0xFFFF
    return (high, low) if fits else None
