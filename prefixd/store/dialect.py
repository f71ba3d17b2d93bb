"""Between our values and the drivers: placeholders, JSON, errors.

SQL is written once, in the common part of SQLite and PostgreSQL, with `?` for parameters. Three
things still differ and all three live here or in the two adapters: PostgreSQL numbers its
parameters, spells batches with `unnest`, and reports errors by SQLSTATE where SQLite has result
codes.

Common part, in practice: TEXT, BIGINT, BOOLEAN, DOUBLE PRECISION; `ON CONFLICT`; partial indexes;
`RETURNING`; `CAST(? AS BIGINT)` where a parameter stands alone. JSON is TEXT. Ids are TEXT.
"""

import functools
import re
import sqlite3
from collections.abc import Sequence

import asyncpg
import msgspec

from prefixd.errors import Conflict, StoreDamaged, StoreFull, StoreUnavailable

JSON_ENCODER = msgspec.json.Encoder(order="deterministic")


def to_json(value: object) -> str:
    return JSON_ENCODER.encode(value).decode()


@functools.cache
def numbered(sql: str) -> str:
    """`?` becomes `$1`, `$2`, ... Our SQL keeps question marks out of literals."""
    parts = sql.split("?")
    return "".join(f"{part}${i}" for i, part in enumerate(parts[:-1], 1)) + parts[-1]


_INSERT = re.compile(r"(INSERT INTO \w+ \([^)]*\)) VALUES \((\?(?:, \?)*)\)(.*)", re.DOTALL)
_UPDATE = re.compile(r"(UPDATE \w+ SET .*?) (WHERE .*)", re.DOTALL)


@functools.cache
def merged(sql: str, types: Sequence[str]) -> str | None:
    """The statement for many parameter sets at once, each column one array; None if it has none.

    `INSERT ... VALUES (?, ?) rest` reads its rows from `unnest`; `UPDATE ... SET a = ? WHERE
    b = ?` joins with it. An update that meets one row twice changes it once, so the row count
    still shows that one of the writers lost.
    """
    arrays = ", ".join(f"${i}::{name}[]" for i, name in enumerate(types, 1))
    if match := _INSERT.fullmatch(sql):
        head, _, rest = match.groups()
        return f"{head} SELECT * FROM unnest({arrays}){rest}"
    if match := _UPDATE.fullmatch(sql):
        names = ", ".join(f"p{i}" for i in range(1, len(types) + 1))
        head, where = _renumbered(match.group(1), match.group(2))
        return f"{head} FROM unnest({arrays}) AS v({names}) {where}"
    return None


def _renumbered(*parts: str) -> list[str]:
    result, count = [], 0
    for part in parts:
        pieces = part.split("?")
        text = pieces[0]
        for piece in pieces[1:]:
            count += 1
            text += f"v.p{count}{piece}"
        result.append(text)
    return result


# --- errors -------------------------------------------------------------------------------------

# Unique indexes an update can run into, as each driver names them, and our word for it.
_UNIQUE_WORDS = {
    "mitigations_scope": "scope",
    "mitigations.scope_hash": "scope",
    "signal_groups_live": "group",
    "signal_groups.pop": "group",
}
_SQLITE_WORDS: dict[int, tuple[str, int]] = {
    sqlite3.SQLITE_READONLY_DBMOVED: ("the database file has been removed or replaced", 5),
    sqlite3.SQLITE_FULL: ("the disk that holds the database is full", 30),
    sqlite3.SQLITE_BUSY: ("the database is locked by another process", 1),
    sqlite3.SQLITE_LOCKED: ("the database is locked by another process", 1),
    sqlite3.SQLITE_CANTOPEN: ("the database file cannot be opened", 5),
    sqlite3.SQLITE_READONLY: ("the database file cannot be written", 30),
    sqlite3.SQLITE_PERM: ("the database file cannot be written", 30),
    sqlite3.SQLITE_IOERR: ("reading or writing the database file failed", 5),
    sqlite3.SQLITE_CORRUPT: ("the database file is damaged; restore a backup", 60),
    sqlite3.SQLITE_NOTADB: ("the database file is not a database; restore a backup", 60),
    sqlite3.SQLITE_INTERRUPT: ("the database took too long to answer", 1),
}

_SQLITE_KINDS = {
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_CORRUPT: StoreDamaged,
    sqlite3.SQLITE_NOTADB: StoreDamaged,
}


def from_sqlite(error: sqlite3.Error) -> Exception:
    """Ours for theirs: the whole batch failed (StoreUnavailable), or one unit did."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    if words := _SQLITE_WORDS.get(code) or _SQLITE_WORDS.get(code & 0xFF):
        return _SQLITE_KINDS.get(code & 0xFF, StoreUnavailable)(*words)
    if isinstance(error, sqlite3.IntegrityError):
        return _refusal(str(error).removeprefix("UNIQUE constraint failed: ").partition(",")[0])
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return StoreUnavailable("the database is closed", 1)
    if isinstance(error, sqlite3.DataError | sqlite3.InterfaceError):
        return Conflict("value", str(error))
    return StoreUnavailable(f"the database failed: {error}", 5)


def from_postgres(error: Exception) -> Exception:
    match error:
        case asyncpg.DiskFullError():
            return StoreFull("the disk of the database server is full", 30)
        case asyncpg.DataCorruptedError() | asyncpg.IndexCorruptedError():
            return StoreDamaged(f"the database is damaged: {error}", 60)
        case asyncpg.LockNotAvailableError() | asyncpg.QueryCanceledError() | TimeoutError():
            return StoreUnavailable("the database took too long to answer", 1)
        case asyncpg.TooManyConnectionsError():
            return StoreUnavailable("the database server has no free connection", 2)
        case asyncpg.InvalidAuthorizationSpecificationError():
            return StoreUnavailable("the database server refuses our user or password", 30)
        case asyncpg.InvalidCatalogNameError():
            return StoreUnavailable("the database server has no database of that name", 30)
        case asyncpg.ReadOnlySQLTransactionError():
            return StoreUnavailable("the database server is read-only (a standby?)", 5)
        case asyncpg.IntegrityConstraintViolationError():
            return _refusal(error.constraint_name or "")
        case asyncpg.DataError():
            return Conflict("value", str(error))
        case asyncpg.PostgresError():
            return StoreUnavailable(f"the database failed: {error}", 5)
        case _:
            return StoreUnavailable("the database server cannot be reached", 2)


def _refusal(constraint: str) -> Conflict:
    return Conflict(_UNIQUE_WORDS.get(constraint, "constraint"), constraint)
