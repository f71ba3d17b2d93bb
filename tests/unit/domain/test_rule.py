"""Matches and actions: one value per meaning, one text per value."""

import pytest
from msgspec.structs import replace

from prefixd.domain.rule import (
    Blackhole,
    Discard,
    Fragment,
    Mark,
    Match,
    Police,
    PortRange,
    Redirect,
    TcpFlags,
    action_kind,
    drops_everything,
    format_action,
    format_match,
    format_rate,
    merge_ranges,
    port_ranges,
    scope_hash,
)
from tests.kit.builders import a_prefix, a_rule, an_address


@pytest.mark.parametrize(
    ("ports", "ranges"),
    [
        ((), ()),
        ((53,), (PortRange(53, 53),)),
        ((443, 80, 80, 443), (PortRange(80, 80), PortRange(443, 443))),
        ((3, 1, 2, 5), (PortRange(1, 3), PortRange(5, 5))),
        ((0, 53, 70000, -1), (PortRange(53, 53),)),
    ],
)
def test_w09_ports_lose_duplicates_and_port_zero(
    ports: tuple[int, ...], ranges: tuple[PortRange, ...]
) -> None:
    assert port_ranges(ports) == ranges


def test_ranges_that_touch_or_overlap_are_one() -> None:
    ranges = [PortRange(10, 20), PortRange(21, 30), PortRange(5, 12), PortRange(40, 50)]
    assert merge_ranges(ranges) == (PortRange(5, 30), PortRange(40, 50))
    assert merge_ranges([PortRange(1, 100), PortRange(2, 3)]) == (PortRange(1, 100),)


def test_w23_a_scope_does_not_depend_on_how_ports_were_listed() -> None:
    assert scope_hash(a_rule(ports=(443, 80, 80)).match) == scope_hash(
        a_rule(ports=(80, 443)).match
    )


def test_w07_two_spellings_of_a_victim_have_one_scope() -> None:
    assert scope_hash(a_rule("2001:DB8:0::1").match) == scope_hash(a_rule("2001:db8::1").match)


def test_a_scope_is_about_traffic_and_not_about_the_action() -> None:
    match = a_rule().match
    assert scope_hash(match) == scope_hash(replace(match))
    assert len(scope_hash(match)) == 32
    assert int(scope_hash(match), 16) >= 0


def test_every_part_of_a_match_changes_the_scope() -> None:
    base = Match(dst=a_prefix("192.0.2.1"))
    ports = (PortRange(53, 53),)
    others = [
        replace(base, dst=a_prefix("192.0.2.2")),
        replace(base, src=a_prefix("192.0.2.1")),
        replace(base, protocol=17),
        replace(base, dst_ports=ports),
        replace(base, src_ports=ports),
        replace(base, tcp_flags=TcpFlags(2, 18)),
        replace(base, fragments=(Fragment.IS_FRAGMENT,)),
        replace(base, packet_lengths=ports),
    ]
    assert len({scope_hash(match) for match in [base, *others]}) == len(others) + 1


def test_matches_read_like_a_rule() -> None:
    match = Match(
        dst=a_prefix("192.0.2.1"),
        src=a_prefix("198.51.100.0/24"),
        protocol=6,
        dst_ports=(PortRange(80, 80), PortRange(8000, 8100)),
        src_ports=(PortRange(53, 53),),
        tcp_flags=TcpFlags(2, 18),
        fragments=(Fragment.IS_FRAGMENT,),
        packet_lengths=(PortRange(40, 60),),
    )
    assert format_match(match) == (
        "dst 192.0.2.1/32 src 198.51.100.0/24 proto tcp dport 80,8000-8100 sport 53"
        " tcp-flags 0x02/0x12 fragment is_fragment length 40-60"
    )
    assert format_match(Match(dst=None)) == "everything"
    assert format_match(Match(dst=a_prefix("192.0.2.1"), protocol=132)).endswith("proto 132")


@pytest.mark.parametrize(
    ("action", "kind", "text", "drops"),
    [
        (Discard(), "discard", "discard", True),
        (Police(10_000_000), "police", "police to 10 Mbit/s", False),
        (Redirect(route_target="64500:666"), "redirect", "redirect to 64500:666", False),
        (Redirect(next_hop=an_address("192.0.2.9")), "redirect", "redirect to 192.0.2.9", False),
        (Mark(46), "mark", "mark DSCP 46", False),
        (Blackhole(), "blackhole", "blackhole", True),
    ],
)
def test_actions(action: Discard, kind: str, text: str, drops: bool) -> None:
    assert action_kind(action) == kind
    assert format_action(action) == text
    assert drops_everything(action) is drops


@pytest.mark.parametrize(
    ("rate_bps", "text"),
    [
        (999, "999 bit/s"),
        (1000, "1 kbit/s"),
        (1_500_000, "1.5 Mbit/s"),
        (2_250_000_000, "2.25 Gbit/s"),
        (4_120_999_999, "4.12 Gbit/s"),
        (1_000_000_000_000, "1 Tbit/s"),
    ],
)
def test_rates_in_units_people_use(rate_bps: int, text: str) -> None:
    assert format_rate(rate_bps) == text
