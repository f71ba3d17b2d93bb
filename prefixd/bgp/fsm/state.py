"""The states of a neighbor and of one TCP connection to it, and why a connection ended.

RFC 4271 8 draws one machine per neighbor and then asks for several of them during a collision.
Here the two halves are apart: `State` belongs to one connection, from the moment TCP is up until
it is closed; `PeerState` belongs to the neighbor, owns dialling, waiting and retrying, and shows
the best of its connections while there is one.
"""

from dataclasses import dataclass
from enum import StrEnum

from prefixd.bgp.wire.iana import CeaseSubcode, ErrorCode
from prefixd.bgp.wire.notification import Notification


class State(StrEnum):
    """One TCP connection."""

    IDLE = "idle"
    OPEN_SENT = "open_sent"
    OPEN_CONFIRM = "open_confirm"
    ESTABLISHED = "established"
    CLOSED = "closed"


class PeerState(StrEnum):
    """One neighbor, in the words of RFC 4271 8.2.2 plus `disabled`."""

    DISABLED = "disabled"
    IDLE = "idle"
    CONNECT = "connect"
    ACTIVE = "active"
    OPEN_SENT = "open_sent"
    OPEN_CONFIRM = "open_confirm"
    ESTABLISHED = "established"


class DownKind(StrEnum):
    WE_NOTIFIED = "we_notified"
    """We sent the NOTIFICATION carried here."""
    PEER_NOTIFIED = "peer_notified"
    WE_CLOSED = "we_closed"
    """On purpose and without NOTIFICATION, so that a graceful restart helper keeps our rules."""
    PEER_CLOSED = "peer_closed"
    STALLED = "stalled"
    """The send hold timer expired: send stalled, TCP window closed (RFC 9687)."""
    TRANSPORT = "transport"
    """Reset, timeout, unreachable: the network's word, not the peer's."""


@dataclass(frozen=True, slots=True)
class DownReason:
    kind: DownKind
    notification: Notification | None = None
    detail: str = ""

    @property
    def ours(self) -> bool:
        return self.kind in (DownKind.WE_NOTIFIED, DownKind.WE_CLOSED, DownKind.STALLED)

    def __str__(self) -> str:
        words = [self.kind.value.replace("_", " ")]
        if self.notification is not None:
            words.append(str(self.notification))
        if self.detail:
            words.append(self.detail)
        return ": ".join(words)


def is_cease(notification: Notification | None, *subcodes: CeaseSubcode) -> bool:
    return (
        notification is not None
        and notification.code == ErrorCode.CEASE
        and (not subcodes or notification.subcode in subcodes)
    )
