"""The interface between a neighbor's session and the owner of the tables.

`PeerHandle` is what the speaker holds: one per neighbor, alive whether or not a session is up.
`PeerObserver` is what the speaker is. Everything here is synchronous and runs in the event loop's
thread; no call waits for the network.

Writing is level-triggered. A handle takes one chunk at a time: while `writable` is true, `write()`
hands whole encoded messages to the kernel and says whether all of it went. If not, the rest waits
in the handle, `writable` turns false, and `PeerObserver.drained()` comes when the kernel has taken
the last octet. Until then the owner keeps its changes where they can still be coalesced and
withdrawn. Keepalives and NOTIFICATIONs belong to the handle and never wait for a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.fsm.state import DownReason, PeerState
from prefixd.bgp.neighbor_settings import StopMode
from prefixd.bgp.session.counters import Counters
from prefixd.bgp.session.send_queue import StallLevel
from prefixd.bgp.session.socket_options import TransportStatus
from prefixd.bgp.settings import PeerSettings
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.update import Update

MAX_CHUNK_OCTETS = 65536


class StaleStep(StrEnum):
    """What graceful restart asks of an Adj-RIB-In (RFC 4724 4.2, RFC 9494 4.2)."""

    MARK = "mark"
    """The session is gone: keep this family's routes, marked stale."""
    LONG_LIVED = "long_lived"
    """The restart time is over: keep them least preferred, with LLGR_STALE."""
    SWEEP = "sweep"
    """Delete what is still stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """Everything a face may want to show of one neighbor; a copy, safe to keep."""

    name: str
    state: PeerState
    since: float
    """Monotonic seconds."""
    since_us: int
    """The same moment in civil time."""
    enabled: bool
    dynamic: bool
    negotiated: Negotiated | None
    transport: TransportStatus | None
    last_down: DownReason | None
    last_down_us: int
    last_error: str
    next_retry_s: float | None
    hold_left_s: float | None
    queued_octets: int
    stalled_s: float
    keepalive_late_s: float
    """The largest lateness of a keepalive we sent in this session."""
    counters: Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of a neighbor's state, for the feed and the log."""

    peer: str
    before: PeerState
    after: PeerState
    reason: DownReason | None = None
    detail: str = ""


class PeerHandle(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> PeerSettings: ...

    @property
    def negotiated(self) -> Negotiated | None:
        """The terms while the session is established, else None."""
        ...

    @property
    def writable(self) -> bool:
        """Established, and the kernel has taken all earlier chunks."""
        ...

    def write(self, chunk: bytes, messages: int = 1) -> bool:
        """Whole messages, at most MAX_CHUNK_OCTETS, only while `writable`.

        True: the kernel has them. False: the rest waits, `drained()` will tell. A connection that
        dies on the way is reported by `session_down()` later, never from inside this call.
        """
        ...

    def refresh(self, request: RouteRefresh) -> bool:
        """Send a ROUTE-REFRESH, between messages; False when the peer cannot take one now."""
        ...

    def status(self) -> PeerStatus: ...

    def stop(self, mode: StopMode, text: str = "") -> None:
        """End the session on purpose and stay down. `withdraw` expects that withdrawals are
        already written: it sends Cease/2 behind them, once the kernel has taken them."""
        ...

    def reset(self, notification: Notification | None, detail: str = "") -> None:
        """End the session and connect again; without NOTIFICATION helpers keep our rules."""
        ...

    def refuse(self, notification: Notification, detail: str) -> None:
        """The peer broke an agreement: end the session and wait as after any failure."""
        ...


class PeerObserver(Protocol):
    def session_up(self, handle: PeerHandle, negotiated: Negotiated) -> None:
        """Established. Anything may be written from here on."""
        ...

    def session_down(self, handle: PeerHandle, reason: DownReason) -> None:
        """The established session is over; its Adj-RIB-Out died with it."""
        ...

    def update_received(self, handle: PeerHandle, update: Update) -> None:
        """Established only; End-of-RIB included. `update.faults` says what was wrong with it."""
        ...

    def refresh_received(self, handle: PeerHandle, refresh: RouteRefresh) -> None: ...

    def drained(self, handle: PeerHandle) -> None:
        """`writable` is true again."""
        ...

    def stale(self, handle: PeerHandle, step: StaleStep, families: Sequence[Family]) -> None:
        """Graceful restart, as helper: what to do with what this peer told us."""
        ...

    def stalled(
        self, handle: PeerHandle, level: StallLevel, seconds: float, queued_octets: int
    ) -> None:
        """The peer has not read for that long."""
        ...

    def changed(self, handle: PeerHandle, transition: Transition) -> None: ...
