"""A neighbor that may say anything at any moment, and remembers every word of the answer.

It calls the daemon, so the daemon must listen and expect it (`expecting` is its configuration). Up
to the OPEN it does as it is told; afterwards a thread reads, or does not, and the test sends what
octets it likes. What the daemon announces is kept as rules, so that the liar's own table can be
compared like that of any router.
"""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from prefixd.bgp.wire.capability import (
    Capability,
    FourOctetAs,
    Multiprotocol,
    RouteRefreshCapability,
)
from prefixd.bgp.wire.context import BEFORE_OPEN, WireContext
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_nlri, encode_rule
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, Family, MessageType
from prefixd.bgp.wire.message import Keepalive, Message, decode_message, encode_message
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open, two_octet_as
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.update import Update
from tests.kit.daemons import wait_for
from tests.kit.routers import ASN, US

HOME = "127.0.0.8"
FAMILIES = (IPV4_FLOWSPEC, IPV6_FLOWSPEC)
CONTEXT = WireContext(families=frozenset(FAMILIES))
KEEPALIVE = encode_message(Keepalive(), BEFORE_OPEN)
PATIENCE_S = 10.0
EAGER = {"connections_per_source_per_minute": 1_000_000}
"""`bgp.admission` for a test in which one address calls very often."""


def expecting(name: str = "liar", **changes: object) -> dict[str, Any]:
    """The daemon's side: a neighbor that calls, is told everything and believed nothing."""
    neighbor: dict[str, Any] = {
        "name": name,
        "address": HOME,
        "peer_asn": ASN,
        "profile": "bird",
        "direction": "passive",
        "local_address": US,
        # Not made to wait: that a flapping neighbor is, is another test's business.
        "timers": {"connect_retry_seconds": 1e-9},
        "budget": {"rules_total": 50_000, "rules_v4": 50_000},
        "pacing": {"rules_per_second": 0},
        "export": {},
    }
    return {**neighbor, **changes}


def an_open(
    asn: int = ASN,
    *,
    identifier: int = 0x0A080808,
    hold_time_s: int = 0,
    families: tuple[Family, ...] = FAMILIES,
    more: tuple[Capability, ...] = (),
) -> Open:
    capabilities = [Multiprotocol(family) for family in families]
    return Open(
        my_as=two_octet_as(asn),
        hold_time_s=hold_time_s,
        bgp_identifier=identifier,
        capabilities=(*capabilities, RouteRefreshCapability(), FourOctetAs(asn), *more),
    )


@dataclass
class Liar:
    """One connection; `closed` is set when the daemon has ended it."""

    port: int
    greeting: Open | bytes = field(default_factory=an_open)
    reads: bool = True
    answers: bool = True
    """An OPEN with a KEEPALIVE."""
    receive_buffer: int = 0
    rules: set[bytes] = field(default_factory=set)
    heard: Counter[MessageType] = field(default_factory=Counter)
    notification: Notification | None = None
    closed: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Liar":
        self._socket = socket.socket()
        if self.receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self._socket.bind((HOME, 0))
        self._socket.settimeout(PATIENCE_S)
        self._socket.connect((US, self.port))
        self._socket.settimeout(None)
        greeting = self.greeting
        self.send(greeting if isinstance(greeting, bytes) else _encoded(greeting))
        self._reader = threading.Thread(target=self._read, daemon=True)
        if self.reads:
            self._reader.start()
        else:
            self.send(KEEPALIVE)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._reader.is_alive():
            self._reader.join(PATIENCE_S)
        self._socket.close()

    def send(self, *messages: bytes) -> None:
        """What the daemon no longer wants to hear is lost."""
        with contextlib.suppress(OSError):
            self._socket.sendall(b"".join(messages))

    def begin_to_read(self) -> None:
        self._reader.start()

    def vanish(self) -> None:
        """RST: as if the power had failed and come back."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.shutdown(socket.SHUT_RD)  # wakes the reader, says nothing to the other side
        self._reader.join(PATIENCE_S)
        self._socket.close()

    def await_rules(self, count: int, limit_s: float = PATIENCE_S) -> None:
        wait_for(lambda: len(self.rules) == count, limit_s, f"{count} rules at the liar")

    def await_answer(self) -> None:
        """The first UPDATE, which is a rule or the End-of-RIB, or the end."""

        def heard() -> bool:
            return bool(self.heard[MessageType.UPDATE]) or self.closed.is_set()

        wait_for(heard, PATIENCE_S, "an UPDATE or the end")

    def await_end(self, limit_s: float = PATIENCE_S) -> "tuple[int, int] | None":
        """Code and subcode with which the daemon ended the session, if it said any."""
        assert self.closed.wait(limit_s), "the daemon did not end the session"
        found = self.notification
        return None if found is None else (found.code, found.subcode)

    def _read(self) -> None:
        buffer = bytearray()
        with contextlib.suppress(OSError):
            while octets := self._socket.recv(1 << 16):
                buffer += octets
                while (message := cut_message(buffer, CONTEXT)) is not None:
                    self._hear(decode_message(message, CONTEXT))
        self.closed.set()

    def _hear(self, message: Message) -> None:
        match message:
            case Open():
                self.heard[MessageType.OPEN] += 1
                if self.answers:
                    self.send(KEEPALIVE)
            case Keepalive():
                self.heard[MessageType.KEEPALIVE] += 1
            case Notification():
                self.notification = message
            case Update():
                outcome = assess(message, CONTEXT)
                for routes in outcome.withdrawn:
                    self.rules -= {_octets(each) for each in routes.nlri}
                for routes in outcome.announced:
                    self.rules |= {_octets(each) for each in routes.nlri}
                self.heard[MessageType.UPDATE] += 1
            case _:
                self.heard[MessageType.ROUTE_REFRESH] += 1


def _encoded(message: Open) -> bytes:
    return encode_message(message, BEFORE_OPEN)


def _octets(rule: object) -> bytes:
    assert isinstance(rule, FlowSpecRule)
    return encode_nlri(encode_rule(rule))


@contextlib.contextmanager
def a_session(port: int, **more: Any) -> Iterator[Liar]:
    """Established, and told the table. Who calls before the daemon has noticed that his former
    connection is gone is refused (RFC 4271 6.8), and calls again."""
    end = time.monotonic() + PATIENCE_S
    while True:
        with Liar(port, **more) as liar:
            liar.await_answer()
            if not liar.closed.is_set():
                yield liar
                return
        assert time.monotonic() < end, liar.notification
