"""The live feed: news as they happen, over WebSocket or server-sent events.

Messages are tagged by `type`, numbered by `seq`, and carry the words older clients know. A client
that falls behind gets `resync_required` instead of an unbounded backlog and fetches what it shows
again. A feed is closed when the session or token that opened it ends.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web
from prometheus_client import Counter

from prefixd.api.feed_message import feed_message
from prefixd.api.problem import ApiError
from prefixd.api.render import format_time
from prefixd.api.route import Call, Route
from prefixd.auth.accounts import Accounts
from prefixd.domain.actor import Permission
from prefixd.engine.bus import Gap, Subscription
from prefixd.errors import StoreUnavailable

HEARTBEAT_S = 20.0
WRITE_TIMEOUT_S = 10.0
RECHECK_S = 60.0

_encode = msgspec.json.Encoder().encode


class ResumeQuery(msgspec.Struct):
    """Continue after message `after`, if it is recent enough; else `resync_required` comes."""

    after: int | None = None


class FeedRoutes:
    def __init__(self, accounts: Accounts | None) -> None:
        self._open: set[asyncio.Event] = set()
        if accounts is not None:
            accounts.on_revoked(self._recheck)

    async def websocket(self, call: Call[None, ResumeQuery]) -> web.StreamResponse:
        request = call.request
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=1024)
        if not socket.can_prepare(request):
            raise ApiError(400, "bad_request", "this path needs a WebSocket upgrade")
        await socket.prepare(request)
        resyncs = call.services.metrics.feed_resyncs
        async with self._subscribed(call) as (subscription, recheck):
            reader = asyncio.ensure_future(_until_closed(socket, subscription))
            guard = asyncio.ensure_future(_until_revoked(call, recheck, subscription))
            try:
                async for body in feed_messages(subscription, resyncs):
                    async with asyncio.timeout(WRITE_TIMEOUT_S):
                        await socket.send_str(body.decode())
            except (TimeoutError, ConnectionError):
                _drop(request)
            finally:
                for task in (reader, guard):
                    task.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.gather(reader, guard)
        if not socket.closed:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"signed out")
        return socket

    async def events(self, call: Call[None, ResumeQuery]) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(call.request)
        resyncs = call.services.metrics.feed_resyncs
        async with self._subscribed(call) as (subscription, recheck):
            guard = asyncio.ensure_future(_until_revoked(call, recheck, subscription))
            try:
                await response.write(b"retry: 2000\n\n")
                async for body in feed_messages(subscription, resyncs, HEARTBEAT_S):
                    await _write_event(response, body)
            except (TimeoutError, ConnectionError):
                _drop(call.request)
            finally:
                guard.cancel()
                with suppress(asyncio.CancelledError):
                    await guard
        return response

    @asynccontextmanager
    async def _subscribed(
        self, call: Call[None, ResumeQuery]
    ) -> AsyncIterator[tuple[Subscription, asyncio.Event]]:
        after = call.query.after
        if after is None:
            after = _last_event_id(call.request)
        subscription = call.services.engine.bus.subscribe(after)
        recheck = asyncio.Event()
        self._open.add(recheck)
        gauge = call.services.metrics.feed_clients.labels(call.request.path.rsplit("/", 1)[-1])
        gauge.inc()
        try:
            yield subscription, recheck
        finally:
            gauge.dec()
            self._open.discard(recheck)
            subscription.close()

    def _recheck(self) -> None:
        for event in self._open:
            event.set()

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                method="GET", path="/v1/ws/feed", handle=self.websocket,
                summary="Live feed over WebSocket", tag="feed", permission=Permission.READ,
                query=ResumeQuery, replies={101: None}, errors=("bad_request", "bad_origin"),
                endless=True,
            ),
            Route(
                method="GET", path="/v1/feed", handle=self.events,
                summary="Live feed as server-sent events", tag="feed", permission=Permission.READ,
                query=ResumeQuery, replies={200: str}, content_type="text/event-stream",
                endless=True,
                description="`Last-Event-ID` (or `after`) resumes after a broken connection.",
            ),
        )  # fmt: skip


def _drop(request: web.Request) -> None:
    """The client is gone or its TCP window is closed: a close frame would wait behind the rest."""
    if request.transport is not None:
        request.transport.abort()


async def feed_messages(
    subscription: Subscription, resyncs: Counter, heartbeat_s: float | None = None
) -> AsyncIterator[bytes]:
    """Encoded messages; an empty one is a heartbeat."""
    while True:
        try:
            async with asyncio.timeout(heartbeat_s):
                item = await subscription.next()
        except TimeoutError:
            yield b""
            continue
        if item is None:
            return
        if isinstance(item, Gap):
            resyncs.inc()
            yield _encode({"type": "resync_required", "seq": item.number})
            continue
        message = feed_message(item.news)
        if message is not None:
            at = format_time(item.news.at_us)
            yield _encode({**message, "at": at, "seq": item.number})


async def _write_event(response: web.StreamResponse, body: bytes) -> None:
    if not body:
        frame = b": still here\n\n"
    else:
        seq = msgspec.json.decode(body, type=_Seq).seq
        frame = b"id: %d\ndata: %s\n\n" % (seq, body)
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await response.write(frame)


class _Seq(msgspec.Struct):
    seq: int


async def _until_closed(socket: web.WebSocketResponse, subscription: Subscription) -> None:
    """Client frames other than a close are ignored; the end of them ends the feed."""
    async for message in socket:
        if message.type in {WSMsgType.CLOSE, WSMsgType.ERROR}:
            break
    subscription.close()


async def _until_revoked(
    call: Call[None, ResumeQuery], recheck: asyncio.Event, subscription: Subscription
) -> None:
    """Ends the feed when its caller signed out, got another role, or the token was revoked or
    expired. Changes made on this instance end it at once, others at the next check."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S):
                await recheck.wait()
        recheck.clear()
        try:
            actor = await call.services.authenticator.actor_of(call.request, call.address)
        except (StoreUnavailable, ApiError):
            actor = None  # in doubt it ends; the client reconnects and is authenticated again
        if actor != call.actor:
            subscription.close()
            return


def _last_event_id(request: web.Request) -> int | None:
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isdecimal() else None
