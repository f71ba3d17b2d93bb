"""What an operator reads of the neighbors when a manual rule is made or previewed."""

from typing import Any

import pytest

from prefixd.api import shapes
from prefixd.api.manual import manual_request, neighbor_line, withheld_by, withheld_notes
from prefixd.api.problem import ApiError
from prefixd.domain.rule import NeighborPreview

TAKES = NeighborPreview(neighbor="edge1", rules_before=12, rules_after=13)
REFUSES = NeighborPreview(neighbor="edge2", withheld="ability", detail="no such action")


def test_an_announced_rule_shows_the_number_of_rules_of_the_router() -> None:
    assert neighbor_line(TAKES) == "edge1: would be announced; 13 rules, 12 now"


def test_a_split_rule_and_its_neighbors_in_the_table() -> None:
    found = NeighborPreview(
        neighbor="edge1",
        parts=3,
        rules_before=4,
        rules_after=7,
        matched_first=("dst 192.0.2.1/32",),
        matched_later=("dst 192.0.2.0/24", "dst 192.0.0.0/16", "proto udp"),
    )
    assert neighbor_line(found) == (
        "edge1: would be announced as 3 rules; 7 rules, 4 now; matched after dst 192.0.2.1/32;"
        " matched before dst 192.0.2.0/24 and 2 more"
    )


def test_a_neighbor_that_withholds_is_named_with_the_reason() -> None:
    assert withheld_notes([TAKES, REFUSES]) == ["edge2: withheld (ability): no such action"]
    assert withheld_by([TAKES, REFUSES]) == {"edge2": "ability: no such action"}


def test_the_note_warns_first_when_no_router_takes_the_rule() -> None:
    assert withheld_notes([REFUSES]) == [
        "no router takes this rule: traffic is not filtered",
        "edge2: withheld (ability): no such action",
    ]
    assert withheld_notes([]) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rate_bps": 10**40}, "rate_bps"),
        ({"rate_bps": 10**4000}, "rate_bps"),
        ({"rate_bps": 1}, "rate_bps"),
        ({"rate_bps": None}, "rate_bps"),
        ({"protocol": "udp", "dst_port_ranges": ["\u0665\u0663"]}, "dst_port_ranges[0]"),
        ({"protocol": "udp", "dst_port_ranges": ["9" * 5000]}, "dst_port_ranges[0]"),
        ({"protocol": "udp", "dst_port_ranges": ["90-80"]}, "dst_port_ranges[0]"),
        ({"protocol": "udp", "dst_ports": [0]}, "dst_ports[0]"),
        ({"dst_ports": [53]}, "dst_ports"),
        ({"victim_ip": "x"}, "victim_ip"),
        ({"ttl_seconds": 0}, "ttl_seconds"),
        ({"action": "drop"}, "action"),
        ({"action": "redirect"}, "route_target"),
        ({"action": "mark", "dscp": 64}, "dscp"),
    ],
)
def test_a_value_that_no_rule_can_carry_is_a_400_that_names_it(
    change: dict[str, Any], field: str
) -> None:
    body: dict[str, Any] = {
        "reason": "flood", "victim_ip": "192.0.2.1", "action": "police", "ttl_seconds": 300,
        "rate_bps": 1_000_000,
    }  # fmt: skip
    assert manual_request(shapes.ManualIn(**body)).reason == "flood"
    with pytest.raises(ApiError) as caught:
        manual_request(shapes.ManualIn(**{**body, **change}))
    assert (caught.value.status, caught.value.field) == (400, field)
