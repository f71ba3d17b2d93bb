"""What can happen to a neighbor, and what its machine asks for in return.

Connections are numbered by the shell; a number is never used twice.
"""

from dataclasses import dataclass
from enum import StrEnum

from prefixd.bgp.fsm.collision import NO_REVIVAL, Identities, Revival
from prefixd.bgp.fsm.state import DownReason
from prefixd.bgp.wire.notification import Notification


class PeerTimer(StrEnum):
    RETRY = "retry"
    COLLISION = "collision"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class Started:
    """The operator, or the start of the daemon, wants this neighbor up."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Down and staying down; without NOTIFICATION so that helpers keep our rules."""

    notification: Notification | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ResetAsked:
    """Start a new session."""

    notification: Notification | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RetryExpired:
    pass


@dataclass(frozen=True, slots=True)
class CollisionExpired:
    """The connection that should have won stayed silent."""


@dataclass(frozen=True, slots=True)
class StableExpired:
    pass


@dataclass(frozen=True, slots=True)
class DialSucceeded:
    connection: int


@dataclass(frozen=True, slots=True)
class DialFailed:
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    connection: int


@dataclass(frozen=True, slots=True)
class OpenArrived:
    """A valid OPEN; its connection waits for the verdict."""

    connection: int
    identities: Identities
    revival: Revival = NO_REVIVAL


@dataclass(frozen=True, slots=True)
class ConnectionUp:
    connection: int


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    connection: int
    reason: DownReason


PeerEvent = (
    Started
    | Stopped
    | ResetAsked
    | RetryExpired
    | CollisionExpired
    | StableExpired
    | DialSucceeded
    | DialFailed
    | Accepted
    | OpenArrived
    | ConnectionUp
    | ConnectionLost
)


@dataclass(frozen=True, slots=True)
class Dial:
    pass


@dataclass(frozen=True, slots=True)
class AbortDial:
    pass


@dataclass(frozen=True, slots=True)
class BeginSession:
    """TCP is up and wanted: send our OPEN on it."""

    connection: int


@dataclass(frozen=True, slots=True)
class Proceed:
    """The collision check is passed: confirm the peer's OPEN."""

    connection: int


@dataclass(frozen=True, slots=True)
class Drop:
    """End a session that had begun."""

    connection: int
    notification: Notification | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Close a connection on which nothing was sent yet, after the NOTIFICATION."""

    connection: int
    notification: Notification | None


@dataclass(frozen=True, slots=True)
class StartPeerTimer:
    timer: PeerTimer
    seconds: float


@dataclass(frozen=True, slots=True)
class StopPeerTimer:
    timer: PeerTimer


PeerAction = (
    Dial | AbortDial | BeginSession | Proceed | Drop | Refuse | StartPeerTimer | StopPeerTimer
)
