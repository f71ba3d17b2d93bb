"""A socket around one session: non-blocking, without a task and without a buffer of its own.

The loop only reports that the socket became readable or writable; the owner (`peer.py`) then gives
the transport a *turn*: read what is there, judge what is due, offer what waits to the kernel. The
order is the point. Octets are read before timers are judged, so that after a stall of ours a peer
whose keepalives lie unread in the kernel is not declared dead.

After the session's end the transport closes by itself: the NOTIFICATION gets a second to
leave, then FIN, then a second of reading into the void, since closing a socket with unread data
sends a RST that may overtake the NOTIFICATION.
"""

import asyncio
import socket
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from prefixd.bgp.fsm.action import Close, CloseMode
from prefixd.bgp.fsm.collision import Origin
from prefixd.bgp.session.io import Data, Due, Gone, Input, Output, Taken
from prefixd.bgp.session.recorder import Recorder
from prefixd.bgp.session.session import Session
from prefixd.bgp.session.socket_options import set_user_timeout
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.message import encode_message
from prefixd.bgp.wire.notification import Notification

READ_OCTETS: Final = 16 * 1024
"""At most this much is read at a time. The next octets are read when all of these are judged, a
bounded part in each turn (`session.py`)."""
NOTIFIED_FLUSH_S: Final = 1.0
KEEP_FLUSH_S: Final = 5.0
DRAIN_S: Final = 1.0


class _Phase(Enum):
    OPEN = auto()
    FLUSHING = auto()
    DRAINING = auto()
    CLOSED = auto()


