"""Each cause for which prefixd cannot do its work: readiness is 503 and names it, liveness is 200.

Weakness 72 of an earlier design: health answered well whatever was wrong.
"""

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from prefixd.api.app import ROUTES, build_app
from prefixd.api.route import Services
from prefixd.api.settings import ApiSettings
from prefixd.errors import StoreDamaged, StoreFull, StoreUnavailable
from prefixd.observability.exposition import Exposition
from prefixd.observability.metrics import Metrics
from prefixd.store.settings import StoreSettings
from prefixd.store.store import open_store
from tests.kit.api_services import ByHeader, NoPeers
from tests.kit.builders import POP
from tests.kit.clock import FakeClock
from tests.kit.daemon_process import READY, ROOT, DaemonProcess
from tests.kit.engine import House, an_engine
from tests.kit.flaky_store import FlakyStore
from tests.kit.http import serving


@asynccontextmanager
async def asked(house: House) -> AsyncIterator[ClientSession]:
    services = Services(
        engine=house.engine, authenticator=ByHeader(), speaker=NoPeers({}), clock=house.clock,
        metrics=Metrics(), exposition=Exposition(CollectorRegistry()),
        new_id=house.new_id, version="0", pop=POP,
    )  # fmt: skip
    async with serving(build_app(services, ApiSettings(), routes=ROUTES)) as http:
        yield http


async def readiness(http: ClientSession) -> tuple[int, list[str]]:
    """And at every look: the process is alive, whatever else it is."""
    async with http.get("/v1/health") as reply:
        assert (reply.status, (await reply.json())["status"]) == (200, "ok")
    async with http.get("/v1/health/ready") as reply:
        tree: dict[str, Any] = await reply.json()
        if reply.status == 503:
            assert tree["code"] == "not_ready"
            assert reply.headers["Retry-After"] == "1"
            assert tree["error"] == "; ".join(tree["errors"])
            return 503, tree["errors"]
        return reply.status, tree["reasons"]


async def test_w72_rules_that_are_not_loaded_yet() -> None:
    async with an_engine(start=False) as house, asked(house) as http:
        assert await readiness(http) == (503, ["the rules are not loaded yet"])
        await house.engine.start()
        assert await readiness(http) == (200, [])


async def test_w72_a_database_that_is_away_and_comes_back() -> None:
    clock = FakeClock()
    settings = StoreSettings(connection_string="sqlite::memory:")
    store = FlakyStore(await open_store(settings, clock, pop=POP, instance="one"))
    async with an_engine(store=store, clock=clock) as house, asked(house) as http:  # type: ignore[arg-type]  # because: fits by shape
        assert await readiness(http) == (200, [])
        store.away = True
        with pytest.raises(StoreUnavailable):
            await house.report()
        away = "database unreachable: rules stay on the routers"
        assert await readiness(http) == (503, [away])
        async with http.get("/v1/health/detail", headers={"X-Role": "viewer"}) as reply:
            detail = await reply.json()
        assert (detail["status"], detail["ready"]) == ("degraded", False)
        assert detail["database"] == "error: the test took the store away"
        store.away = False
        await house.report()
        assert await readiness(http) == (200, [])
    await store.close()


@pytest.mark.parametrize(
    ("problem", "summary"),
    [
        (StoreFull("the disk that holds the database is full", 30), "database disk full"),
        (StoreDamaged("the database file is damaged", 60), "database damaged"),
    ],
)
async def test_a_full_disk_and_a_damaged_file_are_named(
    problem: StoreUnavailable, summary: str
) -> None:
    async with an_engine() as house, asked(house) as http:
        house.engine._core.lose_store(problem)
        assert await readiness(http) == (503, [f"{summary}: rules stay on the routers"])
        async with http.get("/v1/health/detail", headers={"X-Role": "viewer"}) as reply:
            assert (await reply.json())["database"] == f"error: {problem}"


async def test_damage_that_a_list_found_is_no_readiness_and_no_new_signal() -> None:
    """Before: lists were answered 503 while readiness stayed 200 and reports were stored."""
    async with an_engine() as house, asked(house) as http:
        assert await readiness(http) == (200, [])
        database = house.engine._core.store._database
        database.damage = StoreDamaged("the database file is damaged", 60)  # type: ignore[misc] # because a read found it
        assert await readiness(http) == (503, ["database damaged: rules stay on the routers"])
        with pytest.raises(StoreDamaged):
            await house.report()


async def test_a_safelist_that_cannot_be_read_and_a_table_that_is_suspected() -> None:
    async with an_engine() as house, asked(house) as http:
        core = house.engine._core
        whole = core.snapshot
        core.snapshot = replace(whole, safelist=None)
        reason = "the safelist cannot be read: no new mitigations"
        assert await readiness(http) == (503, [reason])
        core.snapshot = whole
        core.suspect = True
        assert await readiness(http) == (200, [])
        async with http.get("/v1/health/detail", headers={"X-Role": "viewer"}) as reply:
            detail = await reply.json()
        assert (detail["status"], detail["ready"]) == ("degraded", True)
        assert detail["reasons"] == ["the database and the RIB are being compared"]


async def test_w72_a_daemon_that_stops_says_so_to_who_sends_it_work() -> None:
    async with an_engine() as house, asked(house) as http:
        await house.engine.stop()
        assert await readiness(http) == (503, ["the daemon is stopping"])


async def test_w72_every_cause_at_once() -> None:
    async with an_engine(start=False) as house, asked(house) as http:
        house.engine._core.lose_store(StoreUnavailable("gone"))
        await house.engine.stop()
        status, reasons = await readiness(http)
        assert status == 503
        assert len(reasons) == 3


def test_a_second_daemon_on_one_file_does_not_start_and_names_the_first(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        done = run_beside(daemon, port=0)
        assert done.returncode == 2, done.stderr
        assert daemon.process is not None
        assert f"is in use by prefixd pid {daemon.process.pid} on " in done.stderr
        assert daemon.get("/v1/health/ready").status == 200
        daemon.kill()
        daemon.start()  # a daemon that was killed left nothing behind
        assert daemon.get("/v1/health/ready").status == 200


def run_beside(daemon: DaemonProcess, port: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            sys.executable, "-m", "prefixd", "run", "-c", daemon.config_dir,
            "--listen", f"127.0.0.1:{port}",
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_w72_a_database_of_a_newer_release_is_no_start_and_no_port(tmp_path: Path) -> None:
    """Nobody can be told 503 by a daemon that must not run: it says why and ends with 2."""
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.get("/v1/health/ready").status == 200
    with sqlite3.connect(tmp_path / "prefixd.db") as database:
        (table,) = database.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE '%migrations%'"
        ).fetchone()
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        last = database.execute(f"SELECT * FROM {table} ORDER BY version DESC").fetchone()
        newer = [
            9999 if name == "version" else was for name, was in zip(columns, last, strict=True)
        ]
        marks = ", ".join("?" * len(columns))
        database.execute(f"INSERT INTO {table} VALUES ({marks})", newer)
    database.close()
    done = subprocess.run(
        [sys.executable, "-m", "prefixd", "run", "-c", daemon.config_dir],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "written by a newer prefixd" in done.stderr
    assert not READY.search(done.stdout + done.stderr)
