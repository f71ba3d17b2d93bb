"""Hexadecimal, text and value of the same rule or action, each turned into the others."""

from pathlib import Path

import pytest

from prefixd.bgp.wire import flowspec_action
from prefixd.bgp.wire.flowspec import (
    FlowSpecRule,
    decode_rule,
    encode_nlri,
    encode_rule,
    split_bodies,
)
from prefixd.bgp.wire.flowspec_action import decode_actions, encode_actions
from prefixd.bgp.wire.flowspec_canonical import canonical
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule
from prefixd.bgp.wire.iana import Family, Safi

HERE = Path(__file__).parent


def rows(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text().splitlines()
    return [
        [cell.strip() for cell in line.split(" | ")]
        for line in (line.removesuffix(" |") for line in lines)
        if line and not line.startswith("#")
    ]


NLRI = rows("flowspec_nlri.txt")
ACTIONS = rows("flowspec_actions.txt")


def decode(afi: str, octets: str) -> FlowSpecRule:
    [(_, body)] = split_bodies(bytes.fromhex(octets))
    return decode_rule(body, Family(int(afi), Safi.FLOWSPEC))


def test_the_files_are_not_empty() -> None:
    assert len(NLRI) == 29
    assert len(ACTIONS) == 20


@pytest.mark.parametrize("row", NLRI, ids=lambda row: row[0])
def test_octets_become_the_rule_the_text_says(row: list[str]) -> None:
    _, afi, octets, text, *_ = row
    rule = decode(afi, octets)
    assert format_rule(rule) == text
    assert parse_rule(text) == rule


@pytest.mark.parametrize("row", NLRI, ids=lambda row: row[0])
def test_text_becomes_the_octets(row: list[str]) -> None:
    _, _, octets, text, *_ = row
    assert encode_nlri(encode_rule(parse_rule(text))).hex() == octets


@pytest.mark.parametrize("row", NLRI, ids=lambda row: row[0])
def test_the_canonical_form_is_the_one_noted(row: list[str]) -> None:
    _, afi, octets, text, *other = row
    assert format_rule(canonical(decode(afi, octets))) == (other[0] if other else text)


@pytest.mark.parametrize("row", ACTIONS, ids=lambda row: row[0])
def test_communities_and_actions(row: list[str]) -> None:
    _, octets, written = row
    action = eval(written, vars(flowspec_action).copy())
    raw = bytes.fromhex(octets)
    pair = ((raw,), ()) if len(raw) == 8 else ((), (raw,))
    assert decode_actions(*pair).actions == (action,)
    assert decode_actions(*pair).faults == ()
    assert encode_actions([action]) == pair
