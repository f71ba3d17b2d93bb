"""One attempt to open a TCP connection, without a task of its own."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable

from prefixd.bgp.session.socket_options import SocketRefusal, prepare_dial, socket_address
from prefixd.bgp.settings import PeerSettings


class Dialling:
    """Started by its constructor. `poll()` returns the connected socket, or None while nothing is
    known, or raises `DialFailure`; afterwards the object is spent."""

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
        family = socket.AF_INET6 if peer.address.version == 6 else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_STREAM)
        self._failure = self._begin(internal=internal)

    def _begin(self, *, internal: bool) -> str:
        try:
            prepare_dial(self._sock, self._peer, internal=internal)
            code = self._sock.connect_ex(socket_address(self._peer.address, self._peer.port))
        except (SocketRefusal, OSError) as error:
            self._wake()
            return str(error)
        if code not in (0, errno.EINPROGRESS):
            self._wake()
            return os.strerror(code)
        self._watching = True
        self._loop.add_writer(self._sock, self._on_writable)
        return ""

    def _on_writable(self) -> None:
        self._ready = True
        self._unwatch()
        self._wake()

    def poll(self, now: float) -> socket.socket | None:
        if self._failure:
            self.abort()
            raise DialFailure(self._failure)
        if self._ready:
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
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
        self._sock.close()

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.remove_writer(self._sock)


class DialFailure(Exception):
    """TCP did not come up; the text says why."""
