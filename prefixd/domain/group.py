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
    unowned     the victim is in nobody's inventory: shown, never acted on
    closed      final, with a reason
"""

from dataclasses import dataclass
from enum import StrEnum

from prefixd.domain.ids import GroupId, IncidentId, MitigationId, SignalId
from prefixd.domain.prefix import Prefix
from prefixd.domain.signal import Direction, Polarity
from prefixd.domain.vector import Vector, VectorFamily


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
    MERGED = "merged"


class HeldReason(StrEnum):
    GUARDRAIL = "guardrail"
    SAFELIST = "safelist"
    QUOTA = "quota"
    NO_PLAYBOOK = "no_playbook"
    APPROVAL_REQUIRED = "approval_required"
    SHUTDOWN = "shutdown"
    BGP_DOWN = "bgp_down"
    DRY_RUN = "dry_run"


class SourceRole(StrEnum):
    PRIMARY = "primary"
    CORROBORATING = "corroborating"


class FiringState(StrEnum):
    FIRING = "firing"
    CLEARED = "cleared"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """The latest word of one source about this group."""

    source: str
    role: SourceRole
    state: FiringState
    signal_id: SignalId
    external_id: str | None
    episode: int
    confidence: float | None  # of its latest firing signal; None when it gave none
    confidence_origin: str
    weight: float  # as configured when the signal arrived
    first_seen_us: int
    last_seen_us: int
    count: int = 1
    bps: int | None = None
    pps: int | None = None
    dst_ports: tuple[int, ...] = ()
    src_ports: tuple[int, ...] = ()
    vector: Vector = Vector.UNKNOWN
    direction: Direction = Direction.INCOMING
    polarity: Polarity = Polarity.FOR
    counts_as_source: bool = True  # False: informs, too unspecific to be a vote
    force: bool = False
    stale_signal: bool = False  # arrived too old to act on


@dataclass(frozen=True, slots=True)
class Vote:
    """One signal's word as it was given; only the reference's mean counts every one of them."""

    source: str
    confidence: float | None
    weight: float
    received_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """Where the victim belongs; corroborators attach by these. All sorted, without duplicates."""

    customer_ids: tuple[str, ...] = ()
    service_ids: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    pops: tuple[str, ...] = ()
    routers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    group_id: GroupId
    pop: str
    victim: Prefix
    vector: Vector
    state: GroupState
    created_at_us: int
    last_primary_at_us: int
    expires_at_us: int
    sources: tuple[SourceState, ...] = ()  # sorted by source name
    votes: tuple[Vote, ...] = ()  # kept only when the reference's mean is configured
    dimensions: Dimensions = Dimensions()
    playbook: str | None = None
    confidence: float = 0.0
    source_count: int = 0
    met: bool = False  # sticky: agreement once reached is not taken back
    met_at_us: int | None = None
    held_reason: HeldReason | None = None
    clear_at_us: int | None = None  # when the hold of `clearing` ends
    close_reason: CloseReason | None = None
    closed_at_us: int | None = None
    incident_id: IncidentId | None = None
    config_version: int = 0
    version: int = 1

    @property
    def is_live(self) -> bool:
        return self.state is not GroupState.CLOSED


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What makes two signals belong together: `kind` is a vector, or a family if so configured."""

    victim: Prefix
    kind: Vector | VectorFamily


class EpisodeState(StrEnum):
    FIRING = "firing"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One run of one alert at one source: repeats refresh it, a pause or a clear ends it."""

    source: str
    external_id: str
    number: int
    state: EpisodeState
    first_seen_us: int
    last_seen_us: int
    refresh_count: int = 0
    last_hash: str = ""
    group_id: GroupId | None = None
    mitigation_id: MitigationId | None = None
    outcome: str | None = None  # of the last signal; None: its processing never finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """All groups of one victim, and of one customer's victims that began together."""

    incident_id: IncidentId
    customer_id: str | None
    opened_at_us: int
    updated_at_us: int
    victims: tuple[Prefix, ...]
    group_ids: tuple[GroupId, ...]
    vectors: tuple[Vector, ...]
    peak_bps: int | None = None
    peak_pps: int | None = None
    closed_at_us: int | None = None


def compatible_status(group: Group) -> str:
    """The word older clients know: `open`, `resolved` or `expired`."""
    match group.state:
        case GroupState.OPEN | GroupState.READY | GroupState.HELD | GroupState.UNOWNED:
            return "open"
        case GroupState.MITIGATING | GroupState.CLEARING:
            return "resolved"
        case GroupState.CLOSED:
            return "resolved" if group.close_reason is CloseReason.ENDED else "expired"
