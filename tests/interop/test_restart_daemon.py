"""The daemon is killed and started again: do routers keep the rules meanwhile, and why.

The session's own way of restarting is in `test_session_graceful.py`. Here it is the process, its
restart marker and its store: `kill -9`, a new start, and a router that is asked all the time how
many rules it holds.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.kit.daemons import wait_for
from tests.kit.routers import Router
from tests.kit.site import Site, a_site, victim_number

RULES = 20


def rules(site: Site) -> None:
    for number in range(1, RULES + 1):
        assert site.daemon.event(victim_number(number)).json["outcome"] == "mitigated"
    assert site.agree() == RULES


def says_restarting(router: Router) -> bool:
    """BIRD shows the R bit of the last OPEN among the neighbor's capabilities."""
    shown = router.ask("show", "protocols", "all", "prefixd")
    assert "Neighbor capabilities" in shown, shown
    return "Restart recovery" in shown.split("Neighbor capabilities")[1].split("Session:")[0]


@contextmanager
def counted_all_the_time(router: Router) -> Iterator[Callable[[], int]]:
    """The smallest number of rules the router has been seen with."""
    fewest, over = [router.count(4)], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            fewest[0] = min(fewest[0], router.count(4))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield lambda: fewest[0]
    finally:
        over.set()
        watcher.join()


def test_a_first_start_does_not_claim_to_be_a_restart(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        assert not says_restarting(site.routers[0])


@pytest.mark.parametrize("how", ["kill -9", "SIGTERM"])
def test_a_router_keeps_every_rule_over_a_restart(how: str, tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        (router,) = site.routers
        rules(site)
        with counted_all_the_time(router) as fewest:
            if how == "kill -9":
                site.daemon.kill()
            else:
                assert site.daemon.stop() == 0
            time.sleep(1.0)  # the daemon is away; nothing tells when its router has noticed
            site.daemon.start()
            site.await_sessions()
            assert site.agree() == RULES
            assert fewest() == RULES
        assert says_restarting(router)
        assert site.daemon.get("/v1/bgp/peers/bird").json["flaps"] == 0


def test_what_ended_while_the_daemon_was_away_leaves_with_its_end_of_rib(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        (router,) = site.routers
        rules(site)
        body = {
            "victim_ip": victim_number(99),
            "protocol": "udp",
            "dst_ports": [53],
            "action": "discard",
            "ttl_seconds": 3,
            "operator_id": "alice",
            "reason": "short",
        }
        begun = time.monotonic()
        assert site.daemon.post("/v1/mitigations", body).status == 201
        assert site.agree() == RULES + 1
        site.daemon.kill()
        time.sleep(max(0.0, begun + 3.5 - time.monotonic()))  # its time passes with nobody there
        assert router.count(4) == RULES + 1
        site.daemon.start()
        site.await_sessions()
        assert site.agree() == RULES


def test_a_start_after_the_restart_time_is_no_restart(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        (router,) = site.routers
        path = site.daemon.config_dir / "prefixd.yaml"
        tree = yaml.safe_load(path.read_text())
        tree["bgp"]["neighbors"][0]["restart"] = {"restart_time_seconds": 2}
        path.write_text(yaml.safe_dump(tree))
        assert site.daemon.post("/v1/config/reload", None).status == 200
        wait_for(lambda: site.daemon.get("/v1/bgp/peers/bird").json["sessions"] == 2, 20, "reset")
        rules(site)
        site.daemon.kill()
        wait_for(lambda: router.count(4) == 0, 15, "the router's patience to end")
        site.daemon.start()
        site.await_sessions()
        assert site.agree() == RULES
        assert not says_restarting(router)
