"""The restart marker's life: read at start, rewritten while alive, closed with how we ended."""

import asyncio
import logging
import threading
from pathlib import Path

from prefixd.bgp.settings import RestartPolicy, SpeakerSettings, StopMode, default_stop_mode
from prefixd.clock import Clock
from prefixd.daemon.restart_marker import (
    HEARTBEAT_S,
    Ending,
    RestartMarker,
    load_marker,
    restarting_for,
    save_marker,
    this_moment,
)

log = logging.getLogger(__name__)


class Restarts:
    def __init__(self, settings: SpeakerSettings, clock: Clock) -> None:
        self._path = Path(settings.restart_marker) if settings.restart_marker else None
        self._settings = settings
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._over = False

    def restarting_for_s(self) -> float:
        """For how long routers may still hold our earlier rules; 0: this is no restart."""
        if self._path is None:
            return 0.0
        longest = max(
            (
                peer.restart.restart_time_s
                for peer in self._settings.peers
                if peer.restart.policy is not RestartPolicy.FAIL_OPEN
            ),
            default=0,
        )
        return restarting_for(load_marker(self._path), this_moment(self._clock), longest)

    def apply(self, settings: SpeakerSettings) -> None:
        """After a reload: how we end is told by what is in force then. The file stays the one this
        process began with."""
        self._settings = settings

    async def keep_alive(self) -> None:
        """A supervised task: the last sign of life a crash leaves behind."""
        while True:
            await asyncio.to_thread(self.alive)
            await asyncio.sleep(HEARTBEAT_S)

    def alive(self) -> None:
        with self._one_at_a_time:
            if not self._over:  # a late sign of life must not hide how we ended
                self._save(Ending.RUNNING)

    def ended(self) -> None:
        kept = any(default_stop_mode(peer) is StopMode.KEEP for peer in self._settings.peers)
        with self._one_at_a_time:
            self._over = True
            self._save(Ending.KEPT if kept else Ending.WITHDRAWN)

    def _save(self, ending: Ending) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            save_marker(self._path, RestartMarker(ending, this_moment(self._clock)))
        except OSError as error:
            # Without a marker the next start does not claim to be a restart: routers drop our rules
            # at once and get them again. Safe, but worth a line.
            log.warning(
                "restart marker cannot be written",
                extra={"path": str(self._path), "reason": error.strerror},
            )
