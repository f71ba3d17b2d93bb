"""Every test here runs unchanged on both databases, and on SQLite both in memory and in a file."""

from pathlib import Path

import pytest

from prefixd.store.settings import StoreSettings
from tests.kit.postgres import shared_cluster

BOTH = ["sqlite-file", "postgres"]
ALL = ["sqlite-memory", *BOTH]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`settings`: any database. `shared`: one that two stores can open at once."""
    for name, kinds in (("settings", ALL), ("shared", BOTH)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, kinds, indirect=True)


def _settings(kind: str, folder: Path) -> StoreSettings:
    match kind:
        case "sqlite-memory":
            return StoreSettings(connection_string="sqlite::memory:")
        case "sqlite-file":
            return StoreSettings(connection_string=f"sqlite://{folder / 'prefixd.db'}")
        case _:
            return StoreSettings(connection_string=shared_cluster().schema_url())


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StoreSettings:
    return _settings(request.param, tmp_path)


@pytest.fixture
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> StoreSettings:
    return _settings(request.param, tmp_path)
