"""Connections of all and of one address, with room kept for BGP and the database."""

import pytest

from prefixd.daemon.connection_limits import ConnectionLimits, Refusal, room_for_http
from prefixd.domain.prefix import Prefix


@pytest.mark.parametrize(
    ("descriptors", "neighbors", "room"),
    [(64, 1, 29), (256, 10, 194), (512, 100, 180), (65_536, 200, 64_904), (64, 100, 8)],
)
def test_what_bgp_and_the_database_need_is_kept(
    descriptors: int, neighbors: int, room: int
) -> None:
    assert room_for_http(descriptors, neighbors) == room


def test_one_address_gets_its_share_and_others_the_rest() -> None:
    limits = ConnectionLimits(total=10, per_address=4)
    assert [limits.take("192.0.2.1") for _ in range(5)] == [None] * 4 + [Refusal.ADDRESS]
    assert [limits.take(f"192.0.2.{n}") for n in range(10, 16)] == [None] * 6
    assert limits.take("192.0.2.99") is Refusal.TOTAL


def test_one_address_never_gets_more_than_half() -> None:
    limits = ConnectionLimits(total=10, per_address=256)
    assert [limits.take("192.0.2.1") for _ in range(6)] == [None] * 5 + [Refusal.ADDRESS]


def test_what_is_released_is_free_again() -> None:
    limits = ConnectionLimits(total=2, per_address=1)
    assert limits.take("192.0.2.1") is None
    assert limits.take("192.0.2.1") is Refusal.ADDRESS
    limits.release("192.0.2.1")
    assert limits.open == 0
    assert limits.take("192.0.2.1") is None


def test_a_trusted_proxy_speaks_for_many() -> None:
    proxies = Prefix.parse("192.0.2.0/24")
    assert proxies is not None
    limits = ConnectionLimits(total=10, per_address=2, trusted=(proxies,))
    assert [limits.take("192.0.2.1") for _ in range(11)] == [None] * 10 + [Refusal.TOTAL]
