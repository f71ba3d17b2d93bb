"""The sockets of one neighbor: the dial under way, and up to two connections plus those leaving.

Numbers connections, opens sessions on them, and lets all of them take their turns. It decides
nothing: which connection is wanted is the neighbor machine's word, carried here by `peer.py`.
"""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from prefixd.bgp.fsm.collision import Origin
from prefixd.bgp.fsm.negotiate import Negotiated, Offer
from prefixd.bgp.fsm.neighbor_event import DialFailed, DialSucceeded
from prefixd.bgp.fsm.state import State
from prefixd.bgp.session.counters import CounterSet
from prefixd.bgp.session.io import Output
from prefixd.bgp.session.offer import offer_of
from prefixd.bgp.session.packet_log import PacketLog
from prefixd.bgp.session.recorder import Recorder
from prefixd.bgp.session.session import Session
from prefixd.bgp.session.socket_options import SocketRefusal, prepare, prepare_dial, socket_address
from prefixd.bgp.session.transport import Transport
from prefixd.bgp.settings import PeerSettings, SpeakerSettings, is_internal
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.notification import Notification
from prefixd.clock import Clock

log = logging.getLogger(__name__)


class Connections:
    def __init__(
        self,
        settings: PeerSettings,
        speaker: SpeakerSettings,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.speaker = speaker
        self.counters = CounterSet()
        self.packets = PacketLog(settings.packet_log_messages)
        self._clock = clock
        self._jitter = jitter
        self._wake = wake
        self._numbers = 0
        self._dialling: ConnectAttempt | None = None
        self._new: dict[int, tuple[socket.socket, Origin]] = {}
        self._transports: dict[int, Transport] = {}
        self.established: Transport | None = None
        """The one whose session is up, until its end has been handled."""
        self.negotiated: Negotiated | None = None
        """The terms of that session. It forgets them at its end, before its last outputs are
        handled."""

    def establish(self, transport: Transport, negotiated: Negotiated) -> None:
        self.established, self.negotiated = transport, negotiated
        self.counters.sessions += 1

    def lose(self) -> Negotiated | None:
        """The established session is over; the terms it had."""
        terms, self.established, self.negotiated = self.negotiated, None, None
        self.counters.flaps += 1
        return terms

    @property
    def writable(self) -> bool:
        if self.established is None:
            return False
        session = self.established.session
        return session.state is State.ESTABLISHED and not session.outgoing.size

    @property
    def count(self) -> int:
        """Open ones and those that are closing."""
        return len(self._transports)

    @property
    def has_input(self) -> bool:
        """Whether a neighbor's octets are waiting to be read or judged."""
        return any(each.has_input for each in self._transports.values())

    @property
    def next_deadline(self) -> float | None:
        deadlines = [t.next_deadline for t in self._transports.values()]
        if self._dialling is not None:
            deadlines.append(self._dialling.deadline)
        return min((each for each in deadlines if each is not None), default=None)

    def apply(self, settings: PeerSettings, speaker: SpeakerSettings) -> None:
        if settings.packet_log_messages != self.settings.packet_log_messages:
            self.packets = PacketLog(settings.packet_log_messages)
        self.settings = settings
        self.speaker = speaker

    def get(self, number: int) -> Transport | None:
        return self._transports.get(number)

    def dial(self, now: float) -> None:
        self._dialling = ConnectAttempt(
            self.settings,
            internal=is_internal(self.speaker, self.settings),
            loop=asyncio.get_running_loop(),
            wake=self._wake,
            now=now,
        )

    def hang_up(self) -> None:
        if self._dialling is not None:
            self._dialling.abort()
            self._dialling = None

    def poll_dial(self, now: float) -> DialSucceeded | DialFailed | None:
        if self._dialling is None:
            return None
        try:
            sock = self._dialling.poll(now)
        except DialFailure as failure:
            self._dialling = None
            return DialFailed(str(failure))
        if sock is None:
            return None
        self._dialling = None
        return DialSucceeded(self._register(sock, Origin.OUTGOING))

    def admit(self, sock: socket.socket) -> int:
        """A connection the listener accepted; raises what `prepare` raises."""
        prepare(sock, self.settings, internal=is_internal(self.speaker, self.settings))
        return self._register(sock, Origin.INCOMING)

    def _register(self, sock: socket.socket, origin: Origin) -> int:
        self._numbers += 1
        self._new[self._numbers] = sock, origin
        return self._numbers

    def open(
        self, number: int, *, restarting: bool, families: tuple[Family, ...] | None = None
    ) -> Transport:
        """A session around a connected socket. Nothing is sent yet. `families`: offer only these
        of the configured ones."""
        sock, origin = self._new.pop(number)
        offer = offer_of(self.speaker, self.settings, restarting=restarting, families=families)
        initial_hold_s = self.settings.timers.initial_hold_time_s
        seed = int(self._jitter() * 0x7FFFFFFF)
        session = Session(
            offer,
            initial_hold_s=initial_hold_s,
            seed=seed,
            counters=self.counters,
            log=self.packets,
        )
        transport = Transport(
            sock,
            session,
            number=number,
            origin=origin,
            loop=asyncio.get_running_loop(),
            wake=self._wake,
            recorder=self._recorder(number, offer, initial_hold_s, seed),
        )
        self._transports[number] = transport
        return transport

    def refuse(self, number: int, notification: Notification | None, now: float) -> None:
        self.counters.refused_connections += 1
        self.open(number, restarting=False).refuse(notification, now)

    def _recorder(
        self, number: int, offer: Offer, initial_hold_s: float, seed: int
    ) -> Recorder | None:
        if not self.settings.record_dir:
            return None
        name = f"{self.settings.name}-{self._clock.now_us()}-{number}.jsonl"
        path = Path(self.settings.record_dir) / name.replace("/", "_")
        try:
            out = path.open("w", encoding="ascii")
        except OSError as error:
            # A journal is a convenience; a session must not fail for want of one.
            log.warning(
                "session journal not written", extra={"path": str(path), "error": str(error)}
            )
            return None
        return Recorder(out, offer, initial_hold_s=initial_hold_s, seed=seed)

    def turns(self, now: float) -> Iterator[tuple[Transport, list[Output]]]:
        """Every connection reads, judges and sends; those that are closed are forgotten."""
        for transport in tuple(self._transports.values()):
            yield transport, transport.turn(now)
        for number in [n for n, each in self._transports.items() if each.closed]:
            del self._transports[number]

    def abandon(self) -> None:
        """Close everything at once."""
        self.hang_up()
        for transport in self._transports.values():
            transport.abort()
        for sock, _ in self._new.values():
            sock.close()
        self._transports.clear()
        self._new.clear()


class ConnectAttempt:
    """Started by its constructor, which never fails: whatever goes wrong, the neighbor must learn
    that its attempt is over, or it would not make another one. `poll()` returns the connected
    socket, or None while nothing is known, or raises `DialFailure`; then the object is spent."""

    def __init__(
        self,
        peer: PeerSettings,
        *,
        internal: bool,
        loop: asyncio.AbstractEventLoop,
        wake: Callable[[], None],
        now: float,
    ) -> None:
        self._peer = peer
        self._loop = loop
        self._wake = wake
        self._ready = False
        self._watching = False
        self.deadline = now + peer.timers.connect_timeout_s
        self._sock: socket.socket | None = None
        self._failure = ""
        try:
            self._sock = self._begin(internal=internal)
        except SocketRefusal as error:
            self._failure = str(error)
        except OSError as error:
            self._failure = error.strerror or str(error)
        if self._failure:
            self._wake()

    def _begin(self, *, internal: bool) -> socket.socket:
        family = socket.AF_INET6 if self._peer.address.version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            prepare_dial(sock, self._peer, internal=internal)
            code = sock.connect_ex(socket_address(self._peer.address, self._peer.port))
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            self._loop.add_writer(sock, self._on_writable)
        except BaseException:
            sock.close()
            raise
        self._watching = True
        return sock

    def _on_writable(self) -> None:
        self._ready = True
        self._unwatch()
        self._wake()

    def poll(self, now: float) -> socket.socket | None:
        if self._sock is None:
            raise DialFailure(self._failure)
        if self._ready:
            try:
                code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            except OSError as error:
                code = error.errno or 0
            if code == 0:
                return self._sock
            self.abort()
            raise DialFailure(os.strerror(code) + self._hint(code))
        if now >= self.deadline:
            self.abort()
            raise DialFailure("no answer" + self._hint(errno.ETIMEDOUT))
        return None

    def _hint(self, code: int) -> str:
        """A wrong or missing key looks like silence: the kernel drops the SYN (RFC 2385 2.0)."""
        protected = self._peer.md5 is not None or bool(self._peer.tcp_ao)
        if code != errno.ETIMEDOUT:
            return ""
        if protected:
            return "; possibly the TCP keys differ"
        return "; possibly the peer expects a TCP MD5 key, or a filter drops us"

    def abort(self) -> None:
        self._unwatch()
        if self._sock is not None:
            self._sock.close()

    def _unwatch(self) -> None:
        if self._watching and self._sock is not None:
            self._watching = False
            self._loop.remove_writer(self._sock)


class DialFailure(Exception):
    """TCP did not come up; the text says why."""
