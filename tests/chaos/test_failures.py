"""Database, router and daemon die, one at a time, under load; afterwards nothing may differ.

Real processes are killed and started again. What was answered before or meanwhile must be in the
store, and store, RIB and what the router's own command line shows must be the same.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.daemons import wait_for
from tests.kit.postgres import Cluster, new_cluster, remove
from tests.kit.reporters import crowd_of, nothing_lost, reporting
from tests.kit.site import a_site, playbooks, victim_number


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = new_cluster("-c fsync=off")
    try:
        yield found
    finally:
        remove(found)


def test_the_database_is_killed_and_restarted_during_ingest(
    tmp_path: Path, cluster: Cluster
) -> None:
    schema = cluster.schema_url().rpartition("search_path=")[2]
    with a_site(tmp_path, "bird", database=(cluster, schema)) as site:
        ledger = crowd_of(site)
        with reporting(ledger, range(300)):
            wait_for(lambda: len(ledger.answered) > 80, 20, "some answers")
            cluster.kill()
            held = site.routers[0].count(4)
            assert held >= 80
            assert site.daemon.event("10.9.9.9").status == 503
            assert site.daemon.get("/v1/health").status == 200
            assert site.routers[0].count(4) >= held  # rules stay
            cluster.start()
        assert ledger.repeats > 0
        assert len(ledger.answered) == 300
        nothing_lost(site, ledger)


@pytest.mark.parametrize("kind", ["bird", "gobgp"])
def test_the_router_is_killed_and_restarted_during_ingest(kind: str, tmp_path: Path) -> None:
    with a_site(tmp_path, kind) as site:
        ledger = crowd_of(site)
        with reporting(ledger, range(200)):
            wait_for(lambda: len(ledger.answered) > 50, 20, "some answers")
            site.routers[0].down()
            wait_for(lambda: len(ledger.answered) > 120, 20, "answers without a router")
            site.routers[0].up()
        assert ledger.repeats == 0  # a router's absence is no reason to refuse
        assert len(ledger.answered) == 200
        nothing_lost(site, ledger)


@pytest.mark.parametrize("times", [1, 3])
def test_the_daemon_is_restarted(times: int, tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        made = {site.daemon.event(victim_number(n)).json["mitigation_id"] for n in range(40)}
        assert site.agree() == 40
        for _ in range(times):
            assert site.daemon.stop() == 0
            assert site.routers[0].count(4) == 40  # the router bridges the gap
            site.daemon.start()
            site.await_sessions()
        assert site.agree() == 40
        assert {row.mitigation_id for row in site.stored()} == made


def test_a_rule_that_ends_while_the_daemon_is_dead_is_gone_after_its_start(tmp_path: Path) -> None:
    files = {"playbooks.yaml": playbooks(ttl_s=3)}
    with a_site(tmp_path, "bird", files=files) as site:
        site.daemon.event("10.0.0.1")
        wait_for(lambda: site.routers[0].count(4) == 1, 5, "the rule")
        site.daemon.kill()
        time.sleep(3.2)
        assert site.routers[0].count(4) == 1
        site.daemon.start()
        site.await_sessions()
        assert site.agree() == 0
        (row,) = site.daemon.get("/v1/mitigations").json["mitigations"]
        assert row["status"] == "expired"
