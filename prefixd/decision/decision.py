"""What a decision is: a plan, the group as it will be, and everything that led there.

The plan is one of the flat classes below; the code that applies it adds ids and saves it.
The rest is evidence: `prefixd.decision.explain` turns it into a sentence and into a record that is
stored once and never recomputed.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from prefixd.correlation.assessment import Assessment, Missing
from prefixd.domain.group import Group, HoldReason
from prefixd.domain.ids import MitigationId, SignalId
from prefixd.domain.inventory import Owner
from prefixd.domain.mitigation import Draft
from prefixd.domain.record import Outcome
from prefixd.domain.rule import Rule
from prefixd.guardrails.facts import Counts, Refusal
from prefixd.policy.escalate import Blocked
from prefixd.policy.playbook import Playbook
from prefixd.policy.relation import Relation
from prefixd.policy.scope import Wanted


class TriggerKind(StrEnum):
    SIGNAL = "signal"
    CORROBORATOR = "corroborator"
    TIMER = "timer"
    OPERATOR = "operator"
    RELOAD = "reload"


class Trigger(Struct, frozen=True):
    kind: TriggerKind
    signal_id: SignalId | None = None


TIMER = Trigger(TriggerKind.TIMER)


class Create(Struct, frozen=True):
    """A new mitigation; `beside` names live ones of the same victim it does not touch."""

    draft: Draft
    beside: tuple[MitigationId, ...] = ()


class Extend(Struct, frozen=True):
    """Keep a live rule as it is for longer: it does what is wanted, or more of it."""

    mitigation_id: MitigationId
    expires_at_us: int
    relation: Relation


@dataclass(frozen=True, slots=True)
class Escalate:
    """A later step of the playbook, in place."""

    mitigation_id: MitigationId
    rule: Rule
    step: int
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class Revise:
    """Wider ports or a harder action for a live rule, in place."""

    mitigation_id: MitigationId
    rule: Rule
    expires_at_us: int
    relation: Relation


@dataclass(frozen=True, slots=True)
class Wait:
    """The sources do not agree yet; `missing` says what is wanted."""

    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """They agree, and something says no; worth another try later. Nothing live is touched."""

    reason: HoldReason
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """No, and asking again changes nothing by itself. Nothing live is touched."""

    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Clear:
    """The attack is over: withdraw what was made for it."""

    mitigation_ids: tuple[MitigationId, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is to be done; `code` is a stable word for why."""

    code: str
    sentence: str


Plan: TypeAlias = Create | Extend | Escalate | Revise | Wait | Hold | Refuse | Clear | Nothing


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A live rule that does nothing any more beside the planned one: withdraw it with the plan."""

    mitigation_id: MitigationId
    sentence: str


class Decision(Struct, frozen=True, kw_only=True):
    """`group` is the group as it is to be saved; a new mitigation's id is still to be added."""

    plan: Plan
    group: Group
    at_us: int
    trigger: Trigger
    pop: str
    config_version: int
    counts: Counts
    shadowed: tuple[Shadowed, ...] = ()
    assessment: Assessment | None = None
    owner: Owner | None = None
    playbook: Playbook | None = None
    wanted: Wanted | None = None  # what policy asked for
    rule: Rule | None = None  # what it became, beside what is in force already
    escalation: Blocked | None = None  # what stands in the way of the next step
    not_done: tuple[Refusal, ...] = ()  # why something better than the plan was not possible
    next_look_us: int | None = None  # when time alone may change the answer

    @property
    def outcome(self) -> Outcome:
        if isinstance(self.plan, Nothing) and self.plan.code == "clearing":
            return Outcome.CLEARING
        return _OUTCOMES.get(type(self.plan), Outcome.IGNORED)

    @property
    def codes(self) -> tuple[str, ...]:
        """Stable words for why it was not, or not quite, done."""
        match self.plan:
            case Hold(refusals=refusals) | Refuse(refusals=refusals):
                return tuple(dict.fromkeys(refusal.code for refusal in refusals))
            case Nothing(code=code):
                return (code,)
            case Wait(missing=missing):
                return tuple(dict.fromkeys(str(item.need) for item in missing))
            case _ if not self.not_done:
                return ()
            case _:
                return tuple(dict.fromkeys(refusal.code for refusal in self.not_done))


_OUTCOMES: dict[type[Plan], Outcome] = {
    Create: Outcome.MITIGATED,
    Extend: Outcome.EXTENDED,
    Escalate: Outcome.ESCALATED,
    Revise: Outcome.EXTENDED,
    Wait: Outcome.WAITING,
    Hold: Outcome.HELD,
    Refuse: Outcome.HELD,
    Clear: Outcome.CLEARED,
}
