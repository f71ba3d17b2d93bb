"""What changed, and what it takes."""

from pathlib import Path

import pytest

from prefixd.bgp.reload import Effect, plan_reload
from prefixd.config.diff import ConfigDiff, diff, render_diff
from prefixd.setting import Live
from tests.unit.config.directories import INVENTORY, MAIN, PLAYBOOKS, load, make

NEIGHBORS = """\
  neighbors:
    - {name: edge1, address: 192.0.2.1, peer_asn: 64500, export: {}}
    - {name: edge2, address: 192.0.2.2, peer_asn: 64501, export: {}}
"""


def change(directory: Path, before: dict[str, str], after: dict[str, str]) -> ConfigDiff:
    old = load(make(directory, **before))
    return diff(old, load(make(directory, **after)))


def lines(found: ConfigDiff) -> list[str]:
    return [str(one) for one in found.changes]


def test_nothing_changed(tmp_path: Path) -> None:
    found = change(tmp_path, {}, {})
    assert not found
    assert render_diff(found) == "no changes"


def test_writing_a_default_out_is_no_change(tmp_path: Path) -> None:
    assert not change(tmp_path, {}, {"prefixd": MAIN + "guardrails: {max_ports: 8}\ntimers: {}\n"})


def test_comments_and_order_are_no_change(tmp_path: Path) -> None:
    first, second = NEIGHBORS.splitlines(keepends=True)[1:]
    before = {"prefixd": MAIN + NEIGHBORS}
    assert not change(tmp_path, before, {"prefixd": f"# hi\n{MAIN}  neighbors:\n{second}{first}"})


def test_values_are_named_with_what_they_take(tmp_path: Path) -> None:
    found = change(
        tmp_path,
        {"prefixd": MAIN + NEIGHBORS},
        {
            "prefixd": MAIN.replace("lab1", "lab2")
            + NEIGHBORS.replace("64501", "64502")
            + "quotas: {max_active_global: 9}\n"
        },
    )
    assert lines(found) == [
        "bgp.neighbors[edge2].peer_asn: 64501 -> 64502 (peer restart)",
        "pop: 'lab1' -> 'lab2' (restart)",
        "quotas.max_active_global: 500 -> 9 (live)",
    ]
    assert [one.path for one in found.needing_restart] == ["pop"]
    assert [one.path for one in found.needing_peer_restart] == ["bgp.neighbors[edge2].peer_asn"]


def test_a_whole_entry_is_one_line(tmp_path: Path) -> None:
    lonely = NEIGHBORS.rpartition("    - ")[0]
    found = change(tmp_path, {"prefixd": MAIN + NEIGHBORS}, {"prefixd": MAIN + lonely})
    assert lines(found) == ["bgp.neighbors[edge2]: was there -> removed (peer restart)"]
    back = change(tmp_path, {"prefixd": MAIN + lonely}, {"prefixd": MAIN + NEIGHBORS})
    assert lines(back) == ["bgp.neighbors[edge2]: – -> added (peer restart)"]


def test_playbooks_go_by_name(tmp_path: Path) -> None:
    found = change(tmp_path, {}, {"playbooks": PLAYBOOKS.replace("180", "240")})
    assert lines(found) == ["playbooks[udp].steps[0].ttl_seconds: 180 -> 240 (live)"]


def test_customers_are_counted_by_name(tmp_path: Path) -> None:
    more = INVENTORY + INVENTORY.removeprefix("customers:\n").replace("cust_a", "cust_b").replace(
        "198.51.100.0/24", "203.0.113.0/24"
    )
    found = change(tmp_path, {}, {"inventory": more.replace("name: Customer A", "name: A", 1)})
    assert found.changes == ()
    assert found.inventory.added == ("cust_b",)
    assert found.inventory.changed == ("cust_a",)
    assert render_diff(found) == (
        "inventory: customers added: cust_b\ninventory: customers changed: cust_a"
    )
    gone = change(tmp_path, {"inventory": more}, {})
    assert gone.inventory.removed == ("cust_b",)


def test_a_new_token_in_the_environment_is_a_change(tmp_path: Path) -> None:
    make(tmp_path, prefixd=MAIN.replace("mode: none", "mode: bearer"))
    found = diff(
        load(tmp_path, PREFIXD_API_TOKEN="a" * 20), load(tmp_path, PREFIXD_API_TOKEN="b" * 20)
    )
    assert lines(found) == ["http.auth.bearer_token: *** -> *** (restart)"]


def test_a_changed_password_is_taken_over_live(tmp_path: Path) -> None:
    def signed(password: str) -> dict[str, str]:
        return {"prefixd": MAIN + NEIGHBORS.replace("64501,", f"64501, password: {password},")}

    found = change(tmp_path, signed("one"), signed("two"))
    assert lines(found) == ["bgp.neighbors[edge2].password: *** -> *** (live)"]


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ("hold_time_seconds: 30", "timers.hold_time_seconds"),
        ("stable_seconds: 30", "timers.stable_seconds"),
        ("description: x", "description"),
        ("profile: junos", "profile"),
        ("direction: passive", "direction"),
        ("port: 1790", "port"),
        ("multihop: 5", "multihop"),
        ("afi_safi: [ipv4-flowspec]", "afi_safi"),
        ("local_asn: 64555", "local_asn"),
        ("stop_mode: hard", "stop_mode"),
        ("enabled: false", "enabled"),
        ("packet_log_messages: 9", "packet_log_messages"),
        ("announce_hostname: false", "announce_hostname"),
        ("short_shutdown_text: true", "short_shutdown_text"),
        ("ttl_security: 1", "ttl_security"),
        ("password: x", "password"),
        ("role_strict: true", "role_strict"),
        ("enhanced_refresh: false", "enhanced_refresh"),
        ("record_dir: /tmp/x", "record_dir"),
        ("family_fallback: auto", "family_fallback"),
        ("required_afi_safi: [ipv4-flowspec]", "required_afi_safi"),
        ("extended_message: true", "extended_message"),
    ],
)
def test_what_a_neighbor_key_takes_is_what_the_speaker_does(
    tmp_path: Path, keys: str, path: str
) -> None:
    """The word in the reference must agree with the plan the speaker would carry out."""
    section = f"timers: {{{keys}}}" if path.startswith("timers.") else keys
    text = NEIGHBORS.replace("64500, export: {}", f"64500, export: {{}}, {section}")
    old = load(make(tmp_path, prefixd=MAIN + NEIGHBORS))
    new = load(make(tmp_path, prefixd=MAIN + text))
    (found,) = diff(old, new).changes
    assert found.path == f"bgp.neighbors[edge1].{path}"
    effect = next(
        peer.effect for peer in plan_reload(old.bgp, new.bgp).peers if peer.name == "edge1"
    )
    applied_live = effect in {Effect.LIVE, Effect.REKEY}
    assert (found.live is Live.LIVE) == applied_live, effect
