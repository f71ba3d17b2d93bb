"""`Idempotency-Key`: the same request sent again gets the answer of the first, and does nothing.

A key belongs to one caller and one path. Only success is remembered: a refusal changed
nothing, so trying again is the right thing to do. The answer is written after what it tells of; a
crash between the two makes the repeat run again, which events survive by their own identity.
"""

import hashlib
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from multidict import istr

from prefixd.api.problem import ApiError, bad_request
from prefixd.api.reply import Reply
from prefixd.clock import Clock
from prefixd.domain.actor import Actor
from prefixd.errors import Conflict
from prefixd.store.idempotency import StoredAnswer
from prefixd.store.store import Store

HEADER = "Idempotency-Key"
FOLDED = istr(HEADER)
"""To look it up with; a name that is written down is plain text."""
REPLAYED = {"Idempotency-Replayed": "true"}
LONGEST = 128
KEPT_US = 24 * 3600 * 1_000_000


class Repeats:
    """Remembered answers of one route."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._running: set[str] = set()

    async def answer(
        self, key: str, request: web.Request, actor: Actor, run: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
            message = f"{HEADER} must have 1 to {LONGEST} printable ASCII characters"
            raise bad_request(message, HEADER)
        key_hash = _hashed(actor.kind, actor.name, request.method, request.path, key)
        request_hash = _hashed(request.path_qs, await request.read())
        if key_hash in self._running:
            message = f"the first request with this {HEADER} is still being answered"
            raise ApiError(409, "key_in_use", message, retry_after_s=1)
        self._running.add(key_hash)
        try:
            found = await self._store.idempotency.get(key_hash, self._clock.now_us() - KEPT_US)
            if found is not None:
                return _again(found, request_hash)
            reply = await run()
            if reply.status < 300:
                await self._remember(key_hash, request_hash, reply)
            return reply
        finally:
            self._running.discard(key_hash)

    async def _remember(self, key_hash: str, request_hash: str, reply: Reply) -> None:
        body = "" if reply.value is None else _encoded(reply.value).decode()
        try:
            async with self._store.transaction() as tx:
                now_us = self._clock.now_us()
                tx.idempotency.insert(key_hash, request_hash, reply.status, body, now_us)
        except Conflict:
            # Another instance answered the same request meanwhile; both answers are true.
            return


def _again(found: StoredAnswer, request_hash: str) -> Reply:
    if found.request_hash != request_hash:
        message = f"this {HEADER} came with another request before; use a new one"
        raise ApiError(422, "key_reused", message, field=HEADER)
    return Reply(found.body.encode() or None, status=found.status, headers=REPLAYED)


def _encoded(value: object) -> bytes:
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


def _hashed(*parts: str | bytes) -> str:
    """Each part with its length, so that no two lists of parts are the same text."""
    digest = hashlib.sha256()
    for part in parts:
        octets = part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(octets))
        digest.update(octets)
    return digest.hexdigest()
