"""docs/fsm.md, written by running the real machines over every state and event.

`python -m tests.kit.fsm_document > docs/fsm.md` after a change; a test compares the two.
"""

import sys
from collections.abc import Callable, Iterable, Sequence

from prefixd.bgp.fsm import action as act
from prefixd.bgp.fsm import event as ev
from prefixd.bgp.fsm import neighbor_event as nb
from prefixd.bgp.fsm.action import Action
from prefixd.bgp.fsm.collision import Identities
from prefixd.bgp.fsm.event import Event
from prefixd.bgp.fsm.machine import Machine
from prefixd.bgp.fsm.negotiate import Negotiated, negotiate, our_open
from prefixd.bgp.fsm.neighbor import Neighbor
from prefixd.bgp.fsm.neighbor_event import PeerAction, PeerEvent
from prefixd.bgp.fsm.state import DownKind, DownReason, PeerState
from prefixd.bgp.wire.notification import Notification
from tests.kit.bgp import an_offer

INITIAL_HOLD_S = 30.0


def terms(hold_time_s: int = 90) -> Negotiated:
    """What two default peers agree on."""
    theirs = our_open(an_offer(64501, peer=64500, router_id=2))
    agreed = negotiate(an_offer(hold_time_s=hold_time_s), theirs)
    assert isinstance(agreed, Negotiated)
    return agreed


TERMS = terms()
SHUTDOWN = Notification(6, 2)

EVENTS: dict[str, Event] = {
    "TCP up": ev.TransportOpened(),
    "TCP ended": ev.TransportClosed("fin"),
    "OPEN good": ev.OpenAccepted(TERMS),
    "OPEN bad": ev.OpenRefused(Notification(2, 2)),
    "collision cleared": ev.CollisionCleared(),
    "KEEPALIVE": ev.KeepaliveReceived(),
    "UPDATE": ev.UpdateReceived(),
    "ROUTE-REFRESH": ev.RefreshReceived(),
    "NOTIFICATION": ev.NotificationReceived(SHUTDOWN),
    "unreadable message": ev.MessageRefused(Notification(1, 2, b"\x00\x12")),
    "broken NOTIFICATION": ev.MessageRefused(None),
    "hold time over": ev.HoldExpired(),
    "keepalive time": ev.KeepaliveExpired(),
    "send hold time over": ev.SendHoldExpired(),
    "message sent": ev.MessageSent(),
    "kernel refuses octets": ev.SendBlocked(),
    "kernel takes some": ev.SendProgressed(),
    "kernel took all": ev.SendDrained(),
    "stop with NOTIFICATION": ev.StopRequested(SHUTDOWN),
    "stop silently": ev.StopRequested(None),
}

_WAY: dict[str, Sequence[Event]] = {
    "idle": (),
    "open_sent": (ev.TransportOpened(),),
    "open_sent, held": (ev.TransportOpened(), ev.OpenAccepted(TERMS)),
    "open_confirm": (ev.TransportOpened(), ev.OpenAccepted(TERMS), ev.CollisionCleared()),
    "established": (
        ev.TransportOpened(),
        ev.OpenAccepted(TERMS),
        ev.CollisionCleared(),
        ev.KeepaliveReceived(),
    ),
    "established, blocked": (
        ev.TransportOpened(),
        ev.OpenAccepted(TERMS),
        ev.CollisionCleared(),
        ev.KeepaliveReceived(),
        ev.SendBlocked(),
    ),
    "closed": (ev.TransportClosed(""),),
}
STATES = tuple(_WAY)


def machine_in(state: str) -> Machine:
    machine = Machine(INITIAL_HOLD_S)
    for event in _WAY[state]:
        machine.handle(event)
    return machine


def tell(action: Action) -> str:
    match action:
        case act.SendOpen():
            return "send OPEN"
        case act.SendKeepalive():
            return "send KEEPALIVE"
        case act.SendNotification(note):
            return f"send {note.code}/{note.subcode}"
        case act.StartTimer(timer, seconds):
            return f"start {timer.value} {seconds:g} s"
        case act.StopTimer(timer):
            return f"stop {timer.value}"
        case act.AskCollision():
            return "ask about collision"
        case act.Deliver():
            return "deliver"
        case act.SessionUp():
            return "session up"
        case act.SessionDown(reason):
            return f"session down ({reason.kind.value.replace('_', ' ')})"
        case act.Close(mode):
            return f"close ({mode.value})"


def cell(state: str, event: str) -> str:
    """What the real machine does there: its next state if that differs, and its actions."""
    machine = machine_in(state)
    before = machine.state
    actions = [tell(action) for action in machine.handle(EVENTS[event])]
    if machine.state is not before:
        actions.insert(0, f"**{machine.state.value}**")
    return ", ".join(actions) or "-"


