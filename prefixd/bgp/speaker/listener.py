"""A listening socket: accepts, and hands on each connection with its source address.

It knows no neighbors. Keys for TCP MD5 must be on the listening socket before a peer calls, so
they are set from outside (`protect`). Two sockets serve `::` and `0.0.0.0`: a dual-stack socket
would see IPv4 callers as mapped addresses, for which IPv4 keys do not match.
"""

import asyncio
import errno
import logging
import socket
from collections import OrderedDict, deque
from collections.abc import Callable
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from prefixd.bgp.neighbor_settings import IPAddress
from prefixd.bgp.session.socket_options import set_min_hops, socket_address
from prefixd.bgp.settings import AdmissionSettings, ListenAddress
from prefixd.errors import StartupError

log = logging.getLogger(__name__)

BACKLOG: Final = 128
ACCEPTS_PER_WAKE: Final = 32
PAUSE_S: Final = 1.0
"""After running out of descriptors, or any error that would come again at once; connections wait
in the backlog meanwhile."""
_OF_THE_CALLER: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.ENOPROTOOPT,
        errno.EPERM,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EINTR,
    }
)
"""Errors of the accepted connection, not of the listener (accept(2)); the next may be fine."""

OnAccept = Callable[[socket.socket, IPAddress], None]


def open_listener(listen: ListenAddress) -> socket.socket:
    family = socket.AF_INET6 if listen.address.version == 6 else socket.AF_INET
    try:
        return _bound(family, listen)
    except PermissionError as error:
        raise StartupError(
            f"no permission to listen on {listen.address} port {listen.port}: give the service "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE, let the service manager pass the socket "
            "(socket activation), or choose a port above 1023 with bgp.listen"
        ) from error
    except OSError as error:
        raise StartupError(
            f"cannot listen on {listen.address} port {listen.port}: {error.strerror}"
        ) from error


def _bound(family: socket.AddressFamily, listen: ListenAddress) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(socket_address(listen.address, listen.port))
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def adopt_listener(descriptor: int) -> socket.socket:
    """A listening socket passed by the service manager (LISTEN_FDS)."""
    try:
        return socket.socket(fileno=descriptor)
    except OSError as error:
        raise StartupError(
            f"descriptor {descriptor} passed by the service manager: {error.strerror}"
        ) from error


def _source(address: tuple[str, int] | tuple[str, int, int, int]) -> IPAddress:
    """With the interface for a link-local caller, as the configuration writes it."""
    if len(address) == 4 and address[3]:
        return ip_address(f"{address[0]}%{socket.if_indextoname(address[3])}")
    return ip_address(address[0])


class Listener:
    def __init__(self, sock: socket.socket, refused_callers: OnAccept) -> None:
        self.sock = sock
        self._on_accept = refused_callers
        self._loop = asyncio.get_running_loop()
        self._resume: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        self._loop.add_reader(sock, self._on_readable)

    @property
    def version(self) -> int:
        return 6 if self.sock.family == socket.AF_INET6 else 4

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def demand_hops(self, hops: int) -> None:
        """When every neighbor of this listener uses TTL security, strangers' SYNs are dropped."""
        set_min_hops(self.sock, hops)

    def close(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self.sock)
        self.sock.close()

    def _on_readable(self) -> None:
        for _ in range(ACCEPTS_PER_WAKE):
            try:
                sock, address = self.sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._accept_failed(error)
                return
            try:
                source = _source(address)
            except OSError:
                sock.close()  # its interface is gone already
            else:
                self._on_accept(sock, source)

    def _accept_failed(self, error: OSError) -> None:
        if error.errno in _OF_THE_CALLER:
            return
        self._loop.remove_reader(self.sock)
        self._pause(error)

    def _pause(self, error: OSError) -> None:
        log.error("cannot accept connections", extra={"error": error.strerror})
        self._resume = self._loop.call_later(PAUSE_S, self._listen_again)

    def _listen_again(self) -> None:
        try:
            self._loop.add_reader(self.sock, self._on_readable)
        except OSError as error:
            self._pause(error)


WINDOW_S: Final = 60.0


class Admitted(StrEnum):
    YES = "yes"
    TOO_OFTEN = "too_often"
    """This source has used up its connections of the last minute."""
    FULL = "full"
    """Too many handshakes are pending altogether."""


class Admission:
    """Remembers at most `tracked_sources` callers, the least recent forgotten first."""

    __slots__ = ("_calls", "_settings")

    def __init__(self, settings: AdmissionSettings) -> None:
        self._settings = settings
        self._calls: OrderedDict[IPAddress, deque[float]] = OrderedDict()

    def ask(self, source: IPAddress, pending: int, now: float) -> Admitted:
        """May this connection, which is already accepted by the kernel, have a session?"""
        if pending >= self._settings.pending_handshakes:
            return Admitted.FULL
        calls = self._calls.setdefault(source, deque())
        self._calls.move_to_end(source)
        while calls and calls[0] <= now - WINDOW_S:
            calls.popleft()
        if len(calls) >= self._settings.connections_per_source_per_minute:
            return Admitted.TOO_OFTEN
        calls.append(now)
        while len(self._calls) > self._settings.tracked_sources:
            self._calls.popitem(last=False)
        return Admitted.YES
