"""One rule with a life: who it protects, what it does, why, until when, and how it ended.

    (new) ── open_mitigation ──> active ── escalate ──> escalated
                                   │  extend, revise       │ extend, revise
                                   v                       v
                            withdrawn / expired     withdrawn / expired

`withdrawn` and `expired` are final. Every move is a function that takes the mitigation as it was
read and returns either the next value or an `IllegalMove`; there is no other way to a new status,
so no caller can revive a withdrawn rule by writing an old copy back. `version` grows
with each move: a store that updates "where version = the one I read" makes the same promise
across processes.

There is no "withdrawing" state. What is on the wire is computed from the live rows, so a row that
ended is off the wire by the same comparison that put it there, again and again until it is.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import Intent, Rule, action_kind, scope_hash
from prefixd.domain.vector import Vector


class Status(StrEnum):
    PENDING = "pending"  # of rows an older release wrote; nothing becomes pending or rejected now
    ACTIVE = "active"
    ESCALATED = "escalated"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"


LIVE: Final = frozenset({Status.PENDING, Status.ACTIVE, Status.ESCALATED})
ON_THE_WIRE: Final = frozenset({Status.ACTIVE, Status.ESCALATED})


class Origin(StrEnum):
    DETECTOR = "detector"
    MANUAL = "manual"


class Move(StrEnum):
    EXTEND = "extend"
    ESCALATE = "escalate"
    REVISE = "revise"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    ACKNOWLEDGE = "acknowledge"


class Draft(Struct, frozen=True, kw_only=True):
    """Everything about a mitigation that a decision knows; ids and the clock come from outside."""

    pop: str
    customer_id: str | None
    service_id: str | None
    victim: Prefix
    vector: Vector
    rule: Rule
    ttl_s: int
    reason: str
    origin: Origin
    created_by: str
    playbook: str | None = None
    playbook_version: int = 0
    step: int = 0
    priority: int = 0
    confidence: float | None = None
    sources: tuple[str, ...] = ()
    contributing_vectors: tuple[Vector, ...] = ()
    pinned: bool = False
    dry_run: bool = False


class Mitigation(Struct, frozen=True, kw_only=True):
    mitigation_id: MitigationId
    status: Status
    pop: str
    customer_id: str | None
    service_id: str | None
    victim: Prefix
    vector: Vector
    contributing_vectors: tuple[Vector, ...]
    rule: Rule
    scope_hash: str
    created_at_us: int
    updated_at_us: int
    expires_at_us: int
    triggering_event_id: SignalId
    last_event_id: SignalId
    reason: str
    origin: Origin
    created_by: str
    group_id: GroupId | None = None
    playbook: str | None = None
    playbook_version: int = 0
    step: int = 0
    priority: int = 0
    confidence: float | None = None
    sources: tuple[str, ...] = ()
    pinned: bool = False  # clears and shadowing leave it alone
    dry_run: bool = False  # decided while nothing was to be announced; never goes live by itself
    escalated_at_us: int | None = None
    escalated_from_id: MitigationId | None = None  # of rows an older release escalated by copying
    withdrawn_at_us: int | None = None  # set on expiry too
    ended_by: str | None = None
    end_reason: str | None = None
    rejection_reason: str | None = None
    acknowledged_at_us: int | None = None
    acknowledged_by: str | None = None
    version: int = 1

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def on_the_wire(self) -> bool:
        """Whether the Loc-RIB should hold its rule."""
        return self.status in ON_THE_WIRE and not self.dry_run


class IllegalMove(Struct, frozen=True):
    move: Move
    status: Status
    sentence: str


def open_mitigation(
    draft: Draft,
    mitigation_id: MitigationId,
    event_id: SignalId,
    now_us: int,
    group_id: GroupId | None = None,
) -> Mitigation:
    """A new row, in force from now on."""
    return Mitigation(
        mitigation_id=mitigation_id,
        status=Status.ACTIVE,
        pop=draft.pop,
        customer_id=draft.customer_id,
        service_id=draft.service_id,
        victim=draft.victim,
        vector=draft.vector,
        contributing_vectors=draft.contributing_vectors or (draft.vector,),
        rule=draft.rule,
        scope_hash=scope_hash(draft.rule.match),
        created_at_us=now_us,
        updated_at_us=now_us,
        expires_at_us=now_us + draft.ttl_s * 1_000_000,
        triggering_event_id=event_id,
        last_event_id=event_id,
        reason=draft.reason,
        origin=draft.origin,
        created_by=draft.created_by,
        group_id=group_id,
        playbook=draft.playbook,
        playbook_version=draft.playbook_version,
        step=draft.step,
        priority=draft.priority,
        confidence=draft.confidence,
        sources=draft.sources,
        pinned=draft.pinned,
        dry_run=draft.dry_run,
    )


def extend(
    mitigation: Mitigation,
    expires_at_us: int,
    now_us: int,
    *,
    event_id: SignalId | None = None,
    vector: Vector | None = None,
    sources: tuple[str, ...] = (),
) -> Mitigation | IllegalMove:
    """Live on until `expires_at_us`; never shortens. What kept it alive is remembered."""
    if mitigation.status not in ON_THE_WIRE:
        return _illegal(Move.EXTEND, mitigation)
    return _moved(
        mitigation,
        now_us,
        status=mitigation.status,
        expires_at_us=max(mitigation.expires_at_us, expires_at_us),
        last_event_id=event_id or mitigation.last_event_id,
        contributing_vectors=_joined_vectors(mitigation, vector),
        sources=tuple(sorted({*mitigation.sources, *sources})),
    )


def escalate(
    mitigation: Mitigation, rule: Rule, step: int, expires_at_us: int, now_us: int
) -> Mitigation | IllegalMove:
    """A harder action for the same victim, in place: same row, same id, same history."""
    if mitigation.status not in ON_THE_WIRE or step <= mitigation.step:
        return _illegal(Move.ESCALATE, mitigation)
    return _moved(
        mitigation,
        now_us,
        status=Status.ESCALATED,
        rule=rule,
        scope_hash=scope_hash(rule.match),
        step=step,
        expires_at_us=expires_at_us,
        escalated_at_us=now_us,
    )


def revise(
    mitigation: Mitigation,
    rule: Rule,
    expires_at_us: int,
    now_us: int,
    *,
    event_id: SignalId | None = None,
    vector: Vector | None = None,
) -> Mitigation | IllegalMove:
    """Other ports or another rate for the same attack, in place; the status stays."""
    if mitigation.status not in ON_THE_WIRE:
        return _illegal(Move.REVISE, mitigation)
    return _moved(
        mitigation,
        now_us,
        status=mitigation.status,
        rule=rule,
        scope_hash=scope_hash(rule.match),
        expires_at_us=max(mitigation.expires_at_us, expires_at_us),
        last_event_id=event_id or mitigation.last_event_id,
        contributing_vectors=_joined_vectors(mitigation, vector),
    )


def withdraw(mitigation: Mitigation, reason: str, by: str, now_us: int) -> Mitigation | IllegalMove:
    """Taken back before its time. The reason it was made for stays readable beside this one."""
    if mitigation.status not in LIVE:
        return _illegal(Move.WITHDRAW, mitigation)
    return _moved(
        mitigation,
        now_us,
        status=Status.WITHDRAWN,
        withdrawn_at_us=now_us,
        end_reason=reason,
        ended_by=by,
    )


def expire(mitigation: Mitigation, now_us: int) -> Mitigation | IllegalMove:
    """Only when its time has come: an extension that won the race makes this illegal."""
    if mitigation.status not in LIVE or now_us < mitigation.expires_at_us:
        return _illegal(Move.EXPIRE, mitigation)
    return _moved(
        mitigation,
        now_us,
        status=Status.EXPIRED,
        withdrawn_at_us=now_us,
        end_reason="expired",
        ended_by="system",
    )


def acknowledge(mitigation: Mitigation, by: str, now_us: int) -> Mitigation | IllegalMove:
    if mitigation.status is Status.REJECTED or mitigation.acknowledged_at_us is not None:
        return _illegal(Move.ACKNOWLEDGE, mitigation)
    return _moved(
        mitigation,
        now_us,
        status=mitigation.status,
        acknowledged_at_us=now_us,
        acknowledged_by=by,
    )


def intent_of(mitigation: Mitigation, owner: str) -> Intent:
    return Intent(
        mitigation_id=mitigation.mitigation_id,
        rule=mitigation.rule,
        priority=mitigation.priority,
        expires_at_us=mitigation.expires_at_us,
        owner=owner,
        manual=mitigation.origin is Origin.MANUAL,
    )


def _moved(mitigation: Mitigation, now_us: int, *, status: Status, **changes: object) -> Mitigation:
    return replace(
        mitigation,
        status=status,
        updated_at_us=max(now_us, mitigation.updated_at_us),
        version=mitigation.version + 1,
        **changes,
    )


def _joined_vectors(mitigation: Mitigation, vector: Vector | None) -> tuple[Vector, ...]:
    known = mitigation.contributing_vectors
    return known if vector is None or vector in known else (*known, vector)


def _illegal(move: Move, mitigation: Mitigation) -> IllegalMove:
    kind = action_kind(mitigation.rule.action)
    return IllegalMove(
        move,
        mitigation.status,
        f"cannot {move} a {kind} mitigation that is {mitigation.status}",
    )
