"""Killed at random moments while detectors report: nothing that was answered is lost.

By default a short run; `make chaos EVENTS=10000` is the long one. Every event is repeated until it
is answered, as detectors do, and one in twenty mitigations is withdrawn by hand.
"""

import os
import random
import time
from pathlib import Path

import pytest

from tests.kit.agreement import rib_rules
from tests.kit.postgres import shared_cluster
from tests.kit.reporters import Ledger, reporting
from tests.kit.site import Site, a_site

EVENTS = int(os.environ.get("PREFIXD_CRASH_EVENTS", "400"))
KILL_EVERY = 100 if EVENTS <= 1000 else 250
# A long run may take longer than a test that hangs.
pytestmark = [pytest.mark.slow] if EVENTS > 1000 else []


def is_withdrawn(number: int) -> bool:
    return number % 20 == 0


def kill_while_reporting(site: Site, ledger: Ledger, chance: random.Random) -> int:
    """Returns how often it died; after each start, what had been answered must be there."""
    kills = 0
    with reporting(ledger, range(EVENTS), withdraw=is_withdrawn) as threads:
        while any(thread.is_alive() for thread in threads):
            before = len(ledger.answered)
            wanted = min(EVENTS, before + chance.randint(KILL_EVERY // 2, KILL_EVERY * 3 // 2))
            while len(ledger.answered) < wanted and any(t.is_alive() for t in threads):
                time.sleep(chance.uniform(0.0, 0.02))
            if len(ledger.answered) >= EVENTS or ledger.surprises:
                break
            known, ended = ledger.mitigations(), set(ledger.withdrawn)
            site.daemon.kill()
            kills += 1
            site.daemon.start()
            held = set(rib_rules(site.daemon))
            # A withdrawal under way when it died may have been carried out.
            assert known - held <= set(ledger.asked)
            assert not held & ended
    return kills


def _check(site: Site, ledger: Ledger, kills: int, log: Path) -> None:
    assert not ledger.surprises, ledger.surprises[:5]
    assert len(ledger.answered) == EVENTS
    rules = site.agree(limit_s=60)
    live = {row.mitigation_id for row in site.stored()}
    lost = ledger.mitigations() - ledger.withdrawn - live
    risen = ledger.withdrawn & live
    doubled = rules - len({row.victim for row in site.stored()})
    line = (
        f"kills {kills}, events {EVENTS}, answered {len(ledger.answered)},"
        f" attempts without answer {ledger.repeats}, withdrawn {len(ledger.withdrawn)},"
        f" rules {rules}, lost {len(lost)}, risen {len(risen)}, doubled {doubled},"
        f" differences {len(site.differences())}\n"
    )
    log.write_text(line)
    assert (lost, risen, doubled) == (set(), set(), 0)
    assert rules == EVENTS - len(ledger.withdrawn)
    assert kills >= 2


@pytest.mark.parametrize("kind", ["bird", "gobgp"])
def test_kill_9_at_random_points_loses_nothing_answered(kind: str, tmp_path: Path) -> None:
    with a_site(tmp_path, kind) as site:
        ledger = Ledger(site.daemon.host, site.daemon.port)
        kills = kill_while_reporting(site, ledger, random.Random(kind))
        _check(site, ledger, kills, tmp_path / "crashes.txt")


def test_kill_9_on_postgresql_loses_nothing_answered(tmp_path: Path) -> None:
    cluster = shared_cluster()
    schema = cluster.schema_url().rpartition("search_path=")[2]
    with a_site(tmp_path, "bird", database=(cluster, schema)) as site:
        ledger = Ledger(site.daemon.host, site.daemon.port)
        kills = kill_while_reporting(site, ledger, random.Random("postgres"))
        _check(site, ledger, kills, tmp_path / "crashes.txt")
