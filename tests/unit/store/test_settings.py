"""Connection strings: which database, which file, and what a message may show of them."""

import pytest

from prefixd.store.settings import StoreSettings


def of(text: str) -> StoreSettings:
    return StoreSettings(connection_string=text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///var/lib/prefixd/prefixd.db", "/var/lib/prefixd/prefixd.db"),
        ("sqlite:relative/path.db", "relative/path.db"),
        ("sqlite://relative/path.db", "relative/path.db"),
        ("sqlite::memory:", ":memory:"),
        ("sqlite:///with a space?.db", "/with a space?.db"),
    ],
)
def test_the_path_of_a_sqlite_database(text: str, path: str) -> None:
    assert of(text).is_sqlite
    assert not of(text).is_postgres
    assert of(text).sqlite_path == path


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_schemes_of_postgresql(scheme: str) -> None:
    assert of(f"{scheme}://db.example.net/prefixd").is_postgres


def test_another_database_is_neither() -> None:
    assert not of("mysql://db/prefixd").is_sqlite
    assert not of("mysql://db/prefixd").is_postgres


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://pfx:s3cret@db/prefixd", "postgres://pfx:***@db/prefixd"),
        ("postgres://pfx:p@ss@db/prefixd", "postgres://pfx:***@db/prefixd"),
        (
            "postgres://db/prefixd?user=pfx&password=s3cret",
            "postgres://db/prefixd?user=pfx&password=***",
        ),
        ("postgres://pfx@db/prefixd", "postgres://pfx@db/prefixd"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_a_message_shows_where_without_the_password(text: str, shown: str) -> None:
    assert of(text).where == shown
    assert "s3cret" not in repr(of(text))
