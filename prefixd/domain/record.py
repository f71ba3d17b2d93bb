"""What is stored of a signal and of a decision: rows that engine and store share.

A `SignalRecord` is a signal with its outcome: history shows what was decided, and a repeat is
distinguished from a first report. One record stands for one episode of one (source,
external id, kind): repeats refresh it in place. A `DecisionRecord` is the explanation as written
on the day, never recomputed when thresholds change later.
"""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from prefixd.domain.ids import DecisionId, GroupId, MitigationId, SignalId
from prefixd.domain.signal import Corroboration, Signal


class Outcome(StrEnum):
    """What became of one signal. Stored with it."""

    MITIGATED = "mitigated"  # a new mitigation came of it
    EXTENDED = "extended"  # a live mitigation of the same scope now lives longer
    ESCALATED = "escalated"  # a live mitigation took a later step of its playbook
    REFRESHED = "refreshed"  # a known episode reported again; evidence and mitigation renewed
    WAITING = "waiting"  # the sources do not agree yet
    HELD = "held"  # they agree, and a guardrail, a quota or a missing playbook prevents it
    IGNORED = "ignored"  # stored and shown, never acted on: unowned, outgoing, stale
    CLEARED = "cleared"  # an all-clear was recorded, or ended the mitigation it names
    CLEARING = "clearing"  # the last all-clear was recorded; the hold before withdrawal runs
    NO_EFFECT = "no_effect"  # an all-clear that matches nothing firing
    DUPLICATE = "duplicate"  # the same message again; the first answer is repeated
    QUEUED = "queued"  # stored; decided after those before it, or after a restart
    ERROR = "error"


class SignalRecord(Struct, frozen=True, kw_only=True):
    """`signal` is as first reported, with the rates and confidence of the latest refresh.

    (signal.source, signal.external_id, signal.kind, episode) is unique.
    """

    signal_id: SignalId
    signal: Signal
    episode: int
    pop: str
    outcome: Outcome
    last_seen_us: int
    reason: str = ""
    codes: tuple[str, ...] = ()
    group_id: GroupId | None = None
    mitigation_id: MitigationId | None = None
    customer_id: str | None = None
    refresh_count: int = 0
    last_hash: str = ""


class CorroborationRecord(Struct, frozen=True, kw_only=True):
    """Evidence without a victim, and the groups it joined. Kept until it expires."""

    signal_id: SignalId
    corroboration: Corroboration
    pop: str
    weight: float
    attached: tuple[GroupId, ...] = ()


class DecisionRecord(Struct, frozen=True, kw_only=True):
    """`body` is the whole explanation as canonical JSON text; the rest is for finding it."""

    decision_id: DecisionId
    at_us: int
    pop: str
    trigger: str  # signal, corroborator, timer, operator, reload
    outcome: str
    text: str
    body: str
    group_id: GroupId | None = None
    signal_id: SignalId | None = None
    mitigation_id: MitigationId | None = None
    config_version: int = 0
    playbook: str | None = None


class QuotaLimits(NamedTuple):
    """How many live mitigations there may be; None asks for no limit."""

    customer: int | None = None
    pop: int | None = None
    everywhere: int | None = None


class ChangeKind(StrEnum):
    MITIGATION = "mitigation"
    SAFELIST = "safelist"
    GROUP = "group"
    ACCOUNT = "account"
    CONFIG = "config"


class Change(Struct, frozen=True):
    """A row was committed: `pop` is the row's, `origin` the instance that wrote it."""

    kind: ChangeKind
    pop: str
    id: str
    origin: str


class Lost(Struct, frozen=True):
    """The connection to the database was lost: changes may be missing, read everything again."""
