"""SQL between the two databases: placeholders, merged statements, errors, JSON."""

import sqlite3

import asyncpg
import pytest

from prefixd.errors import Conflict, StoreUnavailable
from prefixd.store.dialect import from_postgres, from_sqlite, merged, numbered, to_json


def test_placeholders_are_numbered_in_order() -> None:
    assert numbered("SELECT 1") == "SELECT 1"
    assert numbered("a = ? AND (b, c) < (?, ?)") == "a = $1 AND (b, c) < ($2, $3)"


def test_an_insert_reads_its_rows_from_arrays() -> None:
    sql = "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT DO NOTHING"
    assert merged(sql, ("text", "int8")) == (
        "INSERT INTO t (a, b) SELECT * FROM unnest($1::text[], $2::int8[]) ON CONFLICT DO NOTHING"
    )


def test_an_update_joins_with_arrays() -> None:
    sql = "UPDATE t SET a = ?, b = ? WHERE c = ? AND b < ?"
    assert merged(sql, ("text", "int8", "text", "int8")) == (
        "UPDATE t SET a = v.p1, b = v.p2"
        " FROM unnest($1::text[], $2::int8[], $3::text[], $4::int8[]) AS v(p1, p2, p3, p4)"
        " WHERE c = v.p3 AND b < v.p4"
    )


def test_what_cannot_be_merged_says_so() -> None:
    assert merged("DELETE FROM t WHERE a = ?", ("text",)) is None
    assert merged("INSERT INTO t (a) SELECT ?", ("text",)) is None


def test_json_is_canonical() -> None:
    assert to_json({"b": 1, "a": ["é", None]}) == '{"a":["é",null],"b":1}'


def _sqlite(statement: str, *before: str) -> sqlite3.Error:
    connection = sqlite3.connect(":memory:")
    for sql in before:
        connection.execute(sql)
    with pytest.raises(sqlite3.Error) as failed:
        connection.execute(statement)
    connection.close()
    return failed.value


@pytest.mark.parametrize(
    ("statement", "before", "what"),
    [
        ("INSERT INTO t VALUES (2)", ["CREATE TABLE t (a CHECK (a = 1))"], "constraint"),
        (
            "INSERT INTO mitigations VALUES (1, 2)",
            [
                "CREATE TABLE mitigations (scope_hash, pop)",
                "CREATE UNIQUE INDEX i ON mitigations (scope_hash, pop)",
                "INSERT INTO mitigations VALUES (1, 2)",
            ],
            "scope",
        ),
    ],
)
def test_refusals_of_sqlite_are_conflicts(statement: str, before: list[str], what: str) -> None:
    problem = from_sqlite(_sqlite(statement, *before))
    assert isinstance(problem, Conflict)
    assert problem.what == what


def test_other_failures_of_sqlite_are_unavailability() -> None:
    problem = from_sqlite(_sqlite("SELECT * FROM nowhere"))
    assert isinstance(problem, StoreUnavailable)
    assert "no such table" in str(problem)


@pytest.mark.parametrize(
    ("error", "words", "retry_after_s"),
    [
        (asyncpg.DiskFullError("x"), "disk of the database server is full", 30),
        (asyncpg.LockNotAvailableError("x"), "too long", 1),
        (asyncpg.QueryCanceledError("x"), "too long", 1),
        (TimeoutError(), "too long", 1),
        (asyncpg.TooManyConnectionsError("x"), "no free connection", 2),
        (asyncpg.InvalidPasswordError("x"), "refuses our user or password", 30),
        (asyncpg.ReadOnlySQLTransactionError("x"), "read-only", 5),
        (asyncpg.CannotConnectNowError("x"), "the database failed", 5),
        (ConnectionRefusedError(), "cannot be reached", 2),
        (asyncpg.InterfaceError("x"), "cannot be reached", 2),
    ],
)
def test_failures_of_postgres(error: Exception, words: str, retry_after_s: int) -> None:
    problem = from_postgres(error)
    assert isinstance(problem, StoreUnavailable)
    assert words in str(problem)
    assert problem.retry_after_s == retry_after_s
