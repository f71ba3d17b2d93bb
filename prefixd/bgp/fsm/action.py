"""What one connection's machine asks of its shell: imperatives, to be done in the order given."""

from dataclasses import dataclass
from enum import StrEnum

from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.fsm.state import DownReason
from prefixd.bgp.wire.notification import Notification


class Timer(StrEnum):
    HOLD = "hold"
    KEEPALIVE = "keepalive"
    SEND_HOLD = "send_hold"


class CloseMode(StrEnum):
    FLUSH = "flush"
    """Hand the kernel what is queued, then FIN. No NOTIFICATION was sent."""
    NOTIFIED = "notified"
    """The NOTIFICATION goes out ahead of anything queued, then FIN, then the rest is drained so
    that a RST cannot overtake it."""
    ABORT = "abort"
    """Nothing more can be sent, or need be."""


@dataclass(frozen=True, slots=True)
class SendOpen:
    pass


@dataclass(frozen=True, slots=True)
class SendKeepalive:
    pass


@dataclass(frozen=True, slots=True)
class SendNotification:
    notification: Notification


@dataclass(frozen=True, slots=True)
class StartTimer:
    """(Re)start: a running timer of that name is replaced."""

    timer: Timer
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    timer: Timer


@dataclass(frozen=True, slots=True)
class AskCollision:
    """A valid OPEN arrived; the owner of all connections to this neighbor decides (6.8)."""

    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand the message just received to the owner of the tables."""


@dataclass(frozen=True, slots=True)
class SessionUp:
    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class SessionDown:
    """This connection is over. Emitted exactly once, whether or not it was ever established."""

    reason: DownReason


@dataclass(frozen=True, slots=True)
class Close:
    mode: CloseMode


Action = (
    SendOpen
    | SendKeepalive
    | SendNotification
    | StartTimer
    | StopTimer
    | AskCollision
    | Deliver
    | SessionUp
    | SessionDown
    | Close
)
