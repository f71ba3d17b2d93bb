"""Units of work a second: group commit against a commit for each, SQLite and PostgreSQL.

    python bench/bench_store.py [--json] [--seconds N] [--clients 1 50 200] [--folder DIR]

`new` is what a first report of an attack leaves behind: event, group, decision, mitigation with its
quota places, audit row. `extend` is what a repeat costs: the same rows, updated. Clients wait for
their answer before they write again. The databases flush to disk as they do in earnest
(`synchronous=FULL`, `fsync=on`); put `--folder` on the disk to be measured.

The ratio is to one commit per unit with the same code in the same run, variants interleaved,
because disks and minutes differ. `hop per statement` is a transaction whose statements each cross
a thread (how an async wrapper around sqlite3 works); `pool` is PostgreSQL with a transaction per
unit on each of ten connections.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from prefixd.clock import SystemClock
from prefixd.domain.group import Group, GroupState
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.mitigation import Mitigation, extend
from prefixd.domain.record import QuotaLimits, SignalRecord
from prefixd.store.dialect import numbered
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store, open_store
from prefixd.store.unit import Unit
from tests.kit.postgres import new_cluster, remove
from tests.kit.rows import POP, T0_US, a_decision, a_group, a_mitigation, a_record, an_entry

LIMITS = QuotaLimits(customer=10_000_000, pop=10_000_000, everywhere=10_000_000)
ROUNDS = 3
_counter = iter(range(1 << 62))


def an_ordered_id() -> str:
    """Shaped like a version 7 UUID: rows arrive at the right edge of the index."""
    text = f"{T0_US + next(_counter):032x}"
    return f"{text[12:20]}-{text[20:24]}-7{text[25:28]}-8{text[1:4]}-{text[4:12]}{text[28:]}"


@dataclass
class Attack:
    record: SignalRecord
    group: Group
    mitigation: Mitigation


def new_attack() -> Attack:
    mitigation_id = MitigationId(an_ordered_id())
    group = replace(a_group(state=GroupState.MITIGATING), group_id=GroupId(an_ordered_id()))
    mitigation = a_mitigation(
        mitigation_id=mitigation_id,
        victim=group.victim,
        group_id=group.group_id,
        playbook="udp",
        sources=("fastnetmon",),
    )
    record = replace(
        a_record(of_victim=group.victim),
        signal_id=SignalId(an_ordered_id()),
        group_id=group.group_id,
        mitigation_id=mitigation_id,
    )
    return Attack(record, group, mitigation)


async def write_new(store: Store, attack: Attack) -> None:
    async with store.transaction() as tx:
        tx.signals.insert(attack.record)
        tx.groups.insert(attack.group)
        tx.decisions.insert(a_decision(decision_id=an_ordered_id(), group_id=attack.group.group_id))
        tx.mitigations.insert(attack.mitigation, LIMITS)
        tx.audit.append(an_entry(audit_id=an_ordered_id()))


async def write_extension(store: Store, attack: Attack) -> None:
    now_us = attack.mitigation.updated_at_us + 1_000_000
    longer = extend(attack.mitigation, now_us + 300_000_000, now_us)
    assert isinstance(longer, Mitigation)
    attack.mitigation = longer
    attack.group = replace(
        attack.group, last_primary_at_us=now_us, version=attack.group.version + 1
    )
    attack.record = replace(
        attack.record, last_seen_us=now_us, refresh_count=attack.record.refresh_count + 1
    )
    async with store.transaction() as tx:
        tx.signals.update(attack.record)
        tx.groups.update(attack.group)
        tx.mitigations.update(attack.mitigation)


@dataclass
class Result:
    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


async def measure(clients: int, seconds: float, one: Callable[[int], Awaitable[None]]) -> Result:
    """`one(client)` again and again, by so many clients, for so long."""
    for client in range(clients):
        await one(client)
    waits: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    ends = began + seconds

    async def client_loop(client: int) -> None:
        while (start := time.perf_counter()) < ends:
            await one(client)
            waits.append(time.perf_counter() - start)

    await asyncio.gather(*(client_loop(client) for client in range(clients)))
    took = time.perf_counter() - began
    waits.sort()
    return Result(
        per_s=len(waits) / took,
        p50_ms=statistics.median(waits) * 1000,
        p99_ms=waits[int(len(waits) * 0.99)] * 1000,
        cpu_us=(time.process_time() - cpu) / len(waits) * 1e6,
    )


# --- variants -----------------------------------------------------------------------------------


async def through_store(settings: StoreSettings, kind: str, clients: int, seconds: float) -> Result:
    async with await open_store(settings, SystemClock(), pop=POP, instance="bench") as store:
        if kind == "new":
            return await measure(clients, seconds, lambda _: write_new(store, new_attack()))
        attacks = [new_attack() for _ in range(clients)]
        for attack in attacks:
            await write_new(store, attack)
        return await measure(
            clients, seconds, lambda client: write_extension(store, attacks[client])
        )


class Recorder:
    """Keeps the units a store would have committed."""

    def __init__(self) -> None:
        self.units: list[Unit] = []

    async def submit(self, unit: Unit) -> None:
        self.units.append(unit)


async def recorded(store: Store) -> Unit:
    real, store._commit = store._commit, Recorder()  # type: ignore[assignment] # because it only records
    try:
        await write_new(store, new_attack())
        return store._commit.units[0]  # type: ignore[attr-defined] # because it is the recorder
    finally:
        store._commit = real


async def hop_per_statement(settings: StoreSettings, clients: int, seconds: float) -> Result:
    """Each statement of each unit is a trip to SQLite's thread, each unit a transaction."""
    async with await open_store(settings, SystemClock(), pop=POP, instance="bench") as store:
        writer = store._database._writer  # type: ignore[attr-defined] # because the bench goes below
        turn = asyncio.Lock()

        async def one(_: int) -> None:
            unit = await recorded(store)
            async with turn:
                await writer.run(lambda c: c.execute("BEGIN IMMEDIATE"), 9.0)
                for statement in unit.statements:
                    await writer.run(
                        lambda c, s=statement: c.execute(s.sql, s.params).rowcount, 9.0
                    )
                await writer.run(lambda c: c.execute("COMMIT"), 9.0)

        return await measure(clients, seconds, one)


