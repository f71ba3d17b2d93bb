"""Stand-ins for what the API asks of others: callers by header, a speaker without neighbors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from prefixd.api.route import PacketQuery
from prefixd.domain.actor import Actor, PeerOperation, Role, operator
from prefixd.domain.prefix import Address


class ByHeader:
    """Test credentials: the X-Role header says who you are."""

    mode = "test"

    async def actor_of(self, request: web.Request, _address: str) -> Actor | None:
        role = request.headers.get("X-Role")
        return None if role is None else operator(f"a-{role}", Role(role))


@dataclass
class NoPeers:
    words: Mapping[str, str]

    def session_words(self) -> Mapping[str, str]:
        return self.words

    def peers(self) -> Sequence[Mapping[str, object]]:
        return ()

    def peer(self, _name: str) -> Mapping[str, object] | None:
        return None

    def rib(self) -> Sequence[Mapping[str, object]]:
        return ()

    def inexpressible(self) -> Sequence[Mapping[str, object]]:
        return ()

    def operate(
        self, _peer: str, _operation: PeerOperation, _operator: str, _reason: str
    ) -> str | None:
        return None

    def simulate(
        self, _dst: Address, _src: Address, _packet: PacketQuery
    ) -> Mapping[str, Mapping[str, object]]:
        return {}

    def explain(self, _rule: str, _peer: str) -> Mapping[str, object] | None:
        return None
