"""What must be known before a rule may be made, longer kept or changed, and what a no looks like.

None means "could not be read", and never "nothing there": a guardrail that meets a None refuses,
because a rule made in doubt can hurt a customer while a rule not made leaves things as they are.
Facts about live mitigations cover this POP unless their name says otherwise.
"""

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from prefixd.domain.ids import MitigationId
from prefixd.domain.mitigation import Mitigation, Origin
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import Rule
from prefixd.domain.safelist import EMPTY_SAFELIST, Safelist
from prefixd.domain.vector import Vector


class Refusal(Struct, frozen=True):
    """One reason against a rule. `limit` and `value` are what was compared, as text."""

    code: str
    text: str
    limit: str
    value: str


def unknown(code: str, what: str) -> Refusal:
    return Refusal(code, f"{what} is not known: in doubt no new rule is made", "known", "unknown")


def not_allowed(code: str, what: str, value: str) -> Refusal:
    return Refusal(code, f"rules may not match {what} here", "not allowed", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A rule that an operator withdrew a short while ago."""

    victim: Prefix
    vector: Vector
    scope_hash: str
    at_us: int


class Counts(Struct, frozen=True, kw_only=True):
    """Live mitigations, own row included when one is being extended. None: unknown."""

    customer: int | None = 0
    pop: int | None = 0
    everywhere: int | None = 0
    new_last_minute: int | None = 0
    fullest_peer: int | None = 0  # announcements at the peer that has most


NO_COUNTS = Counts()


class Facts(Struct, frozen=True, kw_only=True):
    mitigations: tuple[Mitigation, ...] | None = ()  # live, of this victim or covering it
    safelist: Safelist | None = EMPTY_SAFELIST
    counts: Counts = NO_COUNTS
    withdrawals: tuple[Withdrawal, ...] | None = ()  # recent ones of this victim
    shared: frozenset[MitigationId] = frozenset()  # other live groups still need these
    approved: bool = False  # an operator said yes to this group


class Purpose(StrEnum):
    """What the proposed rule is for; some limits concern only what is new."""

    CREATE = "create"
    EXTEND = "extend"
    CHANGE = "change"  # another action or other ports for a live mitigation


class Proposal(Struct, frozen=True, kw_only=True):
    """The wanted rule, as the guardrails see it."""

    purpose: Purpose
    rule: Rule
    victim: Prefix
    vector: Vector
    customer_id: str | None
    ttl_s: int
    now_us: int
    created_at_us: int  # of the live mitigation; now for a new one
    origin: Origin
    customer_max_active: int | None = None  # the customer's own quota
    own_space: int = 0  # addresses of the victim's family in the inventory
