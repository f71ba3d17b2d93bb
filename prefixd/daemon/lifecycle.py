"""Signals to the running daemon: stop, stop at once, reload.

The first SIGTERM or SIGINT begins the orderly stop, which has a time limit; a second one stops at
once. SIGHUP reloads the configuration; several in a row become one more reload.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Lifecycle:
    """Owns the signal handlers of one run."""

    def __init__(self, reload: Callable[[], Awaitable[None]]) -> None:
        self._reload = reload
        self._stop_asked = asyncio.Event()
        self._stop_now = asyncio.Event()
        self._reload_asked = asyncio.Event()

    def install(self) -> None:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.ask_to_stop, signal.Signals(number).name)
        loop.add_signal_handler(signal.SIGHUP, self._reload_asked.set)

    def remove(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (*STOP_SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(number)

    def ask_to_stop(self, why: str) -> None:
        if self._stop_asked.is_set():
            log.warning("second stop signal, shutting down at once", extra={"signal": why})
            self._stop_now.set()
            return
        log.info("shutting down", extra={"signal": why})
        self._stop_asked.set()

    async def serve_reloads(self) -> None:
        """A supervised task: one reload at a time."""
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            await self._reload()

    async def wait_for_stop(self) -> None:
        await self._stop_asked.wait()

    async def stop_within(self, steps: Awaitable[None], limit_s: float) -> bool:
        """Run the steps of the stop; False when the limit or a second signal ended them early."""
        work = asyncio.ensure_future(steps)
        hurry = asyncio.ensure_future(self._stop_now.wait())
        done, _ = await asyncio.wait(
            {work, hurry}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        if work in done:
            work.result()
            return True
        work.cancel()
        await asyncio.wait({work})
        if not hurry.done() or hurry.cancelled():
            log.error("shutdown timed out", extra={"limit_s": limit_s})
        return False
