"""Rows of a plain SQL dump, from COPY blocks and INSERT statements."""

from prefixd.migrate.dump import read_dump
from tests.unit.migrate.kit import COPY, INSERTS


def test_copy_blocks() -> None:
    tables = read_dump(COPY, ("mitigations", "operators"))
    assert [row["mitigation_id"] for row in tables["mitigations"]] == ["m1", "m2", "m3", "m4", "m5"]
    assert tables["mitigations"][0]["reason"] == "tab\\tand back\\\\slash"
    assert tables["mitigations"][1]["reason"] is None
    assert set(tables) == {"mitigations", "operators"}


def test_escapes_of_copy() -> None:
    text = "COPY t (a, b) FROM stdin;\nx\\ty\\\\z\\n\\x41\\101\t\\N\n\\.\n"
    assert read_dump(text, ("t",)) == {"t": [{"a": "x\ty\\z\nAA", "b": None}]}


def test_insert_statements() -> None:
    assert read_dump(INSERTS, ("safelist",))["safelist"] == [
        {"prefix": "203.0.113.0/28", "added_by": "alice", "reason": "it's\nours, (really); yes"},
        {"prefix": "203.0.113.16/28", "added_by": None, "reason": None},
        {"reason": "other order", "prefix": "203.0.113.32/28"},
    ]
