"""What a router does with our rules when the daemon is stopped is what its neighbor's policy says.

BIRD, asked through its own command line, before and after SIGTERM.
"""

import time
from pathlib import Path

import pytest

from tests.kit.daemons import wait_for
from tests.kit.site import Site, a_site, victim_number

RULES = 10


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        pytest.param({"restart": {"policy": "bridge"}}, True, id="bridge"),
        pytest.param({"restart": {"policy": "fail_open"}}, False, id="fail_open"),
        pytest.param({"stop_mode": "withdraw"}, False, id="bridge, but withdraw on SIGTERM"),
        pytest.param({"restart": {"policy": "fail_open"}, "stop_mode": "keep"}, False,
                     id="fail_open keeps nothing, whatever the end"),
    ],
)  # fmt: skip
def test_w27_rules_after_a_stop_are_what_the_policy_says(
    tmp_path: Path, changes: dict[str, object], *, kept: bool
) -> None:
    with a_site(tmp_path, "bird", each_neighbor=changes) as site:
        _announce(site)
        assert site.daemon.stop() == 0
        if not kept:
            wait_for(lambda: site.routers[0].count(4) == 0, 5, "a router without our rules")
            return
        time.sleep(1.0)
        assert site.routers[0].count(4) == RULES
        site.daemon.start()
        site.await_sessions()
        assert site.agree() == RULES


def test_w27_with_bridge_a_daemon_that_stays_away_is_forgotten_in_time(tmp_path: Path) -> None:
    changes = {"restart": {"policy": "bridge", "restart_time_seconds": 3}}
    with a_site(tmp_path, "bird", each_neighbor=changes) as site:
        _announce(site)
        site.daemon.kill()
        assert site.routers[0].count(4) == RULES
        wait_for(lambda: site.routers[0].count(4) == 0, 10, "the end of the restart time")


def test_w27_preserve_announcements_of_older_files_is_honoured(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird", main={"shutdown": {"preserve_announcements": False}}) as site:
        _announce(site)
        site.daemon.stop()
        wait_for(lambda: site.routers[0].count(4) == 0, 5, "a router without our rules")


def _announce(site: Site) -> None:
    for number in range(RULES):
        assert site.daemon.event(victim_number(number)).status == 202
    assert site.agree() == RULES
