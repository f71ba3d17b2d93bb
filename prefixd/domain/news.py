"""Things that happened, for everyone who wants to hear: live feed, alerts, metrics, audit.

Each class is one fact in the past tense, carrying what a listener needs so that nobody has to read
it back. News is made after the commit that made it true, and is never an order. Classes are flat:
a listener matches on the type and the checker notices a forgotten one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from prefixd.domain.actor import Actor
from prefixd.domain.derive import quick
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


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReceived:
    at_us: int
    signal: Signal
    outcome: str
    mitigation_id: MitigationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorroboratorReceived:
    at_us: int
    signal: Corroboration
    attached: int


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOpened:
    at_us: int
    group: Group


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementReached:
    at_us: int
    group: Group
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupHeld:
    at_us: int
    group: Group
    reason: HoldReason
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupClosed:
    at_us: int
    group: Group
    reason: CloseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationActivated:
    """A rule began to hold: made by a decision or by hand."""

    at_us: int
    mitigation: Mitigation
    actor: Actor
    text: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationExtended:
    at_us: int
    mitigation: Mitigation
    actor: Actor
    old_expires_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationEscalated:
    at_us: int
    mitigation: Mitigation
    actor: Actor
    old_rule: Rule
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationRevised:
    """Other ports or another rate, in place."""

    at_us: int
    mitigation: Mitigation
    actor: Actor
    old_rule: Rule
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationWithdrawn:
    at_us: int
    mitigation: Mitigation
    actor: Actor
    reason: WithdrawReason
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationExpired:
    at_us: int
    mitigation: Mitigation


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationInexpressible:
    """It is in force, but no router can carry its rule."""

    at_us: int
    mitigation: Mitigation
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationAcknowledged:
    at_us: int
    mitigation: Mitigation
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailRefused:
    """A rule that policy wanted and a guardrail forbade; `codes` are the stable words."""

    at_us: int
    victim: Prefix
    vector: Vector
    customer_id: str | None
    codes: tuple[str, ...]
    text: str
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaNear:
    at_us: int
    quota: str
    current: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SafelistAdded:
    at_us: int
    entry: SafelistEntry
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class SafelistRemoved:
    at_us: int
    entry: SafelistEntry
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerUp:
    at_us: int
    peer: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDown:
    at_us: int
    peer: str
    address: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRepaired:
    """The wire differed from the store and was made to match; zero is what we expect."""

    at_us: int
    missing: int
    surplus: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigReloaded:
    at_us: int
    version: int
    actor: Actor
    changes: tuple[str, ...]  # redacted, one line each


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefused:
    at_us: int
    actor: Actor
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSilent:
    at_us: int
    source: str
    last_seen_us: int | None
    """None: not since the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecovered:
    at_us: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorChanged:
    """Somebody's account, token or password; `change` is a word such as `created`."""

    at_us: int
    actor: Actor
    target: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailed:
    at_us: int
    name: str
    address: str
    throttled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLost:
    at_us: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRestored:
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped:
    at_us: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStarted:
    at_us: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStopping:
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
