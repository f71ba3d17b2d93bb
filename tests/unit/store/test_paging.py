"""Filters become constant SQL with parameters; pages and cursors are in tests/contract."""

from prefixd.store.paging import Where


def test_no_filter_is_no_condition() -> None:
    where = Where()
    where.equal("pop", None)
    where.equal_unindexed("state", None)
    where.one_of("status", None)
    assert (where.sql, where.params) == ("", [])


def test_values_are_parameters_never_sql() -> None:
    where = Where()
    where.equal("pop", "x' OR 1=1 --")
    where.equal_unindexed("state", "open")
    where.one_of("status", {"expired", "active"})
    where.term("victim_first <= ?", 7)
    assert where.sql == (
        " WHERE pop = ? AND state || '' = ? AND status IN (?, ?) AND victim_first <= ?"
    )
    assert where.params == ["x' OR 1=1 --", "open", "active", "expired", 7]


def test_one_of_nothing_finds_nothing() -> None:
    where = Where()
    where.one_of("status", [])
    assert (where.sql, where.params) == (" WHERE 1 = 0", [])