async def over_pool(settings: StoreSettings, clients: int, seconds: float) -> Result:
    """A transaction per unit, ten at a time."""
    async with await open_store(settings, SystemClock(), pop=POP, instance="bench") as store:
        pool = await asyncpg.create_pool(settings.connection_string, min_size=10, max_size=10)

        async def one(_: int) -> None:
            unit = await recorded(store)
            async with pool.acquire() as connection, connection.transaction():
                for statement in unit.statements:
                    await connection.execute(numbered(statement.sql), *statement.params)

        try:
            return await measure(clients, seconds, one)
        finally:
            await pool.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 50, 200])
    parser.add_argument("--folder", default=None)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        cluster = new_cluster()
        try:
            rows = run(Path(folder), cluster.schema_url, options.clients, options.seconds)
        finally:
            remove(cluster)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'database':10}{'unit':8}{'how':20}{'clients':>8}{'units/s':>9}{'ratio':>7}"
          f"{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>8}")  # fmt: skip
    for row in rows:
        print(f"{row['database']:10}{row['unit']:8}{row['how']:20}{row['clients']:8}"
              f"{row['per_s']:9.0f}{row['ratio']:7.2f}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}"
              f"{row['cpu_us']:8.0f}")  # fmt: skip


def run(
    folder: Path, schema_url: Callable[[], str], clients: list[int], seconds: float
) -> list[dict[str, str | float]]:
    rows: list[dict[str, str | float]] = []
    for database in ("sqlite", "postgres"):
        for kind in ("new", "extend"):
            for count in clients:
                rows += compare(database, kind, count, folder, schema_url, seconds / ROUNDS)
    return rows


def compare(
    database: str,
    kind: str,
    clients: int,
    folder: Path,
    schema_url: Callable[[], str],
    seconds: float,
) -> list[dict[str, str | float]]:
    """All variants in turn, several rounds; the median round of each."""
    results: dict[str, list[Result]] = {}
    for _ in range(ROUNDS):

        def fresh(**changes: int) -> StoreSettings:
            if database == "sqlite":
                url = f"sqlite://{folder / f'{next(_counter)}.db'}"
            else:
                url = schema_url()
            return StoreSettings(connection_string=url, **changes)

        variants: dict[str, Callable[[], Awaitable[Result]]] = {
            "commit each": lambda: through_store(fresh(batch_limit=1), kind, clients, seconds),
            "group commit": lambda: through_store(fresh(), kind, clients, seconds),
        }
        if kind == "new" and database == "sqlite":
            variants["hop per statement"] = lambda: hop_per_statement(fresh(), clients, seconds)
        if kind == "new" and database == "postgres":
            variants["pool"] = lambda: over_pool(fresh(), clients, seconds)
        for name, variant in variants.items():
            results.setdefault(name, []).append(asyncio.run(awaited(variant)))
    middle = {
        name: sorted(found, key=lambda result: result.per_s)[len(found) // 2]
        for name, found in results.items()
    }
    base = middle["commit each"].per_s
    return [
        {
            "database": database,
            "unit": kind,
            "how": name,
            "clients": clients,
            "per_s": result.per_s,
            "ratio": result.per_s / base,
            "p50_ms": result.p50_ms,
            "p99_ms": result.p99_ms,
            "cpu_us": result.cpu_us,
        }
        for name, result in middle.items()
    ]


async def awaited(variant: Callable[[], Awaitable[Result]]) -> Result:
    return await variant()


if __name__ == "__main__":
    main()
