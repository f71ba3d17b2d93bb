"""Scripts of this release; applying them is in tests/contract/test_upkeep.py, on both databases."""

from prefixd.store.migrate import Migration, shipped, statements


def test_scripts_are_split_at_semicolons_without_comments() -> None:
    script = "-- one; two\nCREATE TABLE a (x TEXT);\n\n  -- three\nCREATE INDEX b\n  ON a (x);\n"
    assert statements(script) == ["CREATE TABLE a (x TEXT)", "CREATE INDEX b\n  ON a (x)"]


def test_the_scripts_of_this_release_are_numbered_without_gaps() -> None:
    found = shipped()
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    assert all(statements(migration.script) for migration in found)


def test_a_checksum_is_of_the_text() -> None:
    first = Migration(1, "initial", "CREATE TABLE a (x TEXT)")
    assert first.checksum == Migration(1, "initial", first.script).checksum
    assert first.checksum != Migration(1, "initial", f"{first.script} ").checksum
