"""One whole message of the peer as an event for the machine.

A message that does not belong into the current state is answered by its type alone; its content is
never decoded, so an unauthenticated peer reaches no attribute parser.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from prefixd.bgp.fsm.event import (
    Event,
    KeepaliveReceived,
    NotificationReceived,
    OpenAccepted,
    OpenRefused,
    RefreshReceived,
    UpdateReceived,
)
from prefixd.bgp.fsm.negotiate import Offer, Refusal, negotiate
from prefixd.bgp.fsm.state import State
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Fault
from prefixd.bgp.wire.iana import ErrorCode, MessageType
from prefixd.bgp.wire.message import Keepalive, RouteRefresh, decode_message
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.update import Update

EXPECTED: Final = {
    State.OPEN_SENT: frozenset({MessageType.OPEN, MessageType.NOTIFICATION}),
    State.OPEN_CONFIRM: frozenset({MessageType.KEEPALIVE, MessageType.NOTIFICATION}),
    State.ESTABLISHED: frozenset(
        {
            MessageType.UPDATE,
            MessageType.KEEPALIVE,
            MessageType.ROUTE_REFRESH,
            MessageType.NOTIFICATION,
        }
    ),
}
"""The states in which a peer is listened to, and to what."""

_UNEXPECTED: Final[dict[MessageType, Event]] = {
    MessageType.OPEN: OpenRefused(Notification(ErrorCode.FINITE_STATE_MACHINE)),
    MessageType.UPDATE: UpdateReceived(),
    MessageType.KEEPALIVE: KeepaliveReceived(),
    MessageType.ROUTE_REFRESH: RefreshReceived(),
}
"""For messages in the wrong state: the machine answers by the type, whatever they say."""


@dataclass(frozen=True, slots=True)
class Interpreted:
    event: Event
    content: Update | RouteRefresh | None = None
    """What the machine has no use for and the tables do."""
    faults: tuple[Fault, ...] = ()


def interpret(octets: bytes, state: State, context: WireContext, offer: Offer) -> Interpreted:
    """What a whole message means now; WireError when it has no meaning at all."""
    kind = MessageType(octets[18])
    if kind not in EXPECTED[state]:
        return Interpreted(_UNEXPECTED[kind])
    message = decode_message(octets, context)
    match message:
        case Update(faults=faults):
            return Interpreted(UpdateReceived(), message, faults)
        case Keepalive():
            return Interpreted(KeepaliveReceived())
        case RouteRefresh():
            return Interpreted(RefreshReceived(), message)
        case Notification():
            return Interpreted(NotificationReceived(message))
        case Open():
            terms = negotiate(offer, message)
            if isinstance(terms, Refusal):
                return Interpreted(
                    OpenRefused(terms.notification, terms.detail), None, message.faults
                )
            return Interpreted(OpenAccepted(terms), None, message.faults)
        case _:
            assert_never(message)
