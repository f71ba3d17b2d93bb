"""Metrics that are readings: taken just before they are rendered, at most once a second."""

from collections import Counter
from collections.abc import Iterator, Mapping

from prefixd.announce.announcer import BgpAnnouncer
from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.speaker.export_terms import profile_of
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.bgp.speaker.status import PeerTable
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6
from prefixd.clock import Clock
from prefixd.daemon.loop_lag import LoopLag
from prefixd.domain.rule import action_kind
from prefixd.engine.engine import Engine
from prefixd.notify.dispatch import Dispatcher
from prefixd.observability.metrics import Metrics
from prefixd.observability.registry import Family, Gauge
from prefixd.store.store import Store

EVERY_S = 1.0
SLICE_ROWS = 1000


class Readings:
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
        self._peers: set[str] = set()
        self._revision = -1

    def take(self) -> Iterator[None]:
        """Yields where it can rest: a site with many mitigations is counted in slices."""
        now = self._clock.monotonic()
        if now - self._taken_at < EVERY_S:
            return
        self._taken_at = now
        yield from self._of_engine()
        self._of_speaker()
        self._of_store()
        self._metrics.alerts_waiting.labels().set(self._dispatcher.waiting)
        self._metrics.loop_lag_worst.labels().set(self._lag.recent_s)

    def _of_engine(self) -> Iterator[None]:
        m, health = self._metrics, self._engine.health()
        m.worker_queue.labels().set(health.queue_depth)
        m.store_up.labels().set(1 if health.store_ok else 0)
        m.config_loaded.labels().set(health.config_loaded_at_us / 1_000_000)
        drift = self._engine.drift
        m.reconcile_runs.labels("success").value = drift.runs
        m.reconcile_runs.labels("error").value = drift.failures
        if self._engine.queries.revision != self._revision:
            self._revision = self._engine.queries.revision
            yield from self._of_mitigations()
        self._of_groups()
        last = health.last_reconcile
        if last is not None:
            m.reconcile_active.labels(health.pop).set(last.desired)
            m.reconcile_last_ok.labels().set(last.at_us / 1_000_000)

    def _of_mitigations(self) -> Iterator[None]:
        m, live = self._metrics, self._engine.queries.live()
        count, of_customers = Counter[tuple[str, ...]](), Counter[str]()
        for first in range(0, len(live), SLICE_ROWS):
            rows = live[first : first + SLICE_ROWS]
            count.update((str(action_kind(row.rule.action)), row.pop) for row in rows)
            of_customers.update(row.customer_id for row in rows if row.customer_id)
            yield
        set_exactly(m.mitigations_active, count)
        limits = self._engine.snapshot.rules.limits
        used: dict[str, tuple[int, int | None]] = {
            "max_active_per_pop": (len(live), limits.max_active_per_pop),
            "max_active_per_customer": (
                max(of_customers.values(), default=0),
                limits.max_active_per_customer,
            ),
        }
        ratios: dict[tuple[str, ...], float] = {
            (name,): now / most for name, (now, most) in used.items() if most
        }
        set_exactly(m.quota_used, ratios)

    def _of_groups(self) -> None:
        m, queries = self._metrics, self._engine.queries
        set_exactly(
            m.groups_live, Counter[tuple[str, ...]]((str(g.state),) for g in queries.live_groups())
        )
        waiting = Counter[tuple[str, ...]](
            (record.corroboration.source,) for record in queries.corroborations()
        )
        set_exactly(m.corroborator_cache, waiting)

    def _of_speaker(self) -> None:
        m = self._metrics
        status = self._speaker.status()
        self._forget_peers_but({table.session.name for table in status.peers})
        for table in status.peers:
            name = table.session.name
            used = self._budget_used(table)
            if used is not None:
                m.budget_used.labels(name).set(used)
            m.session_up.labels(name).set(table.session.state is PeerState.ESTABLISHED)
            m.peer_rules.labels(name, "told").set(sum(table.rules.values()))
            m.peer_rules.labels(name, "withheld").set(sum(table.withheld.values()))
            m.peer_rules.labels(name, "quarantined").set(len(table.quarantined))
            m.outbox_depth.labels(name).set(table.outbox)
            m.outbox_age.labels(name).set(table.oldest_s)
            m.peer_revision_lag.labels(name).set(table.lag)
            if table.fence_round_trip_s is not None:
                m.fence_time.labels(name).set(table.fence_round_trip_s)
            for direction, counts in (
                ("in", table.session.counters.messages_in),
                ("out", table.session.counters.messages_out),
            ):
                for word, count in counts.items():
                    m.messages.labels(name, direction, word).value = count
        for family in self._speaker.loc.families:
            m.rib_rules.labels(str(family)).set(len(self._speaker.loc.table(family)))
        m.rules_inexpressible.labels().set(len(self._announcer.inexpressible))

    def _budget_used(self, table: PeerTable) -> float | None:
        """Of the tightest of its limits; None when it has none."""
        peer = self._speaker.roster.get(table.session.name)
        if peer is None:
            return None
        budget, profile = peer.settings.budget, profile_of(peer.settings)
        told = Counter[int]()
        for family, rules in table.rules.items():
            told[family.afi] += rules
        shares = [
            (told[AFI_IPV4], _either(budget.rules_v4, profile.budget_v4)),
            (told[AFI_IPV6], _either(budget.rules_v6, profile.budget_v6)),
            (told.total(), _either(budget.rules_total, profile.budget_total)),
            (told.total(), table.budget_lowered_to),
        ]
        return max((rules / most for rules, most in shares if most), default=None)

    def _forget_peers_but(self, present: set[str]) -> None:
        """A neighbor that was removed leaves no last value behind."""
        m = self._metrics
        gone, self._peers = self._peers - present, present
        if not gone:
            return
        for family in m.registry.families():
            if family.label_names[:1] == ("peer",):
                for labels in [labels for labels, _ in family.children() if labels[0] in gone]:
                    family.forget(*labels)

    def _of_store(self) -> None:
        m, counts = self._metrics, self._store.commit_counts
        m.commits.labels("good").value = counts.commits
        m.commits.labels("failed").value = counts.failures
        m.units.labels("stored").value = counts.units
        m.units.labels("conflict").value = counts.conflicts
        m.units.labels("refused_full").value = counts.refused_full
        m.commit_queue.labels().set(self._store.queue_depth)
        for table, count in self._store.unreadable_counts.items():
            m.row_errors.labels(table).value = count


def _either(configured: int | None, of_profile: int | None) -> int | None:
    return of_profile if configured is None else configured


def set_exactly(family: Family[Gauge], values: Mapping[tuple[str, ...], float]) -> None:
    """These and no others: what was counted before and is gone now reads zero."""
    for labels, child in family.children():
        if labels not in values:
            child.set(0)
    for labels, value in values.items():
        family.labels(*labels).set(value)
