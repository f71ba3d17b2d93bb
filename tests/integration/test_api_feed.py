"""The live feed of the real daemon: what it says, where it resumes, and when it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse, CookieJar, WSMsgType
from aiohttp.client_exceptions import WSServerHandshakeError

from tests.kit.daemon_process import DaemonProcess
from tests.kit.operators import ADMIN, PASSWORD, with_operators

SSE_PATIENCE_S = 10


@asynccontextmanager
async def signed_in(daemon: DaemonProcess, name: str) -> AsyncIterator[ClientSession]:
    cookies = CookieJar(unsafe=True)  # of an address, which has no domain
    url = f"http://{daemon.host}:{daemon.port}"
    async with ClientSession(url, cookie_jar=cookies) as http:
        body = {"username": name, "password": PASSWORD}
        async with http.post("/v1/auth/login", json=body) as reply:
            assert reply.status == 200
        yield http


async def next_message(socket: ClientWebSocketResponse) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.receive_str(timeout=10))
    return message


async def until_type(socket: ClientWebSocketResponse, word: str) -> dict[str, Any]:
    while (message := await next_message(socket))["type"] != word:
        pass
    return message


async def sse_messages(reply: ClientResponse, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(SSE_PATIENCE_S):
        while len(found) < number:
            line = await reply.content.readline()
            if line.startswith(b"data: "):
                found.append(json.loads(line[6:]))
    return found


async def ends(socket: ClientWebSocketResponse) -> bool:
    async with asyncio.timeout(10):
        while True:
            message = await socket.receive()
            if message.type is not WSMsgType.TEXT:
                return message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING}


async def test_the_words_of_a_mitigation_s_life_are_numbered(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        async with (
            ClientSession(f"http://{daemon.host}:{daemon.port}") as http,
            http.ws_connect("/v1/ws/feed") as socket,
        ):
            made = (await asyncio.to_thread(daemon.event)).json["mitigation_id"]
            created = await until_type(socket, "mitigation_created")
            assert created["mitigation"]["mitigation_id"] == made
            path, reason = f"/v1/mitigations/{made}/withdraw", {"reason": "done"}
            await asyncio.to_thread(daemon.post, path, reason)
            withdrawn = await until_type(socket, "mitigation_withdrawn")
            assert withdrawn["mitigation_id"] == made
            assert withdrawn["seq"] > created["seq"]


async def test_events_resume_after_the_last_one_seen(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        async with ClientSession(f"http://{daemon.host}:{daemon.port}") as http:
            async with http.get("/v1/feed") as reply:
                assert reply.headers["Content-Type"] == "text/event-stream"
                await asyncio.to_thread(daemon.event, "198.51.100.30")
                first = await sse_messages(reply, 2)
            await asyncio.to_thread(daemon.event, "198.51.100.31")
            last = first[0]["seq"]
            async with http.get("/v1/feed", headers={"Last-Event-ID": str(last)}) as reply:
                missed = await sse_messages(reply, 2)
            assert missed[0] == first[1]
            assert [message["seq"] for message in missed] == [last + 1, last + 2]
            async with http.get("/v1/feed?after=999999") as reply:
                (told,) = await sse_messages(reply, 1)
            assert told["type"] == "resync_required", "that number is of another life"


async def test_w58_a_feed_ends_with_the_session_the_role_or_the_token_it_was_opened_with(
    tmp_path: Path,
) -> None:
    with with_operators(tmp_path) as daemon:
        async with signed_in(daemon, ADMIN) as admin:
            rows = (await (await admin.get("/v1/operators")).json())["operators"]
            ids = {row["username"]: row["operator_id"] for row in rows}

            async with signed_in(daemon, "vera") as vera, vera.ws_connect("/v1/ws/feed") as feed:
                await vera.post("/v1/auth/logout")
                assert await ends(feed)

            async with signed_in(daemon, "vera") as vera, vera.ws_connect("/v1/ws/feed") as feed:
                path = f"/v1/operators/{ids['vera']}/role"
                assert (await admin.put(path, json={"role": "operator"})).status == 200
                assert await ends(feed)

            async with signed_in(daemon, "vera") as vera, vera.ws_connect("/v1/ws/feed") as feed:
                path = f"/v1/operators/{ids['vera']}/password"
                assert (await admin.put(path, json={"new_password": "another one"})).status == 204
                assert await ends(feed)

            body = {"name": "wall", "permissions": ["read"]}
            token = await (await admin.post("/v1/tokens", json=body)).json()
            headers = {"Authorization": f"Bearer {token['token']}"}
            async with (
                ClientSession(f"http://{daemon.host}:{daemon.port}", headers=headers) as wall,
                wall.get("/v1/feed") as stream,
                admin.ws_connect("/v1/ws/feed") as other,
            ):
                assert (await admin.delete(f"/v1/tokens/{token['token_id']}")).status == 204
                async with asyncio.timeout(10):
                    assert b"data" not in await stream.content.read()
                assert not other.closed, "whose rights did not change stays"


@pytest.mark.parametrize("mode", ["none", "credentials"])
async def test_w58_pages_of_other_sites_cannot_open_the_feed_or_change_things(
    tmp_path: Path, mode: str
) -> None:
    with with_operators(tmp_path, mode=mode) as daemon:
        async with signed_in(daemon, ADMIN) as http:
            foreign = {"Origin": "https://evil.example"}
            with pytest.raises(WSServerHandshakeError) as refused:
                await http.ws_connect("/v1/ws/feed", headers=foreign)
            assert refused.value.status == 403
            for headers in (foreign, {"Sec-Fetch-Site": "cross-site"}):
                async with http.post("/v1/config/reload", headers=headers) as reply:
                    assert (reply.status, (await reply.json())["code"]) == (403, "bad_origin")
            own = {"Origin": f"http://{daemon.host}:{daemon.port}"}
            async with http.ws_connect("/v1/ws/feed", headers=own) as socket:
                assert not socket.closed
            async with http.post("/v1/config/reload", headers=own) as reply:
                assert reply.status == 200


async def test_without_credentials_there_is_no_feed(tmp_path: Path) -> None:
    with with_operators(tmp_path) as daemon:
        async with ClientSession(f"http://{daemon.host}:{daemon.port}") as http:
            with pytest.raises(WSServerHandshakeError) as refused:
                await http.ws_connect("/v1/ws/feed")
            assert refused.value.status == 401
            async with http.get("/v1/feed") as reply:
                assert reply.status == 401
