"""Half-open requests cannot take the file descriptors that BGP and the database need."""

import asyncio
import contextlib
import resource
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.daemon_process import DaemonProcess
from tests.kit.fake_router import FakeRouter, fake_router

HALF_A_REQUEST = b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CALLERS = 400
STRANGER = "127.0.0.66"


@contextlib.contextmanager
def half_open(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Requests that begin and never end, as many as are let in."""
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            held.append(socket.socket())
            held[-1].bind((STRANGER, 0))
            with contextlib.suppress(OSError):
                held[-1].connect(("127.0.0.1", port))
                held[-1].send(HALF_A_REQUEST)
        yield held
    finally:
        for each in held:
            each.close()


def still_open(connections: list[socket.socket]) -> int:
    found = 0
    for each in connections:
        each.settimeout(0.0)
        try:
            found += each.recv(1) != b""
        except BlockingIOError:
            found += 1
        except OSError:
            pass  # closed by the daemon
    return found


def limited(monkeypatch: pytest.MonkeyPatch, descriptors: int) -> None:
    """Daemons are started with so many descriptors; this process keeps its own."""
    original = subprocess.Popen

    def popen(*args: object, **more: object) -> object:
        def limit() -> None:
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            most = min(descriptors, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

        return original(*args, **more, preexec_fn=limit)  # type: ignore[call-overload]  # as it was called

    monkeypatch.setattr(subprocess, "Popen", popen)


def neighbor(router: FakeRouter) -> dict[str, object]:
    return {
        "name": "edge",
        "address": "127.0.0.1",
        "port": router.port,
        "peer_asn": 65000,
        "direction": "active",
        "export": {},
        "timers": {"connect_retry_seconds": 0.2},
    }


@pytest.mark.parametrize("descriptors", [64, 256, 512, 65_536])
async def test_a_router_that_comes_up_later_is_dialled_all_the_same(
    descriptors: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, descriptors)
    async with fake_router() as router:
        bgp = {
            "local_asn": 65000,
            "mode": "speaker",
            "listen": [],
            "neighbors": [neighbor(router)],
        }
        daemon = DaemonProcess(tmp_path, {"bgp": bgp})
        daemon.write_config()
        try:
            await asyncio.to_thread(daemon.start)
            with half_open(daemon.port, CALLERS) as held:
                assert (await asyncio.to_thread(daemon.get, "/v1/health")).status == 200
                assert 0 < still_open(held) < CALLERS
                before = router.sessions
                assert router._writer is not None
                router._writer.close()
                await router.until(lambda each: each.sessions > before)
                event = await asyncio.to_thread(daemon.event)
                assert event.status == 202, event.body
                await router.until(lambda each: each.rules)
            assert (await asyncio.to_thread(daemon.get, "/v1/health")).status == 200
        finally:
            await asyncio.to_thread(daemon.stop)
        assert "Too many open files" not in daemon.log_text
