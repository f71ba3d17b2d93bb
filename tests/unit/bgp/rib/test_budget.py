"""Who is let in when not all fit."""

from prefixd.bgp.rib.budget import Candidate, Limits, limits_of, squeezed_out
from prefixd.bgp.rib.export_terms import Budget
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC


def candidate(
    number: int,
    *,
    priority: int = 0,
    manual: bool = False,
    weight: int = 1,
    version: int = 4,
) -> Candidate:
    family = IPV4_FLOWSPEC if version == 4 else IPV6_FLOWSPEC
    return Candidate(-priority, not manual, number, Key(family, bytes((1, number))), weight)


def numbers(keys: set[Key]) -> set[int]:
    return {key.nlri[1] for key in keys}


def total(limit: int, reserve: float = 0.0) -> Limits:
    return Limits(None, None, limit, reserve)


def test_older_ones_keep_their_place() -> None:
    assert numbers(squeezed_out([candidate(n) for n in (3, 1, 2)], total(2))) == {3}


def test_priority_pushes_out() -> None:
    wanted = [candidate(1), candidate(2), candidate(3, priority=5)]
    assert numbers(squeezed_out(wanted, total(2))) == {2}


def test_people_have_a_reserve() -> None:
    wanted = [candidate(n) for n in range(10)]
    assert len(squeezed_out(wanted, total(10, 0.2))) == 2
    wanted += [candidate(20, manual=True), candidate(21, manual=True)]
    assert numbers(squeezed_out(wanted, total(10, 0.2))) == {8, 9}
    wanted += [candidate(22, manual=True)]
    assert numbers(squeezed_out(wanted, total(10, 0.2))) == {7, 8, 9}


def test_all_parts_or_none() -> None:
    wanted = [candidate(1), candidate(2, weight=3), candidate(3)]
    assert numbers(squeezed_out(wanted, total(3))) == {2}


def test_families_have_limits_of_their_own() -> None:
    wanted = [candidate(1), candidate(2), candidate(3, version=6)]
    assert numbers(squeezed_out(wanted, Limits(1, None, None, 0.0))) == {2}
    assert numbers(squeezed_out(wanted, Limits(None, 0, 2, 0.0))) == {3}


def test_the_operators_number_beats_the_profiles() -> None:
    limits = limits_of(Budget(rules_total=50), PROFILES["frr"])
    assert limits.total == 50
    assert limits_of(Budget(), PROFILES["frr"]).total == PROFILES["frr"].budget_total
    assert limits_of(Budget(), PROFILES["bird"]).total is None
