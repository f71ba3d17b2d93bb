"""Terms as one comparable value, and which of their changes rewrite every route."""

from dataclasses import replace

import pytest

from prefixd.bgp.rib.export_terms import Budget, ExportPolicy, Pacing, Terms
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.prefix import Prefix

TERMS = Terms(
    families=frozenset({IPV4_FLOWSPEC}),
    local_as=65000,
    internal=True,
    policy=ExportPolicy(communities=(1,)),
    pacing=Pacing(rules_per_second=7),
)


@pytest.mark.parametrize(
    "change",
    [
        {"local_as": 65001},
        {"internal": False},
        {"four_octet_as": False},
        {"policy": ExportPolicy(communities=(2,))},
        {"policy": ExportPolicy(communities=(1,), med=5)},
    ],
)
def test_these_change_the_octets_of_a_route(change: dict[str, object]) -> None:
    changed = replace(TERMS, **change)  # type: ignore[arg-type]  # a table of fields
    assert changed.wire_form() != TERMS.wire_form()


@pytest.mark.parametrize(
    "change",
    [
        {"budget": Budget(rules_total=5)},
        {"pacing": Pacing()},
        {"policy": ExportPolicy(communities=(1,), owners=frozenset({"a"}))},
    ],
)
def test_these_only_change_which_routes_are_sent(change: dict[str, object]) -> None:
    changed = replace(TERMS, **change)  # type: ignore[arg-type]  # a table of fields
    assert changed.wire_form() == TERMS.wire_form()
    assert changed != TERMS


def test_without_policy_everything_is_withdrawn_unpaced() -> None:
    terms = TERMS.without_policy()
    assert terms.policy is None
    assert terms.pacing.rules_per_second == 0


def test_only_some_policies_look_at_prefixes() -> None:
    assert not ExportPolicy(owners=frozenset({"a"})).restricts_prefixes
    assert ExportPolicy(destinations=(Prefix.parse("192.0.2.0/24"),)).restricts_prefixes
    assert ExportPolicy(min_length_v4=24).restricts_prefixes
