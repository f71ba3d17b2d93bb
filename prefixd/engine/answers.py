"""What the engine tells a face: results as values, refusals included.

A refusal, a missing row or "not yet" is a normal answer with its reasons. Only two things are
exceptions: `StoreUnavailable` (nothing was written, come back later) and `Busy` (a bounded queue
is full). Faces turn both into 503 with a pause.
"""

from dataclasses import dataclass

from msgspec import Struct

from prefixd.domain.mitigation import Mitigation
from prefixd.domain.record import Outcome
from prefixd.domain.rule import Rule, RulePreview
from prefixd.errors import PrefixdError, StoreUnavailable
from prefixd.guardrails.facts import Refusal


class Busy(PrefixdError):
    """A bounded queue of the engine is full, or the daemon is stopping. Nothing was stored."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class IngestAnswer(Struct, frozen=True, kw_only=True):
    """One per signal, in the order they were handed in."""

    signal_id: str
    external_id: str
    outcome: Outcome
    reason: str = ""
    """One plain sentence."""
    codes: tuple[str, ...] = ()
    """Stable words for the reasons: refusal codes, `unowned`, `no_playbook`, ..."""
    group_id: str | None = None
    mitigation_id: str | None = None
    episode: int = 1
    duplicate: bool = False
    attached: tuple[str, ...] = ()
    """Groups that evidence without a victim joined."""


@dataclass(frozen=True, slots=True)
class Created:
    mitigation: Mitigation
    notes: tuple[str, ...] = ()
    """What was adjusted, in words, for instance a clamped TTL."""


@dataclass(frozen=True, slots=True)
class Extended:
    """The scope was live already; it now has the later expiry."""

    mitigation: Mitigation


@dataclass(frozen=True, slots=True)
class Refused:
    reasons: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class NotFound:
    what: str


@dataclass(frozen=True, slots=True)
class NotLive:
    """The mitigation has ended already."""

    mitigation: Mitigation


@dataclass(frozen=True, slots=True)
class Withdrawn:
    mitigation: Mitigation


CreateAnswer = Created | Extended | Refused
WithdrawAnswer = Withdrawn | NotFound | NotLive
ExtendAnswer = Extended | NotFound | NotLive | Refused


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """One line of a bulk answer; `problem` is None when it was done."""

    mitigation_id: str
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewAnswer:
    """`plan` is create, extend, revise or refuse; `export` says what neighbors would receive."""

    plan: str
    rule: Rule
    ttl_s: int
    notes: tuple[str, ...]
    reasons: tuple[Refusal, ...]
    export: RulePreview


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadAnswer:
    """What a reload changed, part by part; empty when the files say what was already live."""

    changed: tuple[str, ...]
    restarts: tuple[str, ...] = ()
    """Changes that wait for a process restart, with the key that asks for it."""
    loaded_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileAnswer:
    at_us: int
    desired: int
    missing: int = 0
    surplus: int = 0
    changed: int = 0
    corrupt: int = 0
    """Rows that could not be read. What they announced stays announced."""
    guarded: bool = False
    """The run wanted to remove suspiciously much and removed nothing."""

    @property
    def clean(self) -> bool:
        return not (self.missing or self.surplus or self.changed or self.corrupt or self.guarded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The engine's own condition; costs nothing to ask."""

    ready: bool
    """The store was loaded and the first reconcile ran."""
    store_problem: StoreUnavailable | None
    safelist_ok: bool
    """False: it could not be read, and nothing new is mitigated until it can."""
    suspect: bool
    """Something may be stored that is not in the live state: they are compared before long."""
    stopping: bool
    pop: str
    dry_run: bool
    live: int
    """Mitigations in force; those of a dry run are not."""
    queue_depth: int
    last_reconcile: ReconcileAnswer | None
    started_at_us: int
    config_loaded_at_us: int

    @property
    def store_ok(self) -> bool:
        return self.store_problem is None