class Transport:
    def __init__(
        self,
        sock: socket.socket,
        session: Session,
        *,
        number: int,
        origin: Origin,
        loop: asyncio.AbstractEventLoop,
        wake: Callable[[], None],
        recorder: Recorder | None = None,
    ) -> None:
        self.session = session
        self.number = number
        self.origin = origin
        self.sock = sock
        self._loop = loop
        self._wake = wake
        self._recorder = recorder
        self._phase = _Phase.OPEN
        self._readable = False
        self._reading = False
        self._writing = False
        self._deadline = 0.0
        self._failed = ""
        """A system call went wrong: the next turn ends the connection with this reason."""
        self._watch_reads(wanted=True)

    @property
    def closed(self) -> bool:
        return self._phase is _Phase.CLOSED

    @property
    def next_deadline(self) -> float | None:
        match self._phase:
            case _Phase.OPEN:
                return self.session.next_deadline
            case _Phase.CLOSED:
                return None
            case _:
                return self._deadline

    @property
    def has_input(self) -> bool:
        """Whether the next turn will read octets of the peer, or judge some that were read."""
        return bool(self._readable or self.session.unjudged or self._failed)

    def turn(self, now: float) -> list[Output]:
        """Read, judge, send. The events of the session, in order."""
        if self._phase is not _Phase.OPEN:
            self._leave(now)
            return []
        if self._failed:
            return self._gone(self._failed, now, reset=True)
        deadline = self.session.next_deadline
        due = deadline is not None and deadline <= now
        outputs: list[Output] = []
        if self.session.unjudged:
            outputs = self.feed(Data(b""), now)
        elif self._readable or due:
            outputs = self._read(now)
        if due and self._phase is _Phase.OPEN:
            outputs += self.feed(Due(unread=self.has_input), now)
        return outputs + self.flush(now)

    def feed(self, what: Input, now: float) -> list[Output]:
        """Everything that reaches the session goes through here, and into the journal."""
        if self._recorder is not None:
            self._recorder.record(what, now)
        outputs = self.session.handle(what, now)
        for output in outputs:
            if isinstance(output, Close):
                self._begin_leaving(output.mode, now)
        if self._phase is _Phase.OPEN:
            self._watch_reads(wanted=self.session.wants_data)
            if self.has_input:
                self._wake()
        return outputs

    def flush(self, now: float) -> list[Output]:
        """Offer what waits to the kernel."""
        outgoing = self.session.outgoing
        if not outgoing.size or self._phase in (_Phase.DRAINING, _Phase.CLOSED):
            return []
        try:
            taken = self.sock.sendmsg(outgoing.waiting())
        except BlockingIOError:
            taken = 0
        except OSError as error:
            return self._gone(error.strerror or str(error), now, reset=True)
        outputs = self.feed(Taken(taken), now)
        self._watch_writes(wanted=bool(outgoing.size))
        return outputs

    def refuse(self, notification: Notification | None, now: float) -> None:
        """Close a connection on which nothing was sent, after the NOTIFICATION."""
        if notification is None:
            self._close()
            return
        self.session.outgoing.append(encode_message(notification, BEFORE_OPEN))
        self._begin_leaving(CloseMode.NOTIFIED, now)

    def abort(self) -> None:
        """Close now, whatever waits."""
        self._close()

    def _read(self, now: float) -> list[Output]:
        if not self._reading:
            return []
        self._readable = False
        try:
            octets = self.sock.recv(READ_OCTETS)
        except BlockingIOError:
            return []
        except OSError as error:
            return self._gone(error.strerror or str(error), now, reset=True)
        if not octets:
            return self._gone("the peer closed the connection", now, reset=False)
        # Ask again, whatever was read: of a reset behind these octets uvloop reports only once.
        self._on_readable()
        return self.feed(Data(octets), now)

    def _gone(self, detail: str, now: float, *, reset: bool) -> list[Output]:
        outputs: list[Output] = []
        while self.session.unjudged:
            # The reason of the end may be among what was read before it.
            outputs += self.feed(Data(b""), now)
        outputs += self.feed(Gone(detail, reset), now)
        self._close()
        return outputs

    def _begin_leaving(self, mode: CloseMode, now: float) -> None:
        if self._phase is not _Phase.OPEN:
            return
        self._phase = _Phase.FLUSHING
        self._watch_reads(wanted=False)
        if mode is CloseMode.ABORT:
            # With a closed TCP window a NOTIFICATION gets this one chance.
            self._send_rest()
            self._close()
            return
        self._deadline = now + (NOTIFIED_FLUSH_S if mode is CloseMode.NOTIFIED else KEEP_FLUSH_S)
        self._leave(now)

    def _leave(self, now: float) -> None:
        if self._phase is _Phase.FLUSHING:
            sent = self._send_rest()
            if self.closed:
                return
            if sent or now >= self._deadline:
                self._shut_down(now)
        if self._phase is _Phase.DRAINING:
            self._drain(now)

    def _send_rest(self) -> bool:
        """True when nothing is left; closes the socket when nothing can be sent any more."""
        outgoing = self.session.outgoing
        if outgoing.size:
            try:
                outgoing.take(self.sock.sendmsg(outgoing.waiting()))
            except BlockingIOError:
                pass
            except OSError:
                # The peer is gone; nothing more can be sent.
                self._close()
                return False
        self._watch_writes(wanted=bool(outgoing.size))
        return not outgoing.size

    def _shut_down(self, now: float) -> None:
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            # Reset by the peer meanwhile; closing is all that remains.
            self._close()
            return
        self._phase = _Phase.DRAINING
        self._deadline = now + DRAIN_S
        self._watch_writes(wanted=False)
        self._watch_reads(wanted=True)

    def _drain(self, now: float) -> None:
        self._readable = False
        try:
            ended = not self.sock.recv(READ_OCTETS)
        except BlockingIOError:
            ended = False
        except OSError:
            # A reset: the peer has read what it wanted.
            ended = True
        if ended or now >= self._deadline:
            self._close()

    def _close(self) -> None:
        if self.closed:
            return
        self._watch_reads(wanted=False)
        self._watch_writes(wanted=False)
        self._phase = _Phase.CLOSED
        self.session.outgoing.clear()
        self.sock.close()
        if self._recorder is not None:
            self._recorder.close()

    def _on_readable(self) -> None:
        self._readable = True
        self._wake()

    def _watch_reads(self, *, wanted: bool) -> None:
        if wanted == self._reading or self.closed:
            return
        if not wanted:
            self._reading = False
            self._loop.remove_reader(self.sock)
            return
        try:
            self._loop.add_reader(self.sock, self._on_readable)
        except OSError as error:
            self._fail(error)
        else:
            self._reading = True

    def _watch_writes(self, *, wanted: bool) -> None:
        if wanted == self._writing or self.closed:
            return
        if not wanted:
            self._writing = False
            self._loop.remove_writer(self.sock)
            return
        try:
            self._loop.add_writer(self.sock, self._wake)
        except OSError as error:
            self._fail(error)
        else:
            self._writing = True

    def set_user_timeout(self, seconds: float) -> None:
        try:
            set_user_timeout(self.sock, seconds)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self._failed = error.strerror or str(error)
        self._wake()
