"""What goes into a session and what comes out of it, as values.

Everything a session ever learns is one of these inputs together with the time, which is why a
journal of them (`recorder.py`) replays a session exactly.
"""

from dataclasses import dataclass

from prefixd.bgp.fsm.action import Close, SessionDown, SessionUp
from prefixd.bgp.fsm.event import SendDrained
from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.session.send_queue import StallLevel
from prefixd.bgp.wire.errors import Fault
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.update import Update


@dataclass(frozen=True, slots=True)
class Begin:
    """TCP is up: send OPEN."""


@dataclass(frozen=True, slots=True)
class Data:
    """Octets from the peer."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Due:
    """Time has passed. `unread` when the kernel is known to hold octets not read yet: the hold
    timer is then not judged, because a peer with unread messages is not silent."""

    unread: bool = False


@dataclass(frozen=True, slots=True)
class Clear:
    """This connection may go on: there is no better one."""


@dataclass(frozen=True, slots=True)
class Write:
    """Whole UPDATE messages from the owner of the tables."""

    octets: bytes
    messages: int = 1


@dataclass(frozen=True, slots=True)
class Ask:
    """A ROUTE-REFRESH of ours."""

    refresh: RouteRefresh


@dataclass(frozen=True, slots=True)
class Probe:
    """Send a KEEPALIVE now, so that TCP finds out whether the peer still answers."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The kernel took that many octets of what we offered; zero when it took none."""

    octets: int


@dataclass(frozen=True, slots=True)
class Stop:
    notification: Notification | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """TCP ended."""

    detail: str = ""
    reset: bool = False


Input = Begin | Data | Due | Clear | Write | Ask | Probe | Taken | Stop | Gone


@dataclass(frozen=True, slots=True)
class OpenHeld:
    """The peer's OPEN is good. Nothing more is read until `Clear` or `Stop`."""

    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class UpdateArrived:
    update: Update


@dataclass(frozen=True, slots=True)
class RefreshArrived:
    refresh: RouteRefresh


@dataclass(frozen=True, slots=True)
class Faulty:
    """A message could be used in part only, or not at all (then with no faults listed)."""

    faults: tuple[Fault, ...]
    message: bytes
    detail: str


@dataclass(frozen=True, slots=True)
class Stalled:
    level: StallLevel
    seconds: float
    queued_octets: int


Output = (
    OpenHeld
    | SessionUp
    | UpdateArrived
    | RefreshArrived
    | Faulty
    | SendDrained
    | Stalled
    | Close
    | SessionDown
)
"""What the machine asks for is handed on as it is: `SessionUp`, `SendDrained` (the kernel has taken
everything that had to wait), `Close` (once what `outgoing` holds is dealt with), and `SessionDown`,
the last output of every session."""
