"""Profiles are data; the table operators read must be the same data."""

import re
from pathlib import Path

import pytest

from prefixd.bgp.rib.route_action import Ability
from prefixd.bgp.rib.router_profile import PROFILES

ROUTERS = (Path(__file__).parents[4] / "docs" / "routers.md").read_text()
ROWS = {
    cells[0].strip("` "): [cell.strip() for cell in cells[1:]]
    for cells in (
        line.strip("|").split("|") for line in ROUTERS.splitlines() if line.startswith("| `")
    )
}


def test_every_profile_is_in_the_table() -> None:
    assert set(ROWS) == set(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_the_table_says_what_the_profile_says(name: str) -> None:
    profile = PROFILES[name]
    items, ranges, octets, rules, pace, actions, _ = ROWS[name]
    assert int(items) == profile.max_items
    assert int(ranges) == profile.max_ranges
    assert int(octets) == profile.max_body
    assert rules == ("no limit" if profile.budget_total is None else str(profile.budget_total))
    assert pace == (str(profile.rules_per_second) if profile.rules_per_second else "unpaced")
    if actions == "everything":
        assert profile.abilities == frozenset(Ability)
    else:
        assert set(re.findall(r"\w+", actions)) == {
            ability.value
            for ability in (Ability.MARK, Ability.SAMPLE)
            if ability in profile.abilities
        }


def test_every_profile_can_discard_and_limit() -> None:
    for profile in PROFILES.values():
        assert {Ability.DISCARD, Ability.RATE_BYTES} <= profile.abilities
