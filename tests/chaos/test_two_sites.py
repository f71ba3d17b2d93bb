"""Two sites share one PostgreSQL, each with a router of its own: what each may do to the other.

A rule that names the other site reaches its router within a second; a site that is cut off or dead
harms neither the rows nor the rules of the other, and catches up when it is back.
"""

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

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
    folder: Path, cluster: Cluster, second_host: Path | None = None
) -> Iterator[tuple[Site, Site]]:
    """`second_host`: where the second finds the database, if not where the first does."""
    schema = cluster.schema_url().rpartition("search_path=")[2]
    hosts = {"ams1": cluster.folder, "fra1": second_host or cluster.folder}
    with contextlib.ExitStack() as stack:
        sites = []
        for pop, kind in (("ams1", "bird"), ("fra1", "gobgp")):
            router = stack.enter_context(router_of_kind(kind, folder / kind))
            main = settings([router], listen_port=free_port(), pop=pop)
            url = f"postgres:///postgres?host={hosts[pop]}&user=prefixd&search_path={schema}"
            main["storage"] = {"connection_string": url, **PATIENCE}
            (folder / pop).mkdir()
            files = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks()}
            daemon = stack.enter_context(DaemonProcess(folder / pop, main=main, files=files))
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
