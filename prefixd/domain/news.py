"""What has happened, as values for the live feed, alerts, metrics and the audit trail.

Each class is one fact in the past tense, with what a listener needs, so that it is not read from
the store again. News is made after the commit that made it true, and is never an order. Classes
are flat: a listener matches on the type and the checker notices a forgotten one.
"""

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from prefixd.domain.actor import Actor
from prefixd.domain.group import CloseReason, Group, HoldReason
from prefixd.domain.ids import MitigationId
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import Rule
from prefixd.domain.safelist import SafelistEntry
from prefixd.domain.signal import Corroboration, Signal
from prefixd.domain.vector import Vector


class WithdrawReason(StrEnum):
    """Why a rule went before its time, as a bounded word for metrics and filters."""

    OPERATOR = "operator"
    DETECTOR_CLEAR = "detector_unban"
    SAFELIST = "safelist"
    SHADOWED = "shadowed"
    CONFIG = "config"


class SignalReceived(Struct, frozen=True, kw_only=True):
    at_us: int
    signal: Signal
    outcome: str
    mitigation_id: MitigationId | None = None


class CorroboratorReceived(Struct, frozen=True, kw_only=True):
    at_us: int
    signal: Corroboration
    attached: int


class GroupOpened(Struct, frozen=True, kw_only=True):
    at_us: int
    group: Group


class AgreementReached(Struct, frozen=True, kw_only=True):
    at_us: int
    group: Group
    text: str


class GroupHeld(Struct, frozen=True, kw_only=True):
    at_us: int
    group: Group
    reason: HoldReason
    text: str


class GroupClosed(Struct, frozen=True, kw_only=True):
    at_us: int
    group: Group
    reason: CloseReason


class MitigationActivated(Struct, frozen=True, kw_only=True):
    """A rule began to hold: made by a decision or by hand."""

    at_us: int
    mitigation: Mitigation
    actor: Actor
    text: str


class MitigationExtended(Struct, frozen=True, kw_only=True):
    at_us: int
    mitigation: Mitigation
    actor: Actor
    old_expires_at_us: int


class MitigationEscalated(Struct, frozen=True, kw_only=True):
    at_us: int
    mitigation: Mitigation
    actor: Actor
    old_rule: Rule
    text: str


class MitigationRevised(Struct, frozen=True, kw_only=True):
    """Other ports or another rate, in place."""

    at_us: int
    mitigation: Mitigation
    actor: Actor
    old_rule: Rule
    text: str


class MitigationWithdrawn(Struct, frozen=True, kw_only=True):
    at_us: int
    mitigation: Mitigation
    actor: Actor
    reason: WithdrawReason
    text: str


class MitigationExpired(Struct, frozen=True, kw_only=True):
    at_us: int
    mitigation: Mitigation


class MitigationInexpressible(Struct, frozen=True, kw_only=True):
    """It is in force, but no router can carry its rule."""

    at_us: int
    mitigation: Mitigation
    text: str


class MitigationAcknowledged(Struct, frozen=True, kw_only=True):
    at_us: int
    mitigation: Mitigation
    actor: Actor


class GuardrailRefused(Struct, frozen=True, kw_only=True):
    """A rule that policy wanted and a guardrail forbade; `codes` are the stable words."""

    at_us: int
    victim: Prefix
    vector: Vector
    customer_id: str | None
    codes: tuple[str, ...]
    text: str
    actor: Actor


class QuotaNear(Struct, frozen=True, kw_only=True):
    at_us: int
    quota: str
    current: int
    limit: int


class SafelistAdded(Struct, frozen=True, kw_only=True):
    at_us: int
    entry: SafelistEntry
    actor: Actor


class SafelistRemoved(Struct, frozen=True, kw_only=True):
    at_us: int
    entry: SafelistEntry
    actor: Actor


class PeerUp(Struct, frozen=True, kw_only=True):
    at_us: int
    peer: str
    address: str


class PeerDown(Struct, frozen=True, kw_only=True):
    at_us: int
    peer: str
    address: str
    reason: str


class DriftRepaired(Struct, frozen=True, kw_only=True):
    """The wire differed from the store and was made to match; zero is what we expect."""

    at_us: int
    missing: int
    surplus: int
    changed: int


class ConfigReloaded(Struct, frozen=True, kw_only=True):
    at_us: int
    version: int
    actor: Actor
    changes: tuple[str, ...]  # redacted, one line each


class ConfigRefused(Struct, frozen=True, kw_only=True):
    at_us: int
    actor: Actor
    problems: tuple[str, ...]


class SourceSilent(Struct, frozen=True, kw_only=True):
    at_us: int
    source: str
    last_seen_us: int | None
    """None: not since the start."""


class SourceRecovered(Struct, frozen=True, kw_only=True):
    at_us: int
    source: str


class OperatorChanged(Struct, frozen=True, kw_only=True):
    """An account, token or password was changed; `change` is a word such as `created`."""

    at_us: int
    actor: Actor
    target: str
    change: str


class LoginFailed(Struct, frozen=True, kw_only=True):
    at_us: int
    name: str
    address: str
    throttled: bool


class StoreLost(Struct, frozen=True, kw_only=True):
    at_us: int
    text: str


class StoreRestored(Struct, frozen=True, kw_only=True):
    at_us: int


class ClockJumped(Struct, frozen=True, kw_only=True):
    at_us: int
    seconds: float


class SystemStarted(Struct, frozen=True, kw_only=True):
    at_us: int
    version: str


class SystemStopping(Struct, frozen=True, kw_only=True):
    at_us: int


MitigationNews: TypeAlias = (
    MitigationActivated
    | MitigationExtended
    | MitigationEscalated
    | MitigationRevised
    | MitigationWithdrawn
    | MitigationExpired
    | MitigationInexpressible
    | MitigationAcknowledged
)
GroupNews: TypeAlias = GroupOpened | AgreementReached | GroupHeld | GroupClosed
SystemNews: TypeAlias = (
    PeerUp
    | PeerDown
    | DriftRepaired
    | ConfigReloaded
    | ConfigRefused
    | SourceSilent
    | SourceRecovered
    | OperatorChanged
    | LoginFailed
    | StoreLost
    | StoreRestored
    | ClockJumped
    | SystemStarted
    | SystemStopping
)
News: TypeAlias = (
    SignalReceived
    | CorroboratorReceived
    | GroupNews
    | MitigationNews
    | GuardrailRefused
    | QuotaNear
    | SafelistAdded
    | SafelistRemoved
    | SystemNews
)
