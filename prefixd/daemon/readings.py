"""Metrics that are readings: taken just before they are rendered, at most once a second."""

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.looplag import LoopLag
from prefixd.bgp.speaker import Speaker
from prefixd.clock import Clock
from prefixd.engine.engine import Engine
from prefixd.notify.dispatch import Dispatcher
from prefixd.observability.metrics import Metrics
from prefixd.store.store import Store

EVERY_S = 1.0


class Readings:
    def __init__(
        self,
        metrics: Metrics,
        engine: Engine,
        speaker: Speaker,
        store: Store,
        dispatcher: Dispatcher,
        lag: LoopLag,
        clock: Clock,
    ) -> None:
        self._metrics = metrics
        self._engine = engine
        self._speaker = speaker
        self._store = store
        self._dispatcher = dispatcher
        self._lag = lag
        self._clock = clock
        self._taken_at = float("-inf")

    def take(self) -> None:
        now = self._clock.monotonic()
        if now - self._taken_at < EVERY_S:
            return
        self._taken_at = now
        self._of_engine()
        self._of_speaker()
        self._of_store()
        self._metrics.alerts_waiting.labels().set(self._dispatcher.waiting)
        self._metrics.loop_lag_worst.labels().set(self._lag.recent_s)

    def _of_engine(self) -> None:
        m, health = self._metrics, self._engine.health()
        m.worker_queue.labels().set(health.queue_depth)
        m.store_up.labels().set(1 if health.store_ok else 0)
        last = health.last_reconcile
        if last is not None:
            m.reconcile_active.labels(health.pop).set(last.desired)
            m.reconcile_last_ok.labels().set(last.at_us / 1_000_000)

    def _of_speaker(self) -> None:
        m = self._metrics
        for table in self._speaker.status().peers:
            name = table.session.name
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

    def _of_store(self) -> None:
        m, counts = self._metrics, self._store.commit_counts
        m.commits.labels("good").value = counts.commits
        m.commits.labels("failed").value = counts.failures
        for table, count in self._store.unreadable_counts.items():
            m.row_errors.labels(table).value = count
