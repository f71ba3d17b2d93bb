"""What can happen to one connection: one flat frozen class per event.

Flat, so that `match` narrows to nothing at its end and a forgotten event is a type error. Messages
carry no content here except where the machine itself decides by it: an UPDATE's routes are no
business of a state machine.
"""

from dataclasses import dataclass

from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.wire.notification import Notification


@dataclass(frozen=True, slots=True)
class TransportOpened:
    """TCP is up (RFC 4271 events 16 and 17)."""


@dataclass(frozen=True, slots=True)
class TransportClosed:
    """TCP ended without our doing (event 18). `reset` when it was not an orderly FIN."""

    detail: str = ""
    reset: bool = False


@dataclass(frozen=True, slots=True)
class OpenAccepted:
    """A valid OPEN (event 19), already checked against our side."""

    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class OpenRefused:
    """An OPEN we cannot live with (event 22)."""

    notification: Notification
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CollisionCleared:
    """No better connection to this neighbor exists: the one that sent the OPEN may go on."""


@dataclass(frozen=True, slots=True)
class KeepaliveReceived:
    """Event 26."""


@dataclass(frozen=True, slots=True)
class UpdateReceived:
    """Event 27."""


@dataclass(frozen=True, slots=True)
class RefreshReceived:
    """ROUTE-REFRESH of RFC 2918 or RFC 7313."""


@dataclass(frozen=True, slots=True)
class NotificationReceived:
    """Events 24 and 25."""

    notification: Notification


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """Bytes no message could be made of (events 21 and 28).

    No NOTIFICATION where answering is forbidden: a broken NOTIFICATION is never answered.
    """

    notification: Notification | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HoldExpired:
    """Event 10. While waiting for the OPEN this is the initial hold time."""


@dataclass(frozen=True, slots=True)
class KeepaliveExpired:
    """Event 11."""


@dataclass(frozen=True, slots=True)
class SendHoldExpired:
    """RFC 9687: bytes were waiting and the kernel took none for all that time."""


@dataclass(frozen=True, slots=True)
class MessageSent:
    """An UPDATE or ROUTE-REFRESH went out; it counts as a keepalive."""


@dataclass(frozen=True, slots=True)
class SendBlocked:
    """The kernel took less than we had."""


@dataclass(frozen=True, slots=True)
class SendProgressed:
    """The kernel took some of what was waiting, not all."""


@dataclass(frozen=True, slots=True)
class SendDrained:
    """Nothing is waiting any more."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """End this connection (events 2, 8 and 23); without NOTIFICATION when there is none."""

    notification: Notification | None
    detail: str = ""


Event = (
    TransportOpened
    | TransportClosed
    | OpenAccepted
    | OpenRefused
    | CollisionCleared
    | KeepaliveReceived
    | UpdateReceived
    | RefreshReceived
    | NotificationReceived
    | MessageRefused
    | HoldExpired
    | KeepaliveExpired
    | SendHoldExpired
    | MessageSent
    | SendBlocked
    | SendProgressed
    | SendDrained
    | StopRequested
)
