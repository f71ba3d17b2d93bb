from dataclasses import fields, replace

import pytest

from prefixd.bgp.neighbor_settings import (
    AoKey,
    Direction,
    PacingSettings,
    RestartPolicy,
    RestartSettings,
    RoleName,
    Secret,
    TimerSettings,
)
from prefixd.bgp.reload import Effect, describe, plan_reload
from prefixd.bgp.rib.export_terms import ExportPolicy
from prefixd.bgp.settings import ListenAddress, PeerSettings, SpeakerSettings
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from tests.kit.bgp import a_peer, a_speaker

KEY = Secret(b"k")


def effect_of(change: dict[str, object], **before: object) -> Effect:
    peer = a_peer(**before)
    old = a_speaker(peers=(peer,))
    new = a_speaker(peers=(replace(peer, **change),))  # type: ignore[arg-type]  # a table
    (only,) = plan_reload(old, new).peers
    return only.effect


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        ({}, Effect.NONE),
        ({"description": "core"}, Effect.LIVE),
        ({"tags": ("edge",)}, Effect.LIVE),
        ({"export": ExportPolicy()}, Effect.LIVE),
        ({"pacing": PacingSettings(batch_ms=5)}, Effect.LIVE),
        ({"profile": "junos"}, Effect.LIVE),
        ({"timers": TimerSettings(connect_retry_s=9)}, Effect.LIVE),
        ({"timers": TimerSettings(hold_time_s=30)}, Effect.NEXT_SESSION),
        ({"families": (IPV4_FLOWSPEC,)}, Effect.RESET),
        ({"peer_asns": frozenset({1})}, Effect.RESET),
        ({"local_asn": 65000}, Effect.RESET),
        ({"role": RoleName.PEER}, Effect.RESET),
        ({"extended_message": True}, Effect.RESET),
        ({"restart": RestartSettings(policy=RestartPolicy.FAIL_OPEN)}, Effect.RESET),
        ({"restart": RestartSettings(stale_routes_max_s=5)}, Effect.LIVE),
        ({"port": 1790}, Effect.REPLACE),
        ({"direction": Direction.PASSIVE}, Effect.REPLACE),
        ({"ttl_security_hops": 1}, Effect.REPLACE),
        ({"md5": KEY}, Effect.REPLACE),
        ({"tcp_ao": (AoKey(send_id=1, receive_id=1, secret=KEY),)}, Effect.REPLACE),
        ({"enabled": False}, Effect.REPLACE),
    ],
)
def test_the_least_disturbing_effect(change: dict[str, object], effect: Effect) -> None:
    assert effect_of(change) is effect


def test_a_changed_key_goes_on_the_live_socket() -> None:
    assert effect_of({"md5": Secret(b"new")}, md5=KEY) is Effect.REKEY


def test_the_strongest_change_wins_and_all_are_named() -> None:
    peer = a_peer()
    changed = replace(peer, description="x", families=(IPV4_FLOWSPEC,))
    (only,) = plan_reload(a_speaker(peers=(peer,)), a_speaker(peers=(changed,))).peers
    assert only.effect is Effect.RESET
    assert set(only.fields) == {"description", "families"}
    assert only.keeps_rules


def test_fail_open_resets_with_a_notification() -> None:
    peer = a_peer(restart=RestartSettings(policy=RestartPolicy.FAIL_OPEN))
    changed = replace(peer, families=(IPV4_FLOWSPEC,))
    (only,) = plan_reload(a_speaker(peers=(peer,)), a_speaker(peers=(changed,))).peers
    assert not only.keeps_rules


def test_added_and_removed() -> None:
    one, two = a_peer("one"), a_peer("two", "127.0.0.2")
    plan = plan_reload(a_speaker(peers=(one,)), a_speaker(peers=(two,)))
    assert [(c.name, c.effect) for c in plan.peers] == [
        ("one", Effect.REMOVE),
        ("two", Effect.ADD),
    ]


def test_our_own_identity_resets_every_session() -> None:
    peers = (a_peer("one"), a_peer("two", "127.0.0.2"))
    plan = plan_reload(a_speaker(peers=peers), a_speaker(router_id="10.0.0.9", peers=peers))
    assert plan.resets == 2


def test_what_needs_a_restart_of_the_daemon() -> None:
    listen = (ListenAddress(a_peer().address, 1790),)
    assert plan_reload(a_speaker(), a_speaker(listen=listen)).process_restart == ("listen",)


def test_the_printed_plan() -> None:
    peer = a_peer("core1")
    old = a_speaker(peers=(peer, a_peer("same", "127.0.0.3")))
    new = a_speaker(
        peers=(replace(peer, families=(IPV4_FLOWSPEC,)), a_peer("same", "127.0.0.3")),
        hostname="prefixd-2",
    )
    assert describe(plan_reload(old, new)) == [
        "neighbor core1: session reset (families); rules stay on the router",
        "bgp.hostname: applied live",
        "1 session resets",
    ]


def test_every_setting_is_classified() -> None:
    """A new field is LIVE unless somebody thought about it; this list is that somebody."""
    known_live = {
        "description", "tags", "profile", "short_shutdown_text", "family_fallback", "export",
        "rtbh", "budget", "pacing", "poison", "accept", "stop_mode", "max_messages_per_second",
    }  # fmt: skip
    costly = {
        field.name
        for field in fields(PeerSettings)
        if field.name not in known_live | {"name", "timers", "restart"}
    }
    assert costly == {
        "address", "port", "direction", "local_address", "bind_device", "ttl_security_hops",
        "multihop", "tcp_ao", "enabled", "peer_asns", "local_asn", "families",
        "required_families", "extended_message", "enhanced_refresh", "role", "role_strict",
        "accept_long_messages", "announce_hostname", "md5", "record_dir", "packet_log_messages",
    }  # fmt: skip
    assert {field.name for field in fields(SpeakerSettings)} == {
        "local_asn", "router_id", "listen", "peers", "dynamic", "admission", "hostname", "domain",
        "mode", "restart_marker", "operator", "self_check_s",
    }  # fmt: skip
