"""The running daemon's configuration changes, and real routers are asked what they made of it.

Every test begins with rules on the routers and reloads over HTTP, as `prefixdctl reload` does. What
must not be touched is checked as closely as what must: sessions that have no reason to fall do not.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.kit.agreement import rib_rules
from tests.kit.daemon_process import Answer, DaemonProcess
from tests.kit.daemons import Bird, Neighbor, Wish, wait_for
from tests.kit.netns import private_network
from tests.kit.site import Site, a_site, inventory, playbooks, victim_number
from tests.kit.tables import TABLES, Table

BY = {"operator_id": "alice", "reason": "test"}


def reload(site: Site | DaemonProcess, name: str, change: Any) -> Answer:
    """Change one file in place (`change` takes its tree) and have the daemon read it."""
    daemon = site.daemon if isinstance(site, Site) else site
    path = daemon.config_dir / f"{name}.yaml"
    tree = yaml.safe_load(path.read_text())
    change(tree)
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return daemon.post("/v1/config/reload", None)


def taken_over(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def neighbors(tree: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tree["bgp"]["neighbors"]
    return found


def some_rules(site: Site, count: int = 5) -> list[str]:
    made = []
    for number in range(1, count + 1):
        answer = site.daemon.event(victim_number(number))
        assert answer.json["outcome"] == "mitigated", answer.body
        made.append(answer.json["mitigation_id"])
    assert site.agree() == count
    return made


def sessions(site: Site, name: str) -> tuple[int, int]:
    """How often its session came up, and how often it fell."""
    peer = site.daemon.get(f"/v1/bgp/peers/{name}").json
    return peer["sessions"], peer["flaps"]


def test_a_neighbor_is_taken_away_and_comes_back(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird", "gobgp", "frr") as site:
        some_rules(site)
        before = {name: sessions(site, name) for name in ("bird", "gobgp", "frr")}
        for gone in ("gobgp", "frr", "bird"):
            removed: list[dict[str, Any]] = []
            taken_over(reload(site, "prefixd", partial(take_away, gone, removed)))
            (router,) = (each for each in site.routers if each.name == gone)
            read = partial(TABLES[gone], router.ask)
            wait_for(partial(is_empty, read), 10, f"an empty table at {gone}")
            words = site.daemon.get("/v1/health/detail").json["bgp_sessions"]
            assert gone not in words
            for name in {"bird", "gobgp", "frr"} - {gone}:
                assert sessions(site, name)[1] == before[name][1], f"{name} fell"
            taken_over(reload(site, "prefixd", partial(put_back, removed)))
            site.await_sessions(60)  # GoBGP lets nobody in for half a minute after an end
            assert site.agree(30) == 5


def take_away(name: str, removed: list[dict[str, Any]], tree: dict[str, Any]) -> None:
    removed += [each for each in neighbors(tree) if each["name"] == name]
    tree["bgp"]["neighbors"] = [each for each in neighbors(tree) if each["name"] != name]


def put_back(removed: list[dict[str, Any]], tree: dict[str, Any]) -> None:
    neighbors(tree).extend(removed)


def is_empty(read: Callable[[], Table]) -> bool:
    return not read()


def test_another_budget_and_profile_need_no_new_session(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird", "gobgp") as site:
        some_rules(site)

        def shrink(tree: dict[str, Any]) -> None:
            neighbors(tree)[0]["budget"] = {"rules_total": 2}

        def grow(tree: dict[str, Any]) -> None:
            neighbors(tree)[0]["budget"] = {"rules_total": 50_000}

        taken_over(reload(site, "prefixd", shrink))
        wait_for(lambda: site.routers[0].count(4) == 2, 10, "two rules at BIRD")
        assert site.routers[1].count(4) == 5
        taken_over(reload(site, "prefixd", grow))
        assert site.agree() == 5
        assert {sessions(site, "bird"), sessions(site, "gobgp")} == {(1, 0)}


def test_a_site_keeps_its_name_until_the_next_start(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        (made, *_) = some_rules(site)
        answer = taken_over(reload(site, "prefixd", lambda tree: tree.update(pop="elsewhere")))
        assert answer["restart_needed"] == ["pop"]
        assert site.agree() == 5
        assert site.daemon.get("/v1/health/detail").json["pop"] == "lab1"
        assert site.daemon.get(f"/v1/mitigations/{made}").json["pop"] == "lab1"
        assert site.daemon.event(victim_number(6)).json["outcome"] == "mitigated"
        assert site.agree() == 6
        assert sessions(site, "bird") == (1, 0)


def test_a_customer_leaves_while_a_rule_of_theirs_is_live(tmp_path: Path) -> None:
    """The rule stays for its time and can be withdrawn; new reports find nobody to protect."""
    with a_site(tmp_path, "bird") as site:
        (first, second, *_) = some_rules(site)

        def leave(tree: dict[str, Any]) -> None:
            tree["customers"][0]["prefixes"] = ["198.51.100.0/24"]

        answer = taken_over(reload(site, "inventory", leave))
        assert "inventory" in answer["reloaded"]
        assert site.agree() == 5
        fresh = site.daemon.event(victim_number(9))
        assert fresh.json["outcome"] == "ignored"
        assert "belongs to no customer" in fresh.json["reason"]
        assert site.agree() == 5
        withdrawn = site.daemon.post(f"/v1/mitigations/{second}/withdraw", BY)
        assert withdrawn.status == 200, withdrawn.body
        assert site.agree() == 4
        assert site.daemon.get(f"/v1/mitigations/{first}").json["status"] == "active"
        site.daemon.stop()
        site.daemon.start()
        site.await_sessions(60)
        assert site.agree() == 4


def test_what_becomes_untouchable_leaves_every_router(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird", "gobgp") as site:
        some_rules(site)

        def protect(tree: dict[str, Any]) -> None:
            tree["safelist"] = {"infrastructure": [f"{victim_number(2)}/32"]}

        taken_over(reload(site, "prefixd", protect))
        assert site.agree() == 4
        refused = site.daemon.event(victim_number(2), event_id="second report")
        assert (refused.status, refused.json["errors"]) == (422, ["safelisted"])
        assert site.agree() == 4
        taken_over(reload(site, "prefixd", lambda tree: tree.pop("safelist")))
        # The attack that was held back is still reported: nobody has to report it once more.
        assert site.agree() == 5
        assert {sessions(site, "bird"), sessions(site, "gobgp")} == {(1, 0)}


def test_what_becomes_untouchable_leaves_the_table_of_a_mock(tmp_path: Path) -> None:
    files = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks(600)}
    with DaemonProcess(tmp_path, main={"bgp": {"mode": "mock"}}, files=files) as daemon:
        made = [daemon.event(victim_number(n)).json["mitigation_id"] for n in (1, 2)]
        assert rib_rules(daemon).keys() == set(made)

        def protect(tree: dict[str, Any]) -> None:
            tree["safelist"] = {"infrastructure": [f"{victim_number(2)}/32"]}

        taken_over(reload(daemon, "prefixd", protect))
        wait_for(lambda: rib_rules(daemon).keys() == {made[0]}, 10, "one rule left")
        assert daemon.get(f"/v1/mitigations/{made[1]}").json["status"] == "withdrawn"


@contextlib.contextmanager
def a_signed_session(tmp_path: Path, key_file: Path) -> Iterator[tuple[DaemonProcess, Bird]]:
    us, there = "10.77.0.1", "10.77.0.2"
    neighbor = Neighbor(us=us, our_asn=64500, local=there, our_port=1790, password="KEY-1")
    wish = Wish(asn=64501, router_id=there, neighbors=(neighbor,))
    main = {
        "bgp": {
            "mode": "speaker",
            "local_asn": 64500,
            "router_id": us,
            "listen": [f"{us}:1790"],
            "neighbors": [
                {
                    "name": "edge1",
                    "address": there,
                    "local_address": us,
                    "peer_asn": 64501,
                    "profile": "bird",
                    "multihop": 8,
                    "password_file": str(key_file),
                    "timers": {"connect_retry_seconds": 0.2},
                    "export": {},
                }
            ],
        }
    }
    with private_network([f"{us}/24", f"{there}/24"]):
        router = Bird(tmp_path)
        with router.run(wish), DaemonProcess(tmp_path, main=main) as daemon:
            yield daemon, router


def test_a_password_changes_at_both_ends(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("KEY-1\n")
    key_file.chmod(0o600)
    with a_signed_session(tmp_path, key_file) as (daemon, router):
        wait_for(lambda: _state(daemon) == "established", 20, "a signed session")
        assert daemon.event().json["outcome"] == "mitigated"
        wait_for(lambda: router.rules("ipv4") == 1, 10, "the rule")
        assert daemon.get("/v1/bgp/peers/edge1").json["transport"]["md5"] is True

        key_file.write_text("KEY-2\n")
        answer = daemon.post("/v1/config/reload", None)
        assert answer.status == 200, answer.body
        config = tmp_path / "bird.conf"
        config.write_text(config.read_text().replace('"KEY-1"', '"KEY-2"'))
        assert "econfigur" in router.ask("configure")
        daemon.event("198.51.100.21")
        wait_for(lambda: router.rules("ipv4") == 2, 60, "both rules, signed with the new key")
        assert "KEY" not in daemon.log_text
        assert "KEY" not in str(daemon.get("/v1/config/settings").body)

        # A key that only we know ends in silence, and the reason is said.
        key_file.write_text("KEY-3\n")
        assert daemon.post("/v1/config/reload", None).status == 200
        wait_for(lambda: "keys differ" in _error(daemon), 60, "the likely reason")


def _state(daemon: DaemonProcess) -> str:
    return str(daemon.get("/v1/bgp/peers/edge1").json["state"])


def _error(daemon: DaemonProcess) -> str:
    return str(daemon.get("/v1/bgp/peers/edge1").json["last_error"])
