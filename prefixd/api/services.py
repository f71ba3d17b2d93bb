"""What handlers may reach: the engine and a few ports, bundled once per process.

The ports are shapes (Protocols). `app.py` fits the real things into them, so no handler imports the
store, the speaker or the configuration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from prefixd.api.idempotency import AnswerStore
from prefixd.api.list_cache import ListCache
from prefixd.clock import Clock
from prefixd.domain.actor import Actor
from prefixd.engine.engine import Engine
from prefixd.observability.exposition import Exposition
from prefixd.observability.metrics import Metrics


class Authenticator(Protocol):
    """Turns a request into somebody, or into nobody."""

    @property
    def mode(self) -> str: ...

    async def actor_of(self, request: web.Request, address: str) -> Actor | None:
        """None: no credentials, or credentials nobody knows. Raises ApiError for those that are
        known and refused for a reason the caller may hear (an expired token)."""
        ...


class Speaker(Protocol):
    """What a face may ask of BGP; every answer is JSON-able."""

    def peers(self) -> Sequence[Mapping[str, object]]: ...
    def peer(self, name: str) -> Mapping[str, object] | None: ...
    def rib(self) -> Sequence[Mapping[str, object]]: ...
    def inexpressible(self) -> Sequence[Mapping[str, object]]:
        """Live mitigations that no router can be told, each with its reason."""
        ...

    def explain(self, rule: str, peer: str) -> Mapping[str, object] | None: ...
    def session_words(self) -> Mapping[str, str]:
        """Peer address or name -> `established`, `idle`, ... for the health page."""
        ...


def _nobody_listens(_source: str) -> None:
    """For those who keep no watch on sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    engine: Engine
    authenticator: Authenticator
    speaker: Speaker
    clock: Clock
    metrics: Metrics
    exposition: Exposition
    new_id: Callable[[], str]
    version: str
    pop: str
    answers: AnswerStore | None = None
    """Where answers to requests with an `Idempotency-Key` are kept; None ignores the key."""
    lists: ListCache = field(default_factory=ListCache)
    heard: Callable[[str], None] = _nobody_listens
    """A source showed that it is alive without reporting anything."""
