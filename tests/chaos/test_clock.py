"""The civil clock of a running daemon jumps, an hour either way; its routers notice nothing.

Only that process is lied to: a module that Python imports at its start adds what a file says to
every reading of civil time. The monotonic clock goes on, as it does when somebody sets a clock.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.daemon_process import ROOT
from tests.kit.daemons import wait_for
from tests.kit.reporters import crowd_of, nothing_lost, reporting
from tests.kit.site import Site, a_site

HOUR_S = 3600
TTL_S = 6
MODULE = """
import time
_real = time.time_ns
def time_ns():
    with open({offset!r}) as file:
        return _real() + int(file.read() or 0) * 1_000_000_000
time.time_ns = time_ns
time.time = lambda: time_ns() / 1e9
"""


class SetClock:
    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self.set(0)
        self.module = folder / "lies"
        self.module.mkdir()
        text = MODULE.format(offset=str(self._offset))
        (self.module / "sitecustomize.py").write_text(text)

    def set(self, seconds: int) -> None:
        """In one step: the daemon must not read half a number."""
        written = self._offset.with_suffix(".new")
        written.write_text(str(seconds))
        written.replace(self._offset)


@pytest.fixture
def clock(tmp_path: Path) -> SetClock:
    return SetClock(tmp_path)


@pytest.fixture
def site(tmp_path: Path, clock: SetClock) -> Iterator[Site]:
    path = {"PYTHONPATH": f"{clock.module}:{ROOT}"}
    with a_site(tmp_path, "bird", environment=path) as found:
        yield found


def by_hand(site: Site, victim: str, ttl_s: int) -> str:
    body = {
        "operator_id": "alice",
        "reason": "clocks",
        "victim_ip": victim,
        "protocol": "udp",
        "action": "discard",
        "ttl_seconds": ttl_s,
    }
    answer = site.daemon.post("/v1/mitigations", body)
    assert answer.status == 201, answer.body
    return str(answer.json["mitigation_id"])


def live(site: Site) -> set[str]:
    return {row.mitigation_id for row in site.stored()}


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_jumps_under_load_loses_nothing_and_ends_rules_on_time(
    site: Site, clock: SetClock, jump_s: int
) -> None:
    ledger = crowd_of(site)
    short, begun = by_hand(site, "198.51.100.77", TTL_S), time.monotonic()
    with reporting(ledger, range(100), clients=4):
        pass
    clock.set(jump_s)
    wait_for(lambda: "the civil clock was set" in site.daemon.log_text, 5, "the jump in the log")
    later = crowd_of(site)
    later.ahead_s = jump_s  # the same server sets their clocks
    with reporting(later, range(100, 200), clients=4):
        pass
    later.answered |= ledger.answered
    assert short in live(site)
    wait_for(lambda: short not in live(site), 2 * TTL_S, "the end of the short rule")
    took = time.monotonic() - begun
    assert TTL_S - 0.5 < took < TTL_S + 3
    assert len(later.answered) == 200
    nothing_lost(site, later)
    assert site.peer("bird")["flaps"] == 0
    site.daemon.stop()
    site.daemon.start()
    nothing_lost(site, later)
