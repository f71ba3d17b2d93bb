"""One daemon for a file, and for a POP on PostgreSQL; commands work beside it."""

import pytest

from prefixd.clock import SystemClock
from prefixd.errors import StartupError
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store, open_store
from tests.kit.postgres import Cluster, shared_cluster
from tests.kit.rows import POP, a_store


async def a_daemon(settings: StoreSettings, name: str, pop: str = POP) -> Store:
    return await open_store(settings, SystemClock(), pop=pop, instance=name, daemon=name)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefixd.store.instance_lock.FREE_WITHIN_S", 0.0)


async def test_the_second_daemon_is_refused_and_told_who_is_first(shared: StoreSettings) -> None:
    first = await a_daemon(shared, "pid 11 on ams1-a")
    with pytest.raises(StartupError, match="prefixd pid 11 on ams1-a"):
        await a_daemon(shared, "pid 12 on ams1-b")
    async with await a_store(shared) as command:
        await command.ping()
    await first.close()
    second = await a_daemon(shared, "pid 12 on ams1-b")
    await second.close()


@pytest.fixture
def cluster() -> Cluster:
    return shared_cluster()


async def test_another_pop_and_another_schema_of_one_server_are_free(cluster: Cluster) -> None:
    one, other = (StoreSettings(connection_string=cluster.schema_url()) for _ in range(2))
    daemons = [
        await a_daemon(one, "a"),
        await a_daemon(one, "b", pop="fra1"),
        await a_daemon(other, "c"),
    ]
    for daemon in daemons:
        await daemon.close()


async def test_a_lost_connection_is_replaced_and_a_taken_place_is_reported(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    settings = StoreSettings(connection_string=cluster.schema_url())
    first = await a_daemon(settings, "pid 21 on ams1-a")
    lock = first._lock

    async def lose_it() -> None:
        cluster.sql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'prefixd pid 21 %'"
        )
        await lock.beat()  # type: ignore[attr-defined] # because this is the one of PostgreSQL

    await lose_it()
    await lock.beat()  # type: ignore[attr-defined] # because this is the one of PostgreSQL
    with pytest.raises(StartupError, match="pid 21 on ams1-a"):
        await a_daemon(settings, "pid 22 on ams1-b")

    await lose_it()
    second = await a_daemon(settings, "pid 22 on ams1-b")
    for _ in range(3):
        await lock.beat()  # type: ignore[attr-defined] # because this is the one of PostgreSQL
    (line,) = [record for record in caplog.records if "serves this POP" in record.message]
    assert "pid 22 on ams1-b" in vars(line)["holder"]
    await second.close()
    await first.close()
