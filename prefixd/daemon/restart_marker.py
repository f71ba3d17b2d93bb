"""How the previous instance ended, so that this one knows whether it is a restart.

After a restart our OPEN carries the R bit (RFC 4724 3), but only while routers can still hold the
rules of the previous instance: if it ended with its rules kept, and less than the restart time ago.
The marker is a small file, rewritten every few seconds while we run, so that a crash leaves the
time of the last sign of life behind. Elapsed time is measured on the monotonic clock of the same
boot; after a reboot only civil time is left, and a clock that went backwards means "long ago".
"""

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from prefixd.clock import Clock

HEARTBEAT_S: Final = 5.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Ending(StrEnum):
    RUNNING = "running"
    """Written while alive; read by the next instance it means a crash."""
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


def this_moment(clock: Clock) -> Moment:
    try:
        boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # No such file: every start then counts as another boot, and civil time decides.
        boot_id = ""
    return Moment(boot_id, clock.monotonic(), clock.now_us())


def elapsed_s(then: Moment, now: Moment) -> float | None:
    """None when nobody can tell."""
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
    """Whole or not at all, whatever happens meanwhile."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="ascii") as out:
        json.dump(asdict(marker), out)
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)


def load_marker(path: Path) -> RestartMarker | None:
    """None for a missing or unreadable file: then we simply do not claim to have restarted."""
    try:
        plain = json.loads(path.read_text(encoding="ascii"))
        at = plain["at"]
        moment = Moment(str(at["boot_id"]), float(at["monotonic"]), int(at["civil_us"]))
        return RestartMarker(Ending(plain["ending"]), moment)
    except (OSError, ValueError, KeyError, TypeError):
        return None
