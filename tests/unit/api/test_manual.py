"""What an operator reads of the neighbors when a manual rule is made or previewed."""

from prefixd.api.manual import neighbor_line, withheld_by, withheld_notes
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
