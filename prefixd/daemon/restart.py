"""How the previous instance ended, so that this one knows whether it is a restart.

After a restart our OPEN carries the R bit (RFC 4724 3), but only while routers can still hold the
rules of the previous instance: if it kept its rules when it ended, and that was less than the
restart time ago. The marker is a small file, read at start, rewritten every few seconds while we
run, and closed with how we ended; a crash leaves the time of the last rewrite. Elapsed time is
measured on the monotonic clock of the same boot. After a reboot only civil time is left, and a
clock that went backwards means "long ago".
"""

import asyncio
import json
import logging
import os
import threading
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from prefixd.bgp.neighbor_settings import RestartPolicy, StopMode
from prefixd.bgp.settings import SpeakerSettings, default_stop_mode
from prefixd.clock import Clock

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 5.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Ending(StrEnum):
    RUNNING = "running"
    """Written while running; read by the next instance it means a crash."""
    KEPT = "kept"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Moment:
    boot_id: str
    monotonic: float
    civil_us: int


@dataclass(frozen=True, slots=True)
class RestartMarker:
    ending: Ending
    at: Moment


class Restarts:
    """The marker's owner: from the first read to the last write."""

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
        """After a reload: how we end follows the settings then in force. The file stays the one
        this process began with."""
        self._settings = settings

    async def keep_alive(self) -> None:
        """A supervised task: the time that a crash leaves behind."""
        while True:
            await asyncio.to_thread(self.alive)
            await asyncio.sleep(HEARTBEAT_S)

    def alive(self) -> None:
        with self._one_at_a_time:
            if not self._over:  # a late rewrite must not hide how we ended
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


def this_moment(clock: Clock) -> Moment:
    try:
        boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # No such file: every start then counts as another boot, and civil time decides.
        boot_id = ""
    return Moment(boot_id, clock.monotonic(), clock.now_us())


def elapsed_s(then: Moment, now: Moment) -> float | None:
    """None when it cannot be known."""
    if then.boot_id and then.boot_id == now.boot_id:
        return max(0.0, now.monotonic - then.monotonic)
    civil_s = (now.civil_us - then.civil_us) / 1_000_000
    return civil_s if civil_s >= 0 else None


def restarting_for(marker: RestartMarker | None, now: Moment, restart_time_s: float) -> float:
    """For how many more seconds routers may hold our previous rules; 0: this is no restart."""
    if marker is None or marker.ending is Ending.WITHDRAWN:
        return 0.0
    elapsed = elapsed_s(marker.at, now)
    if elapsed is None:
        return 0.0
    return max(0.0, restart_time_s - elapsed)


def save_marker(path: Path, marker: RestartMarker) -> None:
    """The whole file or none of it, even through a crash."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="ascii") as out:
        json.dump(asdict(marker), out)
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)


def load_marker(path: Path) -> RestartMarker | None:
    """None for a missing or unreadable file: then we do not claim to have restarted."""
    try:
        plain = json.loads(path.read_text(encoding="ascii"))
        at = plain["at"]
        moment = Moment(str(at["boot_id"]), float(at["monotonic"]), int(at["civil_us"]))
        return RestartMarker(Ending(plain["ending"]), moment)
    except (OSError, ValueError, KeyError, TypeError):
        return None
