"""The guardrails: small questions in a fixed order, each of which can only say no.

`CHECKS` is the whole truth about which run, in which order and for which purpose; `inspect` runs
all of them, so that an operator sees every reason at once and not one per attempt. Codes are
stable: programs, metrics and the documentation name them. The checks themselves are in `shape`
(the rule) and `room` (how many there are).

No check knows how a rule came to be wanted, and none has an override. Doubt refuses: see `facts`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from prefixd.guardrails import quota_checks, shape
from prefixd.guardrails.facts import Facts, Proposal, Purpose, Refusal
from prefixd.guardrails.limits import Limits

Check: TypeAlias = Callable[[Proposal, Facts, Limits], Refusal | None]

_ALWAYS: Final = frozenset(Purpose)
_NEW: Final = frozenset({Purpose.CREATE})
_RULE_IS_NEW: Final = frozenset({Purpose.CREATE, Purpose.CHANGE})


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A row of the table: which codes it can answer, when it runs, what it asks."""

    codes: tuple[str, ...]
    purposes: frozenset[Purpose]
    check: Check
    question: str


CHECKS: Final[tuple[Guardrail, ...]] = (
    Guardrail(
        ("safelisted", "safelist_unknown"),
        _ALWAYS,
        shape.safelisted,
        "Does the rule touch a safelisted prefix?",
    ),
    Guardrail(("protected_flow",), _ALWAYS, shape.protected, "Would it match our own sessions?"),
    Guardrail(("not_owned",), _RULE_IS_NEW, shape.owned, "Is the victim in the inventory?"),
    Guardrail(
        ("no_destination",), _RULE_IS_NEW, shape.has_destination, "Does it name a destination?"
    ),
    Guardrail(
        ("src_prefix_not_allowed",), _RULE_IS_NEW, shape.source_prefix, "May it name a source?"
    ),
    Guardrail(("tcp_flags_not_allowed",), _RULE_IS_NEW, shape.tcp_flags, "May it match TCP flags?"),
    Guardrail(("fragment_not_allowed",), _RULE_IS_NEW, shape.fragments, "May it match fragments?"),
    Guardrail(
        ("packet_length_not_allowed",),
        _RULE_IS_NEW,
        shape.packet_lengths,
        "May it match packet lengths?",
    ),
    Guardrail(("ttl_required",), _ALWAYS, shape.ttl_given, "Is there a TTL?"),
    Guardrail(("ttl_out_of_bounds",), _ALWAYS, shape.ttl_bounds, "Is the TTL within bounds?"),
    Guardrail(("max_lifetime",), _ALWAYS, shape.lifetime, "Has it lived too long already?"),
    Guardrail(
        ("prefix_length",),
        _RULE_IS_NEW,
        shape.prefix_length,
        "Is the prefix neither too wide nor too narrow?",
    ),
    Guardrail(
        ("discard_too_wide",), _RULE_IS_NEW, shape.discard_share, "Does it drop too much of us?"
    ),
    Guardrail(("too_many_ports",), _RULE_IS_NEW, shape.port_count, "Are the ports few enough?"),
    Guardrail(("rate_too_low",), _RULE_IS_NEW, shape.police_rate, "Is the rate a real one?"),
    Guardrail(
        ("blackhole_not_host",),
        _RULE_IS_NEW,
        shape.blackhole_host,
        "Does a blackhole name one host?",
    ),
    Guardrail(
        ("quiet_period", "withdrawals_unknown"),
        _NEW,
        quota_checks.quiet_period,
        "Was it withdrawn just now?",
    ),
    Guardrail(
        ("quota_customer", "quota_unknown"),
        _ALWAYS,
        quota_checks.customer_quota,
        "Is the customer's quota full?",
    ),
    Guardrail(
        ("quota_pop", "quota_unknown"), _ALWAYS, quota_checks.pop_quota, "Is the POP's quota full?"
    ),
    Guardrail(
        ("quota_global", "quota_unknown"),
        _ALWAYS,
        quota_checks.global_quota,
        "Is the global quota full?",
    ),
    Guardrail(
        ("quota_new_per_minute", "quota_unknown"),
        _NEW,
        quota_checks.creation_rate,
        "Were too many made lately?",
    ),
    Guardrail(("quota_peer", "quota_unknown"), _NEW, quota_checks.peer_quota, "Is a peer full?"),
)


_ASKED: Final[Mapping[Purpose, tuple[Check, ...]]] = MappingProxyType(
    {
        purpose: tuple(guardrail.check for guardrail in CHECKS if purpose in guardrail.purposes)
        for purpose in Purpose
    }
)


def inspect(proposal: Proposal, facts: Facts, limits: Limits) -> tuple[Refusal, ...]:
    """Every reason against the proposal, in the order of the table; empty means it may be."""
    refusals: list[Refusal] = []
    for check in _ASKED[proposal.purpose]:
        refusal = check(proposal, facts, limits)
        if refusal is not None:
            refusals.append(refusal)
    return tuple(refusals)
