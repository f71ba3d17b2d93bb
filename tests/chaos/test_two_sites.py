"""Two sites share one PostgreSQL, each with a router of its own: what each may do to the other.

A rule that names the other site reaches its router within a second; a site that is cut off or dead
harms neither the rows nor the rules of the other, and catches up when it is back.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.agreement import postgres_rules
from tests.kit.daemon_process import DaemonProcess, free_port
from tests.kit.daemons import wait_for
from tests.kit.postgres import Cluster, new_cluster, remove
from tests.kit.relay import relay_to_path
from tests.kit.routers import router_of_kind
from tests.kit.site import Site, inventory, playbooks, settings

REACHED_WITHIN_S = 1.0
PATIENCE = dict.fromkeys(("read_timeout_seconds", "write_timeout_seconds"), 2)
ALICE = {"operator_id": "alice", "reason": "both sites"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = new_cluster("-c fsync=off")
    try:
        yield found
    finally:
        remove(found)


@contextlib.contextmanager
def two_sites(
    folder: Path,
    cluster: Cluster,
    second_host: Path | None = None,
    main: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Site, Site]]:
    """`second_host`: where the second finds the database, if not where the first does."""
    schema = cluster.schema_url().rpartition("search_path=")[2]
    hosts = {"ams1": cluster.folder, "fra1": second_host or cluster.folder}
    with contextlib.ExitStack() as stack:
        sites = []
        for pop, kind in (("ams1", "bird"), ("fra1", "gobgp")):
            router = stack.enter_context(router_of_kind(kind, folder / kind))
            chosen = settings([router], listen_port=free_port(), pop=pop) | dict(main or {})
            url = f"postgres:///postgres?host={hosts[pop]}&user=prefixd&search_path={schema}"
            chosen["storage"] = {"connection_string": url, **PATIENCE}
            (folder / pop).mkdir()
            files = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks()}
            daemon = stack.enter_context(DaemonProcess(folder / pop, main=chosen, files=files))
            sites.append(Site(daemon, [router], partial(postgres_rules, cluster, schema, pop)))
        for site in sites:
            site.await_sessions()
        yield sites[0], sites[1]


def by_hand(site: Site, victim: str, pops: list[str]) -> dict[str, object]:
    body = {
        **ALICE,
        "victim_ip": victim,
        "protocol": "udp",
        "action": "discard",
        "ttl_seconds": 600,
        "pops": pops,
    }
    answer = site.daemon.post("/v1/mitigations", body)
    assert answer.status in (200, 201), answer.body
    found: dict[str, object] = answer.json
    return found


def test_a_rule_that_names_the_other_site_is_on_its_router_within_a_second(
    tmp_path: Path, cluster: Cluster
) -> None:
    with two_sites(tmp_path, cluster) as (here, there):
        here.daemon.event("10.0.0.1")
        there.daemon.event("10.0.0.2")
        begun = time.monotonic()
        by_hand(here, "10.0.0.3", ["ams1", "fra1"])
        wait_for(lambda: there.routers[0].count(4) == 2, 5, "the rule at the other router")
        took = time.monotonic() - begun
        assert here.agree() == 2
        assert there.agree() == 2
        assert took < REACHED_WITHIN_S


def test_a_site_that_dies_harms_nobody_and_catches_up(tmp_path: Path, cluster: Cluster) -> None:
    with two_sites(tmp_path, cluster) as (here, there):
        here.daemon.event("10.0.0.1")
        there.daemon.event("10.0.0.2")
        there.daemon.kill()
        assert here.daemon.event("10.0.0.4").json["outcome"] == "mitigated"
        by_hand(here, "10.0.0.5", ["ams1", "fra1"])
        assert here.agree() == 3
        assert len(there.stored()) == 2  # its own, and what the living one wrote for it
        there.daemon.start()
        there.await_sessions()
        assert there.agree() == 2
        assert here.agree() == 3


def test_a_site_that_is_cut_off_keeps_its_rules_and_reads_what_it_missed(
    tmp_path: Path, cluster: Cluster
) -> None:
    """Its wire to the database swallows everything; the other site notices nothing."""
    socket_name = ".s.PGSQL.5432"
    wire = relay_to_path(str(tmp_path / socket_name), str(cluster.folder / socket_name))
    with wire as relay, two_sites(tmp_path, cluster, second_host=tmp_path) as (here, there):
        here.daemon.event("10.0.0.1")
        there.daemon.event("10.0.0.2")
        relay.cut()
        assert there.daemon.event("10.0.0.9", event_id="in the dark").status == 503
        assert there.routers[0].count(4) == 1
        by_hand(here, "10.0.0.3", ["ams1", "fra1"])
        assert here.agree() == 2
        relay.mend()
        wait_for(lambda: there.routers[0].count(4) >= 2, 20, "what it missed")
        again = there.daemon.event("10.0.0.9", event_id="in the dark")
        assert again.json["mitigation_id"]
        assert there.agree() == 3
        assert here.agree() == 2


def test_w29_lists_are_of_the_site_that_was_asked_for(tmp_path: Path, cluster: Cluster) -> None:
    with two_sites(tmp_path, cluster) as (here, there):
        here.daemon.event("10.0.0.1")
        there.daemon.event("10.0.0.2")
        there.daemon.event("10.0.0.3")
        wait_for(lambda: len(_victims(here, "")) == 3, 5, "all rows at one site")
        for site in (here, there):
            assert _victims(site, "?pop=ams1") == {"10.0.0.1"}
            assert _victims(site, "?pop=fra1") == {"10.0.0.2", "10.0.0.3"}
            assert _victims(site, "?pop=nowhere") == set()
            assert "fra1" in site.daemon.get("/v1/pops").body.decode()


def _victims(site: Site, query: str) -> set[str]:
    rows = site.daemon.get(f"/v1/mitigations{query}").json["mitigations"]
    return {row["victim_ip"] for row in rows}


def test_w30_what_must_hold_for_all_sites_is_shared(tmp_path: Path, cluster: Cluster) -> None:
    """Limits over all sites, protected prefixes, the retry of a report and the trail; only what is
    about one process (its feed, how often one client may ask it) counts per process."""
    quotas = {"quotas": {"max_active_global": 2}}
    with two_sites(tmp_path, cluster, main=quotas) as (here, there):
        assert here.daemon.event("10.0.0.1", event_id="same").json["outcome"] == "mitigated"
        assert there.daemon.event("10.0.0.2").json["outcome"] == "mitigated"
        refused = here.daemon.event("10.0.0.3")
        assert refused.status == 422, refused.body
        assert "global" in refused.body.decode()
        entry = {"prefix": "10.0.7.0/24", "reason": "ours"}
        assert here.daemon.post("/v1/safelist", entry).status < 300
        wait_for(
            lambda: there.daemon.event("10.0.7.1").status == 422,
            5,
            "the protected prefix at the other site",
        )
        entries = there.daemon.get("/v1/audit?limit=100").json["entries"]
        assert "safelist_add" in {entry["action"] for entry in entries}
        for site in (here, there):
            assert site.daemon.get("/v1/audit/verify").json["ok"] is True