_IDS = Identities(local_id=1, local_asn=64500, peer_id=2, peer_asn=64501)
_LOST = DownReason(DownKind.PEER_CLOSED)

PEER_EVENTS: dict[str, Callable[[int], PeerEvent]] = {
    "start": lambda _: nb.Started(),
    "stop": lambda _: nb.Stopped(SHUTDOWN),
    "reset": lambda _: nb.ResetAsked(SHUTDOWN),
    "retry time": lambda _: nb.RetryExpired(),
    "collision wait over": lambda _: nb.CollisionExpired(),
    "stable": lambda _: nb.StableExpired(),
    "dial succeeds": lambda _: nb.DialSucceeded(9),
    "dial fails": lambda _: nb.DialFailed("refused"),
    "peer connects": lambda _: nb.Accepted(9),
    "OPEN on the connection": lambda n: nb.OpenArrived(n, _IDS),
    "connection up": nb.ConnectionUp,
    "connection lost": lambda n: nb.ConnectionLost(n, _LOST),
}

_PEER_WAY: dict[str, Sequence[PeerEvent]] = {
    "disabled": (),
    "idle": (
        nb.Started(),
        nb.DialSucceeded(1),
        nb.OpenArrived(1, _IDS),
        nb.ConnectionLost(1, _LOST),
    ),
    "connect": (nb.Started(),),
    "active": (nb.Started(), nb.DialFailed("refused")),
    "open_sent": (nb.Started(), nb.DialSucceeded(1)),
    "open_confirm": (nb.Started(), nb.DialSucceeded(1), nb.OpenArrived(1, _IDS)),
    "established": (
        nb.Started(),
        nb.DialSucceeded(1),
        nb.OpenArrived(1, _IDS),
        nb.ConnectionUp(1),
    ),
}
PEER_STATES = tuple(_PEER_WAY)


def neighbor_in(state: str) -> Neighbor:
    neighbor = Neighbor(may_dial=True, may_accept=True)
    for event in _PEER_WAY[state]:
        neighbor.handle(event)
    assert neighbor.state is PeerState(state)
    return neighbor


def tell_peer(action: PeerAction) -> str:
    match action:
        case nb.Dial():
            return "dial"
        case nb.AbortDial():
            return "abort dial"
        case nb.BeginSession():
            return "begin session"
        case nb.Proceed():
            return "confirm OPEN"
        case nb.Drop(_, note):
            return "drop silently" if note is None else f"drop with {note.code}/{note.subcode}"
        case nb.Refuse(_, note):
            return "close it" if note is None else f"refuse with {note.code}/{note.subcode}"
        case nb.StartPeerTimer(timer, seconds):
            return f"start {timer.value} {seconds:g} s"
        case nb.StopPeerTimer(timer):
            return f"stop {timer.value}"


def peer_cell(state: str, event: str) -> str:
    neighbor = neighbor_in(state)
    before = neighbor.state
    actions = [tell_peer(action) for action in neighbor.handle(PEER_EVENTS[event](1))]
    if neighbor.state is not before:
        actions.insert(0, f"**{neighbor.state.value}**")
    return ", ".join(actions) or "-"


def _table(
    events: Iterable[str], states: Sequence[str], fill: Callable[[str, str], str]
) -> list[str]:
    lines = ["| event | " + " | ".join(states) + " |", "|---" * (len(states) + 1) + "|"]
    for event in events:
        cells = " | ".join(fill(state, event) for state in states)
        lines.append(f"| {event} | {cells} |")
    return lines


def document() -> str:
    lines = [
        "# The state machines",
        "",
        "Written by `python -m tests.kit.fsm_document`, which runs the real machines over every",
        "state and event; a test fails when this page and the code differ. Bold is the next state,",
        "`-` means that nothing happens. Timers are those of a session with hold time 90.",
        "",
        "## A connection (RFC 4271 8, from TCP up to closed)",
        "",
        "`held` is OPEN_SENT with a valid OPEN received, waiting for the verdict on a collision;",
        "`blocked` is ESTABLISHED with octets waiting that the kernel does not take.",
        "",
        *_table(EVENTS, STATES, cell),
        "",
        "## A neighbor (dialling, accepting, retrying)",
        "",
        'One connection, opened by us, jitter 0.5. "Peer connects" is a second connection where',
        "one exists; what happens when its OPEN arrives is decided by RFC 4271 6.8:",
        "",
        "| the other connection is | the new one should survive | it should not |",
        "|---|---|---|",
        "| waiting for an OPEN | the other is dropped with 6/7 | held, at most 5 s |",
        "| held | the other is dropped with 6/7 | - |",
        "| confirmed | the other is dropped with 6/7 | dropped with 6/7 |",
        "| established | - | dropped with 6/7; replaces the other silently if the peer restarted |",
        "",
        *_table(PEER_EVENTS, PEER_STATES, peer_cell),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(document())
