"""Rules in their stored form: readable by older clients, checked as if a stranger had sent them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.domain.prefix import V4, V6, Prefix, netmask
from prefixd.domain.rule import Match, Police, PortRange, port_ranges
from prefixd.store.rules import decode_action, decode_match, encode_action, encode_match
from tests.kit.rows import a_prefix


def test_the_reference_names_are_kept() -> None:
    match = Match(dst=a_prefix("192.0.2.53"), protocol=17, dst_ports=(PortRange(53, 53),))
    assert encode_match(match) == (
        '{"dst_prefix":"192.0.2.53/32","protocol":17,"dst_ports":[[53,53]]}'
    )
    assert encode_action(Police(10_000_000)) == '{"rate_bps":10000000}'


@st.composite
def prefixes(draw: st.DrawFn) -> Prefix:
    version, bits = draw(st.sampled_from([(V4, 32), (V6, 128)]))
    length = draw(st.integers(0, bits))
    value = draw(st.integers(0, (1 << bits) - 1)) & netmask(version, length)
    return Prefix(version, value, length)


@given(
    st.builds(
        Match,
        dst=st.none() | prefixes(),
        src=st.none() | prefixes(),
        protocol=st.none() | st.integers(0, 255),
        dst_ports=st.lists(st.integers(1, 65535), max_size=6).map(port_ranges),
        src_ports=st.lists(st.integers(1, 65535), max_size=6).map(port_ranges),
    )
)
@settings(max_examples=60, deadline=None)
def test_every_match_comes_back(match: Match) -> None:
    assert decode_match(encode_match(match)) == match


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_is_a_match_or_a_value_error(text: str) -> None:
    try:
        decode_match(text)
    except ValueError:
        return
    assert text.lstrip().startswith("{")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("police", "{}"),
        ("police", '{"rate_bps":0}'),
        ("police", '{"rate_bps":-5}'),
        ("redirect", "{}"),
        ("redirect", '{"route_target":"64500:1","next_hop":"192.0.2.1"}'),
        ("redirect", '{"next_hop":"here"}'),
        ("mark", '{"dscp":64}'),
        ("mark", "{}"),
        ("drop", "{}"),
        ("discard", '{"surprise":1}'),
    ],
)
def test_an_action_that_means_something_else_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError):
        decode_action(kind, text)
