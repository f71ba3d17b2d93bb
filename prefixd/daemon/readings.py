"""Metrics looked up at each scrape: queue depths, sessions, tables, counters that others keep.

A collector of the Prometheus client library. `prepare()` takes the values before the text is
written, at most once a second, and lets the event loop do other work while it counts long lists.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final, TypeAlias, TypeVar

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from prefixd.announce.announcer import BgpAnnouncer
from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.speaker.export_terms import profile_of
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.bgp.speaker.status import PeerTable
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6
from prefixd.clock import Clock
from prefixd.daemon.loop_lag import LoopLag
from prefixd.domain.group import GroupState
from prefixd.domain.rule import ActionKind, action_kind
from prefixd.engine.engine import Engine
from prefixd.notify.dispatch import Dispatcher
from prefixd.observability.metrics import MAX_SOURCES, Metrics
from prefixd.observability.reading import bounded
from prefixd.store.store import Store

EVERY_S: Final = 1.0
CHUNK: Final = 1000
"""Rows counted before the event loop may do other work."""

Label: TypeAlias = tuple[str, ...]
Row = TypeVar("Row")


class Readings(Collector):
    def __init__(
        self,
        metrics: Metrics,
        engine: Engine,
        speaker: Speaker,
        announcer: BgpAnnouncer,
        store: Store,
        dispatcher: Dispatcher,
        lag: LoopLag,
        clock: Clock,
    ) -> None:
        self._metrics = metrics
        self._engine = engine
        self._speaker = speaker
        self._announcer = announcer
        self._store = store
        self._dispatcher = dispatcher
        self._lag = lag
        self._clock = clock
        self._taken_at = float("-inf")
        self._taken: list[Metric] = []
        self._counted: list[Metric] = []
        self._counted_at_revision = -1
        self._corroborators: dict[str, float] = {}
        metrics.registry.register(self)

    def describe(self) -> Iterable[Metric]:
        return [reading.family({}) for reading in self._metrics.readings]

    def collect(self) -> Iterable[Metric]:
        return self._taken

    async def prepare(self) -> None:
        now = self._clock.monotonic()
        if now - self._taken_at < EVERY_S:
            return
        taken: list[Metric] = []
        for source in (self._of_engine, self._of_mitigations, self._of_groups, self._of_speaker):
            for metric in source():
                if metric is not None:
                    taken.append(metric)
                else:
                    await asyncio.sleep(0)
        taken += self._of_store()
        self._follow_destinations()
        taken.append(self._metrics.alerts_waiting.single(self._dispatcher.waiting))
        taken.append(self._metrics.loop_lag_worst.single(self._lag.recent_s))
        self._taken, self._taken_at = taken, now

    # Each of these yields families, and None where it may be interrupted.

    def _of_engine(self) -> Iterator[Metric]:
        m, health, drift = self._metrics, self._engine.health(), self._engine.drift
        yield m.worker_queue.single(health.queue_depth)
        yield m.store_up.single(1 if health.store_ok else 0)
        yield m.config_loaded.single(health.config_loaded_at_us / 1_000_000)
        yield m.reconcile_runs.family({("success",): drift.runs, ("error",): drift.failures})
        last = health.last_reconcile
        if last is not None:
            yield m.reconcile_active.family({(health.pop,): last.desired})
            yield m.reconcile_last_ok.single(last.at_us / 1_000_000)

    def _of_mitigations(self) -> Iterator[Metric | None]:
        revision = self._engine.queries.revision
        if revision != self._counted_at_revision:
            counted: list[Metric] = []
            for metric in self._count_mitigations():
                if metric is None:
                    yield None
                else:
                    counted.append(metric)
            self._counted, self._counted_at_revision = counted, revision
        yield from self._counted

    def _count_mitigations(self) -> Iterator[Metric | None]:
        m, live = self._metrics, self._engine.queries.live()
        pop, limits = self._engine.health().pop, self._engine.snapshot.rules.limits
        count, of_customers = Counter[Label](), Counter[str]()
        for rows in _chunks(live):
            in_force = [row for row in rows if not row.dry_run]
            count.update((action_kind(row.rule.action), row.pop) for row in in_force)
            of_customers.update(row.customer_id for row in rows if row.customer_id)
            yield None
        yield m.mitigations_active.family({(kind, pop): 0 for kind in ActionKind} | dict(count))
        used: dict[str, tuple[int, int | None]] = {
            "max_active_per_pop": (len(live), limits.max_active_per_pop),
            "max_active_per_customer": (
                max(of_customers.values(), default=0),
                limits.max_active_per_customer,
            ),
        }
        yield m.quota_used.family(
            {(name,): now / most for name, (now, most) in used.items() if most}
        )

    def _of_groups(self) -> Iterator[Metric | None]:
        m, queries = self._metrics, self._engine.queries
        states = Counter[str]()
        for groups in _chunks(tuple(queries.live_groups())):
            states.update(group.state for group in groups)
            yield None
        yield m.groups_live.family(
            {(state,): states[state] for state in GroupState if state is not GroupState.CLOSED}
        )
        waiting = Counter(record.corroboration.source for record in queries.corroborations())
        # A source seen once and without a waiting signal now reads zero.
        known = dict.fromkeys(self._corroborators, 0.0) | dict(waiting)
        self._corroborators = dict(list(known.items())[: 2 * MAX_SOURCES])
        yield m.corroborator_cache.family(bounded(known, MAX_SOURCES))

    def _of_speaker(self) -> Iterator[Metric | None]:
        m, loc = self._metrics, self._speaker.loc
        tables = {table.session.name: table for table in self._speaker.status().peers}
        yield None
        self._follow_neighbors(tables)
        yield m.session_up.family(
            _of_each(tables, lambda each: each.session.state is PeerState.ESTABLISHED)
        )
        yield m.outbox_depth.family(_of_each(tables, lambda each: each.pending))
        yield m.outbox_age.family(_of_each(tables, lambda each: each.oldest_s))
        yield m.peer_revision_lag.family(_of_each(tables, lambda each: each.lag))
        yield m.fence_time.family(_of_each(tables, lambda each: each.fence_round_trip_s))
        yield m.budget_used.family(_of_each(tables, self._budget_used))
        yield m.peer_rules.family(_rules(tables))
        yield m.messages.family(_messages(tables))
        yield m.read_pauses.family(
            {(name,): table.session.counters.read_pauses for name, table in tables.items()}
        )
        yield m.rib_rules.family(
            {(str(family),): len(loc.table(family)) for family in loc.families}
        )
        yield m.rules_inexpressible.single(len(self._announcer.inexpressible))

    def _budget_used(self, table: PeerTable) -> float | None:
        """Of the tightest of its limits; None when it has none."""
        peer = self._speaker.registry.get(table.session.name)
        if peer is None:
            return None
        budget, profile = peer.settings.budget, profile_of(peer.settings)
        advertised = Counter[int]()
        for family, rules in table.rules.items():
            advertised[family.afi] += rules
        shares = [
            (advertised[AFI_IPV4], _either(budget.rules_v4, profile.budget_v4)),
            (advertised[AFI_IPV6], _either(budget.rules_v6, profile.budget_v6)),
            (advertised.total(), _either(budget.rules_total, profile.budget_total)),
            (advertised.total(), table.budget_lowered_to),
        ]
        return max((rules / most for rules, most in shares if most), default=None)

    def _follow_neighbors(self, present: Mapping[str, PeerTable]) -> None:
        """The counter of sessions has its series for each neighbor from the first scrape on, and
        none for a neighbor that was removed."""
        changes = self._metrics.session_changes
        changes.remove_unless(lambda values: values[0] in present)
        changes.start_at_zero(*((name, to) for name in present for to in ("up", "down")))

    def _follow_destinations(self) -> None:
        destinations = (each.id for each in self._dispatcher.status())
        results = ("success", "error", "dropped")
        self._metrics.alerts_sent.start_at_zero(*product(destinations, results))

    def _of_store(self) -> Iterator[Metric]:
        m, counts = self._metrics, self._store.commit_counts
        yield m.commits.family({("good",): counts.commits, ("failed",): counts.failures})
        yield m.units.family(
            {
                ("stored",): counts.units,
                ("conflict",): counts.conflicts,
                ("refused_full",): counts.refused_full,
            }
        )
        yield m.commit_queue.single(self._store.queue_depth)
        unreadable = self._store.unreadable_counts
        yield m.row_errors.family({(table,): count for table, count in unreadable.items()})


def _either(configured: int | None, of_profile: int | None) -> int | None:
    return of_profile if configured is None else configured


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for first in range(0, len(rows), CHUNK):
        yield rows[first : first + CHUNK]


def _of_each(
    tables: Mapping[str, PeerTable], value_of: Callable[[PeerTable], float | None]
) -> dict[Label, float]:
    """One series for each neighbor that has such a value."""
    values = ((name, value_of(table)) for name, table in tables.items())
    return {(name,): value for name, value in values if value is not None}


def _rules(tables: Mapping[str, PeerTable]) -> dict[Label, float]:
    found: dict[Label, float] = {}
    for name, table in tables.items():
        found[name, "told"] = sum(table.rules.values())
        found[name, "withheld"] = sum(table.withheld.values())
        found[name, "quarantined"] = len(table.quarantined)
    return found


def _messages(tables: Mapping[str, PeerTable]) -> dict[Label, float]:
    return {
        (name, direction, kind): count
        for name, table in tables.items()
        for direction, counts in (
            ("in", table.session.counters.messages_in),
            ("out", table.session.counters.messages_out),
        )
        for kind, count in counts.items()
    }
