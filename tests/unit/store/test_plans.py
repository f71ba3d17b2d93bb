"""Every list reads along an index in its own order: no page sorts a table, however large."""

from collections.abc import Awaitable, Sequence

import pytest

from prefixd.domain.page import (
    AuditFilter,
    Cursor,
    EventFilter,
    GroupFilter,
    MitigationFilter,
    PageRequest,
)
from prefixd.domain.vector import Vector
from prefixd.store.database import Row
from prefixd.store.store import Store
from prefixd.store.unit import Value
from tests.kit.rows import T0_US, a_store, a_victim

VICTIM = a_victim()
PAGE = PageRequest(cursor=Cursor(T0_US, "x"), start_us=T0_US - 1, limit=50)
EVENTS = [
    EventFilter(),
    EventFilter(source="fastnetmon"),
    EventFilter(victim=VICTIM),
    EventFilter(vector=Vector.GRE_FLOOD),
    EventFilter(kind="firing", outcome="mitigated"),
    EventFilter(group_id="g"),
    EventFilter(pop="ams1"),
]
MITIGATIONS = [
    MitigationFilter(),
    MitigationFilter(statuses=frozenset({"active", "escalated"})),
    MitigationFilter(customer_id="c"),
    MitigationFilter(victim=VICTIM),
    MitigationFilter(pop="ams1", acknowledged=False),
]
GROUPS = [GroupFilter(), GroupFilter(states=frozenset({"open"}), pop="ams1", met=True)]
AUDIT = [AuditFilter(), AuditFilter(action="withdraw"), AuditFilter(target_id="x")]


async def plans_of(store: Store, call: Awaitable[object]) -> list[str]:
    """The plans of the queries one read makes, in SQLite's words."""
    asked: list[tuple[str, Sequence[Value]]] = []
    database = store._database
    fetch_all = database.fetch_all

    async def note(sql: str, params: Sequence[Value] = ()) -> list[Row]:
        asked.append((sql, params))
        return await fetch_all(sql, params)

    database.fetch_all = note  # type: ignore[method-assign] # because it only listens
    try:
        await call
    finally:
        database.fetch_all = fetch_all  # type: ignore[method-assign] # because it only listened
    plans = []
    for sql, params in asked:
        rows = await fetch_all(f"EXPLAIN QUERY PLAN {sql}", params)
        plans += [row[3] for row in rows]
    return plans


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        *(("signals", wanted) for wanted in EVENTS),
        *(("mitigations", wanted) for wanted in MITIGATIONS),
        *(("groups", wanted) for wanted in GROUPS),
        *(("audit", wanted) for wanted in AUDIT),
    ],
)
@pytest.mark.parametrize("page", [PAGE, PageRequest()], ids=["middle", "first"])
async def test_no_page_sorts_a_table(ask: str, wanted: object, page: PageRequest) -> None:
    async with await a_store() as store:
        plans = await plans_of(store, getattr(store, ask).page(wanted, page))
    assert plans
    assert "USING INDEX" in plans[0]
    # Rows of one microsecond may still need their ids put in order where an index ends in time.
    assert "USE TEMP B-TREE FOR ORDER BY" not in plans


async def test_reading_again_about_a_victim_reads_no_table() -> None:
    """After a conflict, in the middle of an attack: it must not cost more the more is stored."""
    live = MitigationFilter(victim=VICTIM, pop="ams1", statuses=frozenset({"active", "escalated"}))
    async with await a_store() as store:
        for call in (
            store.groups.live_of("ams1", VICTIM),
            store.mitigations.page(live, PageRequest()),
            store.signals.latest("fastnetmon", "a1", "firing"),
        ):
            plans = await plans_of(store, call)
            assert plans
            assert plans[0].startswith("SEARCH"), plans


async def test_nothing_due_costs_one_index_probe() -> None:
    async with await a_store() as store:
        for sql in (
            "SELECT 1 FROM mitigations WHERE status IN ('pending', 'active', 'escalated')"
            " AND pop = 'ams1' AND mitigation_id > 'x' ORDER BY mitigation_id LIMIT 500",
            "SELECT 1 FROM signal_groups WHERE state <> 'closed' AND pop = 'ams1'"
            " AND (victim_ip, group_key) > ('x', 'y') ORDER BY victim_ip, group_key LIMIT 500",
            "SELECT 1 FROM notification_queue WHERE state = 'queued' AND pop = 'ams1'"
            " AND due_at <= 5 ORDER BY due_at, notification_id LIMIT 100",
        ):
            rows = await store._database.fetch_all(f"EXPLAIN QUERY PLAN {sql}")
            assert "SEARCH" in rows[0][3], (sql, [row[3] for row in rows])
