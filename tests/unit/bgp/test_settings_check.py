"""What no type excludes is named, all of it, with the neighbor it is about."""

from ipaddress import ip_network

import pytest

from prefixd.bgp.neighbor_settings import (
    AoKey,
    Direction,
    RestartPolicy,
    RestartSettings,
    RoleName,
    Secret,
    TimerSettings,
)
from prefixd.bgp.settings import DynamicRange
from prefixd.bgp.settings_check import problems
from prefixd.bgp.wire.iana import IPV4_UNICAST
from tests.kit.bgp import a_peer, a_speaker

KEY = Secret(b"secret")


def texts(**changes: object) -> list[str]:
    return [each.text for each in problems(a_speaker(peers=(a_peer(**changes),)))]


def test_the_defaults_are_fine() -> None:
    assert texts() == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"ttl_security_hops": 1, "multihop": 4}, "exclude"),
        ({"ttl_security_hops": 0}, "ttl_security"),
        ({"md5": KEY, "tcp_ao": (AoKey(send_id=1, receive_id=1, secret=KEY),)}, "exclude"),
        ({"md5": Secret(b"")}, "80 octets"),
        ({"md5": Secret(b"x" * 81)}, "80 octets"),
        ({"timers": TimerSettings(hold_time_s=2)}, "hold time"),
        ({"timers": TimerSettings(hold_time_s=5, min_hold_time_s=10)}, "below the minimum"),
        ({"timers": TimerSettings(send_hold_time_s=5)}, "send hold"),
        ({"restart": RestartSettings(policy=RestartPolicy.HOLD)}, "hold_reason"),
        ({"restart": RestartSettings(restart_time_s=5000)}, "twelve bits"),
        ({"families": ()}, "no address family"),
        ({"required_families": (IPV4_UNICAST,)}, "required family"),
        ({"peer_asns": frozenset({0})}, "AS number"),
        ({"peer_asns": frozenset({64500}), "role": RoleName.PEER}, "roles"),
        ({"local_address": a_peer(address="::1").address}, "another address family"),
        ({"port": 0}, "port"),
        ({"multihop": 0}, "multihop"),
    ],
)
def test_contradictions_are_named(changes: dict[str, object], word: str) -> None:
    (text,) = texts(**changes)
    assert word in text


def test_two_neighbors_with_one_address() -> None:
    found = problems(a_speaker(peers=(a_peer("a"), a_peer("a"))))
    assert [each.where for each in found] == ["neighbor a", "neighbor a"]


def test_a_dynamic_neighbor_cannot_be_dialled() -> None:
    template = a_peer(direction=Direction.ACTIVE)
    dynamic = DynamicRange(name="d", prefix=ip_network("192.0.2.0/24"), template=template)
    (found,) = problems(a_speaker(dynamic=(dynamic,)))
    assert "cannot be dialled" in found.text
