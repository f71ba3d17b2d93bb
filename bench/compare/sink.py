"""A router that only listens, and shares no code with any of those who speak to it.

It answers OPEN and KEEPALIVE, walks the NLRI of what arrives, and notes when the last of the rules
it waits for was there. Counting starts when the speaker's first KEEPALIVE has arrived.
"""

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

MARKER = b"\xff" * 16
KEEPALIVE = MARKER + struct.pack("!HB", 19, 4)
MP_REACH = 14
EXTENDED_LENGTH = 0x10


@dataclass
class Sink:
    address: str
    port: int
    asn: int
    wanted: int
    updates: int = 0
    octets: int = 0
    rules: set[bytes] = field(default_factory=set)
    up_at: float = 0.0
    last_at: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        self._over = threading.Event()
        self._connections: list[socket.socket] = []
        self._listening = socket.create_server((self.address, self.port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The session ends too: the next round begins with a new one."""
        self._over.set()
        for each in (self._listening, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        buffer = b""
        try:
            while octets := connection.recv(1 << 20):
                buffer += octets
                start = 0
                while len(buffer) - start >= 19:
                    length, kind = struct.unpack_from("!HB", buffer, start + 16)
                    if len(buffer) - start < length:
                        break
                    self._take(connection, kind, buffer[start : start + length])
                    start += length
                buffer = buffer[start:]
        except OSError:
            return

    def _take(self, connection: socket.socket, kind: int, message: bytes) -> None:
        if kind == 1:
            connection.sendall(greeting(self.asn) + KEEPALIVE)
        elif kind == 4 and not self.up_at:
            self.up_at = time.monotonic()
        elif kind == 2 and (rules := list(flowspec_rules(message))):
            self.updates += 1
            self.octets += len(message)
            self.rules.update(rules)
            self.last_at = time.monotonic()
            if len(self.rules) >= self.wanted:
                self.done.set()


def greeting(asn: int) -> bytes:
    capabilities = bytes((1, 4)) + struct.pack("!HBB", 1, 0, 133)
    capabilities += bytes((65, 4)) + struct.pack("!I", asn)
    body = struct.pack("!BHHIB", 4, asn, 90, 0x0B0B0B0B, len(capabilities) + 2)
    body += bytes((2, len(capabilities))) + capabilities
    return MARKER + struct.pack("!HB", 19 + len(body), 1) + body


def flowspec_rules(update: bytes) -> "list[bytes]":
    """The IPv4 FlowSpec NLRI of an UPDATE (RFC 4271 4.3, RFC 4760 3, RFC 8955 4)."""
    (withdrawn,) = struct.unpack_from("!H", update, 19)
    at = 21 + withdrawn
    (total,) = struct.unpack_from("!H", update, at)
    at += 2
    end = at + total
    while at < end:
        flags, kind = update[at], update[at + 1]
        if flags & EXTENDED_LENGTH:
            (length,) = struct.unpack_from("!H", update, at + 2)
            at += 4
        else:
            length = update[at + 2]
            at += 3
        if kind == MP_REACH and update[at : at + 3] == b"\x00\x01\x85":
            return _split(update[at + 5 + update[at + 3] : at + length])
        at += length
    return []


def _split(octets: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(octets):
        length = octets[at]
        at += 1
        if length >= 0xF0:
            length = (length & 0x0F) << 8 | octets[at]
            at += 1
        found.append(octets[at : at + length])
        at += length
    return found
