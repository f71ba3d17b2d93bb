"""Signals about one victim and one kind of attack, on their way to an answer.

A group collects what sources say, remembers per source whether it still fires, and moves through
the states below. It holds everything a decision needs about the evidence, so that `decide` never
has to look at signals themselves. How confidence is computed and when a state changes is not known
here: that is `prefixd.correlation`.

    open        collecting; sources do not agree yet
    ready       they agree; a decision is due
    held        they agree, but something refused; tried again on the next signal or timer
    mitigating  at least one live mitigation; reports keep it alive without a new vote
    clearing    the attack is said to be over; a hold runs before anything is withdrawn
    unowned     the victim is not in the inventory: shown, never acted on
    closed      final, with a reason
"""

from enum import StrEnum

from msgspec import Struct

from prefixd.domain.ids import GroupId, IncidentId, MitigationId, SignalId
from prefixd.domain.prefix import Prefix
from prefixd.domain.signal import Direction, Polarity
from prefixd.domain.vector import Vector


class GroupState(StrEnum):
    OPEN = "open"
    READY = "ready"
    HELD = "held"
    MITIGATING = "mitigating"
    CLEARING = "clearing"
    UNOWNED = "unowned"
    CLOSED = "closed"


class CloseReason(StrEnum):
    TIMEOUT = "timeout"
    CLEARED = "cleared"
    ENDED = "ended"
    DISMISSED = "dismissed"


class HoldReason(StrEnum):
    GUARDRAIL = "guardrail"
    SAFELIST = "safelist"
    QUOTA = "quota"
    NO_PLAYBOOK = "no_playbook"
    APPROVAL_REQUIRED = "approval_required"


class EvidenceRole(StrEnum):
    PRIMARY = "primary"
    CORROBORATING = "corroborating"


class EvidenceState(StrEnum):
    FIRING = "firing"
    CLEARED = "cleared"
    STALE = "stale"


class Evidence(Struct, frozen=True, kw_only=True):
    """The standing of one alert of one source in a group: refreshed in place by each report."""

    signal_id: SignalId
    source: str
    external_id: str
    episode: int
    role: EvidenceRole
    state: EvidenceState
    vector: Vector
    confidence: float | None  # None: the source gave none
    weight: float  # as configured when the signal arrived
    first_seen_us: int
    last_seen_us: int  # of the latest report; drives decay and staleness
    refresh_count: int = 0
    bps: int | None = None
    pps: int | None = None
    dst_ports: tuple[int, ...] = ()
    src_ports: tuple[int, ...] = ()
    polarity: Polarity = Polarity.FOR
    direction: Direction = Direction.INCOMING
    counts: bool = True  # False: informs, but is too unspecific to be a vote
    forced: bool = False


class Group(Struct, frozen=True, kw_only=True):
    group_id: GroupId
    pop: str
    victim: Prefix
    key: str  # the vector's word, or its family's when groups are made by family
    vector: Vector
    state: GroupState
    created_at_us: int
    last_primary_at_us: int
    expires_at_us: int
    evidence: tuple[Evidence, ...] = ()
    met_at_us: int | None = None  # agreement once reached is not taken back
    confidence: float = 0.0
    source_count: int = 0
    primary_count: int = 0
    playbook: str | None = None
    hold_reason: HoldReason | None = None
    clearing_since_us: int | None = None
    close_reason: CloseReason | None = None
    closed_at_us: int | None = None
    customer_id: str | None = None
    service_id: str | None = None
    pops: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    routers: tuple[str, ...] = ()
    mitigation_ids: tuple[MitigationId, ...] = ()
    trigger_signal_id: SignalId | None = None  # the first signal that led to a mitigation
    incident_id: IncidentId | None = None
    config_version: int = 0
    version: int = 1

    @property
    def met(self) -> bool:
        return self.met_at_us is not None

    @property
    def is_live(self) -> bool:
        return self.state is not GroupState.CLOSED


class Episode(Struct, frozen=True, kw_only=True):
    """One run of one alert at one source: repeats refresh it, a pause or a clear ends it."""

    source: str
    external_id: str
    number: int
    state: EvidenceState
    first_seen_us: int
    last_seen_us: int
    refresh_count: int = 0
    last_hash: str = ""
    group_id: GroupId | None = None
    mitigation_id: MitigationId | None = None
    outcome: str | None = None  # of the last signal; None: its processing never finished


def compatible_status(group: Group) -> str:
    """The word older clients know: `open`, `resolved` or `expired`."""
    match group.state:
        case GroupState.OPEN | GroupState.READY | GroupState.HELD | GroupState.UNOWNED:
            return "open"
        case GroupState.MITIGATING | GroupState.CLEARING:
            return "resolved"
        case GroupState.CLOSED:
            return "resolved" if group.close_reason is CloseReason.ENDED else "expired"
