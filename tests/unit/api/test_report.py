"""The incident report: complete, and harmless in any ticket system."""

import pytest

from prefixd.api.report import escape, report
from tests.kit import rows


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a|b", r"a\|b"),
        ("[x](http://evil.example)", r"\[x\]\(http://evil.example\)"),
        ("# head\n| row", r"\# head \| row"),
        ("<script>", r"\<script\>"),
        (None, ""),
        (7, "7"),
    ],
)
def test_text_of_others_stays_one_table_cell(text: object, cell: str) -> None:
    assert escape(text) == cell


def test_a_report_has_every_section_and_what_it_is_about() -> None:
    mitigation, record, group = rows.a_mitigation(), rows.a_record(), rows.a_group()
    text = report(mitigation.victim, [mitigation], [record], [group], [], 1_767_225_600_000_000)
    for title in ("Summary", "Timeline", "Events", "Mitigations", "Correlation", "Audit trail"):
        assert f"\n## {title}\n" in text
    assert mitigation.mitigation_id in text
    assert group.group_id in text
    assert text.endswith("\n\nNone.\n"), "an empty table says so"
