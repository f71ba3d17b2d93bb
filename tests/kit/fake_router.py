"""A router in this process: speaks just enough BGP to hold rules, and misbehaves when told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from prefixd.bgp.rib.route import Key, describe
from prefixd.bgp.wire.capability import (
    Capability,
    EnhancedRouteRefresh,
    FourOctetAs,
    Multiprotocol,
    RouteRefreshCapability,
)
from prefixd.bgp.wire.context import BEFORE_OPEN, WireContext
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_nlri, encode_rule
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, RefreshSubtype
from prefixd.bgp.wire.message import (
    Keepalive,
    Message,
    RouteRefresh,
    decode_message,
    encode_message,
)
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.update import Update

FAMILIES = (IPV4_FLOWSPEC, IPV6_FLOWSPEC)
CONTEXT = WireContext(families=frozenset(FAMILIES))


@dataclass
class FakeRouter:
    port: int = 0
    objects_to: Callable[[set[str]], Notification | None] = lambda _: None
    """Given its rules as text after each UPDATE: the NOTIFICATION to end the session with."""
    answers_refresh: bool = False
    rules: set[str] = field(default_factory=set)
    sessions: int = 0
    resets: int = 0
    ends_of_rib: int = 0
    messages: list[Message] = field(default_factory=list)
    _writer: asyncio.StreamWriter | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, *messages: Message) -> None:
        assert self._writer is not None
        self._writer.write(b"".join(encode_message(each, CONTEXT) for each in messages))

    def say(self, octets: bytes) -> None:
        """Whole messages, made elsewhere."""
        assert self._writer is not None
        self._writer.write(octets)

    async def until(self, holds: Callable[["FakeRouter"], object], patience_s: float = 10) -> None:
        async with asyncio.timeout(patience_s):
            while not holds(self):
                self._changed.clear()
                await self._changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.rules.clear()
        self.sessions += 1
        capabilities: list[Capability] = [Multiprotocol(family) for family in FAMILIES]
        capabilities += [RouteRefreshCapability(), FourOctetAs(65000)]
        if self.answers_refresh:
            capabilities.append(EnhancedRouteRefresh())
        greeting = Open(
            my_as=65000,
            hold_time_s=90,
            bgp_identifier=0x0A0A0A0A,
            capabilities=tuple(capabilities),
        )
        writer.write(encode_message(greeting, BEFORE_OPEN))
        buffer = bytearray()
        with contextlib.suppress(ConnectionError):
            while octets := await reader.read(65536):
                buffer += octets
                while (message := cut_message(buffer, CONTEXT)) is not None:
                    if not self._handle(decode_message(message, CONTEXT)):
                        buffer.clear()
                        break
                self._changed.set()
        writer.close()

    def _handle(self, message: Message) -> bool:
        self.messages.append(message)
        match message:
            case Open():
                self.send(Keepalive())
            case Update():
                self._learn(message)
                complaint = self.objects_to(self.rules)
                if complaint is not None:
                    self.resets += 1
                    self.send(complaint)
                    assert self._writer is not None
                    self._writer.close()
                    return False
            case RouteRefresh(subtype=RefreshSubtype.REQUEST) if self.answers_refresh:
                self.send(
                    RouteRefresh(message.family, RefreshSubtype.BEGIN),
                    RouteRefresh(message.family, RefreshSubtype.END),
                )
            case _:
                pass
        return True

    def _learn(self, update: Update) -> None:
        outcome = assess(update, CONTEXT)
        assert not outcome.faults
        self.ends_of_rib += outcome.end_of_rib is not None
        for routes in outcome.withdrawn:
            self.rules -= {_text(each) for each in routes.nlri}
        for routes in outcome.announced:
            self.rules |= {_text(each) for each in routes.nlri}


def _text(rule: object) -> str:
    assert isinstance(rule, FlowSpecRule)
    return describe(*Key(rule.family, encode_nlri(encode_rule(rule))))


@contextlib.asynccontextmanager
async def fake_router(**more: object) -> AsyncIterator[FakeRouter]:
    router = FakeRouter(**more)  # type: ignore[arg-type]  # a builder trusts its tests
    server = await asyncio.start_server(router.serve, "127.0.0.1", 0)
    router.port = server.sockets[0].getsockname()[1]
    try:
        yield router
    finally:
        server.close()
        if router._writer is not None:
            router._writer.close()
