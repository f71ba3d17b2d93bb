"""The states of a neighbor and of one TCP connection to it.

RFC 4271 8 draws one machine per neighbor and then asks for several of them during a collision.
Here the two halves are apart: `State` belongs to one connection, from the moment TCP is up until
it is closed; `PeerState` belongs to the neighbor, owns dialling, waiting and retrying, and shows
the best of its connections while there is one.
"""

from enum import StrEnum


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
