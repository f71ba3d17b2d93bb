"""A whole engine in one process: fake clock, real store, an announcer that remembers.

    async with an_engine() as house:
        (answer,) = await house.tell(a_signal())
        house.clock.advance(121); await house.settle()
        assert house.announcer.rules == {}

`settle` runs what is due and lets every line finish. The loops of the daemon are not started: a
test turns time itself, so nothing happens unless it says so.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import structs

from prefixd.correlation.settings import CorrelationSettings, SourceSettings
from prefixd.decision.inputs import Rules
from prefixd.domain.actor import Actor, ActorKind, Permission, Role, operator
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News
from prefixd.domain.page import AuditFilter, MitigationFilter, PageRequest
from prefixd.domain.safelist import SafelistEntry
from prefixd.domain.signal import Signal
from prefixd.engine.answers import IngestAnswer
from prefixd.engine.bus import Bus
from prefixd.engine.engine import Engine
from prefixd.engine.ids import Identity
from prefixd.engine.ports import Notifier, PreparedAlerts
from prefixd.engine.settings import EngineSettings, Mode, Snapshot
from prefixd.guardrails.limits import Limits
from prefixd.store.notifications import NotificationWrites
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store, open_store
from tests.kit.announcer import RecordingAnnouncer
from tests.kit.builders import POP, a_customer, a_prefix, a_signal, an_inventory, some_rules
from tests.kit.clock import FakeClock

DETECTOR = Actor(
    kind=ActorKind.DETECTOR, name="flowmon-a", permissions=frozenset({Permission.INGEST})
)
ALICE = operator("alice", Role.ADMIN)
WIDE_OPEN = Limits(
    max_active_per_customer=None,
    max_active_per_pop=None,
    max_active_global=None,
    max_new_per_minute=None,
    max_announcements_per_peer=None,
)


class RecordingNotifier:
    def __init__(self) -> None:
        self.news: list[News] = []

    def tell(self, news: News) -> None:
        self.news.append(news)

    def prepare(self, news: Sequence[News]) -> PreparedAlerts | None:
        return Told(self, news)


@dataclass(frozen=True, slots=True)
class Told:
    """Tells a recording notifier once the change is durable."""

    notifier: RecordingNotifier
    news: Sequence[News]

    def write(self, rows: NotificationWrites) -> None:
        """Keeps no rows."""

    def deliver(self) -> None:
        for item in self.news:
            self.notifier.tell(item)

    def doubt(self) -> None:
        """What may not have happened is not told."""


def agreeing(min_sources: int, **changes: Any) -> CorrelationSettings:
    """Correlation that wants so many sources; each is believed fully and goes stale after 180 s."""
    source = SourceSettings(stale_after_s=180)
    settings = CorrelationSettings(
        enabled=True, min_sources=min_sources, default_source=source, confidence_threshold=0.5
    )
    return replace(settings, **changes)


def a_snapshot(
    rules: Rules | None = None,
    *,
    pop: str = POP,
    mode: Mode = Mode.ENFORCED,
    config_entries: tuple[SafelistEntry, ...] = (),
    **settings: Any,
) -> Snapshot:
    rules = rules or some_rules(limits=WIDE_OPEN)
    dry_run = mode is Mode.DRY_RUN
    return Snapshot(
        settings=EngineSettings(pop=pop, mode=mode, **settings),
        rules=replace(rules, pop=pop, dry_run=dry_run),
        config_entries=config_entries,
    )


def wide_inventory() -> Any:
    """One customer who owns 10.0.0.0/8 beside the usual prefixes: room for many victims."""
    prefixes = tuple(map(a_prefix, ("192.0.2.0/24", "2001:db8::/32", "10.0.0.0/8")))
    return an_inventory(a_customer(prefixes=prefixes))


def victim_number(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@dataclass
class House:
    engine: Engine
    store: Store
    announcer: RecordingAnnouncer
    notifier: RecordingNotifier
    clock: FakeClock
    new_id: Callable[[], str] = field(repr=False)

    async def tell(self, *signals: Signal) -> list[IngestAnswer]:
        """Signals arriving now, as one request."""
        now_us = self.clock.now_us()
        arrived = [structs.replace(signal, received_at_us=now_us) for signal in signals]
        return await self.engine.ingest(arrived, DETECTOR)

    async def report(self, **changes: Any) -> IngestAnswer:
        (answer,) = await self.tell(a_signal(**changes))
        return answer

    async def settle(self) -> None:
        """Everything due is handed over and every line runs dry, until nothing is left to do."""
        core = self.engine._core
        while self.engine._timers.fire_due() or core.queues.active:
            await asyncio.sleep(0)
            await core.queues.quiet()

    async def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        """Time goes by in steps, and what is due happens in each."""
        gone = 0.0
        while gone < seconds:
            step = min(step_s, seconds - gone)
            self.clock.advance(step)
            gone += step
            await self.settle()

    async def rows(self, **wanted: Any) -> list[Mitigation]:
        page = await self.store.mitigations.page(
            MitigationFilter(**wanted), PageRequest(limit=1000)
        )
        return list(page.items)

    async def live_rows(self, pop: str = POP) -> list[Mitigation]:
        return list((await self.store.mitigations.live(pop)).rows)

    async def audit_actions(self) -> list[str]:
        """Oldest first."""
        page = await self.engine.store.audit.page(AuditFilter(), PageRequest(limit=1000))
        return [row.entry.action for row in reversed(page.items)]

    async def assert_wire_is_store(self, pop: str = POP) -> None:
        stored = {
            row.mitigation_id: row.rule for row in await self.live_rows(pop) if row.on_the_wire
        }
        assert self.announcer.rules == stored


@asynccontextmanager
async def an_engine(
    snapshot: Snapshot | None = None,
    *,
    store: Store | None = None,
    connection: str = "sqlite::memory:",
    clock: FakeClock | None = None,
    announcer: RecordingAnnouncer | None = None,
    listener: Notifier | None = None,
    instance: str = "one",
    start: bool = True,
    new_id: Callable[[], str] | None = None,
) -> AsyncIterator[House]:
    """`store` is used and left open when given; otherwise one is opened and closed here.
    `listener` hears the news in place of the recording notifier."""
    snapshot = snapshot or a_snapshot(some_rules(limits=WIDE_OPEN, inventory=wide_inventory()))
    clock = clock or FakeClock()
    own = store is None
    if store is None:
        settings = StoreSettings(connection_string=connection)
        store = await open_store(settings, clock, pop=snapshot.pop, instance=instance)
    announcer = announcer or RecordingAnnouncer()
    notifier = RecordingNotifier()
    new_id = new_id or Identity(clock)
    engine = Engine(
        store=store,
        announcer=announcer,
        notifier=listener or notifier,
        clock=clock,
        snapshot=snapshot,
        bus=Bus(snapshot.settings.subscriber_queue_limit),
        new_id=new_id,
    )
    house = House(engine, store, announcer, notifier, clock, new_id)
    try:
        if start:
            await engine.start()
            await house.settle()
        yield house
    finally:
        await engine.stop()
        if own:
            await store.close()
