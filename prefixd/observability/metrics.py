"""Every metric the daemon exports, in one class: the list that an author of dashboards reads.

Metrics that something in the daemon counts or observes are objects of the client library, behind a
bound on their labels (`labelled.py`). Metrics whose value is looked up at each scrape are
`Reading`s; `daemon/readings.py` fills them in. The registry is our own, not the library's global
one, so that two daemons in one test process do not share numbers.

Label values come from the configuration or from closed sets of words. Detectors choose their own
source names, so the families with a `source` are bounded more tightly.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from prefixd.observability.labelled import Labelled
from prefixd.observability.reading import Reading

LATENCY_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
HTTP_S: Final = (0.005, 0.025, 0.1, 0.5, 2.5)
LONG_S: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
TENTHS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SOURCES: Final = (1, 2, 3, 4, 5, 8, 10)
SERIES: Final = 1000
"""The bound of a family, unless it names another."""
MAX_SOURCES: Final = 200
SOURCE_PAIRS: Final = 4 * MAX_SOURCES
"""Of a source and a second word."""

Kind = TypeVar("Kind", Counter, Gauge)


@dataclass(frozen=True, slots=True)
class Declared:
    """What docs/metrics.md says of a metric."""

    name: str
    kind: str
    text: str
    label_names: tuple[str, ...]


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.declared: list[Declared] = []
        self.readings: list[Reading] = []
        self._declare_process()
        self._declare_events()
        self._declare_mitigations()
        self._declare_correlation()
        self._declare_bgp()
        self._declare_store()
        self._declare_http()
        self._declare_alerts()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def _counter(
        self, name: str, text: str, *labels: str, limit: int = SERIES
    ) -> Labelled[Counter]:
        metric = Counter(name, text, labels, registry=None)
        self.declared.append(Declared(name, "counter", text, labels))
        return Labelled(metric, labels, limit, self.registry)

    def _gauge(self, name: str, text: str, *labels: str, limit: int = SERIES) -> Labelled[Gauge]:
        metric = Gauge(name, text, labels, registry=None)
        self.declared.append(Declared(name, "gauge", text, labels))
        return Labelled(metric, labels, limit, self.registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...]
    ) -> Labelled[Histogram]:
        metric = Histogram(name, text, labels, buckets=buckets, registry=None)
        self.declared.append(Declared(name, "histogram", text, labels))
        return Labelled(metric, labels, SERIES, self.registry)

    def _single(self, kind: type[Kind], name: str, text: str) -> Kind:
        self.declared.append(Declared(name, kind.__name__.lower(), text, ()))
        return kind(name, text, registry=self.registry)

    def _single_histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        self.declared.append(Declared(name, "histogram", text, ()))
        return Histogram(name, text, buckets=buckets, registry=self.registry)

    def _read_gauge(self, name: str, text: str, *labels: str) -> Reading:
        self.declared.append(Declared(name, "gauge", text, labels))
        return self._reading(Reading(GaugeMetricFamily, name, text, labels))

    def _read_counter(self, name: str, text: str, *labels: str) -> Reading:
        self.declared.append(Declared(name, "counter", text, labels))
        return self._reading(Reading(CounterMetricFamily, name, text, labels))

    def _reading(self, reading: Reading) -> Reading:
        self.readings.append(reading)
        return reading

    def _declare_process(self) -> None:
        self.build_info = self._gauge("prefixd_build_info", "Always 1.", "version", "pop", "mode")
        self.start_time = self._single(
            Gauge, "prefixd_start_time_seconds", "Unix time at which the daemon started."
        )
        self.task_restarts = self._counter(
            "prefixd_task_restarts_total", "Supervised tasks restarted after an error.", "task"
        )
        self.loop_lag_worst = self._read_gauge(
            "prefixd_loop_lag_seconds", "Worst delay of the event loop in the last minute."
        )
        self.config_reload = self._counter(
            "prefixd_config_reload_total", "Configuration reloads.", "status"
        )
        self.config_loaded = self._read_gauge(
            "prefixd_config_loaded_timestamp_seconds",
            "Unix time of the last successful configuration load.",
        )

    def _declare_events(self) -> None:
        self.events_ingested = self._counter(
            "prefixd_events_ingested_total", "Detector events stored.", "source", "vector",
            limit=SOURCE_PAIRS,
        )  # fmt: skip
        self.events_rejected = self._counter(
            "prefixd_events_rejected_total", "Detector events refused.", "source", "reason",
            limit=SOURCE_PAIRS,
        )  # fmt: skip
        self.event_outcomes = self._counter(
            "prefixd_event_outcomes_total", "Detector events by outcome.", "outcome"
        )
        self.event_to_announce = self._single_histogram(
            "prefixd_event_to_announce_seconds",
            "Time from receipt of an event to its rule stored and in the Loc-RIB.",
            LONG_S,
        )
        self.source_last_seen = self._gauge(
            "prefixd_source_last_seen_timestamp_seconds",
            "Unix time of the last signal from a source.", "source", limit=MAX_SOURCES,
        )  # fmt: skip
        self.source_silent = self._gauge(
            "prefixd_source_silent",
            "1 while a source has sent nothing for longer than its configured interval.",
            "source", limit=MAX_SOURCES,
        )  # fmt: skip
        self.worker_queue = self._read_gauge(
            "prefixd_worker_queue_depth", "Signals queued for a decision."
        )

    def _declare_mitigations(self) -> None:
        self.mitigations_active = self._read_gauge(
            "prefixd_mitigations_active",
            "Live mitigations of this POP, without a dry run's.",
            "action_type",
            "pop",
        )
        self.mitigations_created = self._counter(
            "prefixd_mitigations_created_total", "Mitigations created.", "action_type", "pop"
        )
        self.mitigations_expired = self._counter(
            "prefixd_mitigations_expired_total", "Mitigations expired.", "action_type", "pop"
        )
        self.mitigations_withdrawn = self._counter(
            "prefixd_mitigations_withdrawn_total", "Mitigations withdrawn before their expiry.",
            "action_type", "pop", "reason",
        )  # fmt: skip
        self.mitigations_extended = self._counter(
            "prefixd_mitigations_extended_total", "Mitigations extended.", "action_type", "pop"
        )
        self.escalations = self._counter(
            "prefixd_escalations_total", "Mitigations escalated to a stricter action.",
            "from_action", "to_action", "pop",
        )  # fmt: skip
        self.guardrail_rejections = self._counter(
            "prefixd_guardrail_rejections_total", "Rules refused by a guardrail.", "reason"
        )
        self.quota_used = self._read_gauge(
            "prefixd_quota_used_ratio",
            "Used share of a quota, 0 to 1; for max_active_per_customer, of the customer with the"
            " most mitigations.",
            "quota",
        )
        self.expiry_lateness = self._single_histogram(
            "prefixd_expiry_lateness_seconds", "Delay of expiries after their time.", LONG_S
        )
        self.reconcile_runs = self._read_counter(
            "prefixd_reconciliation_runs_total", "Reconcile runs.", "status"
        )
        self.reconcile_active = self._read_gauge(
            "prefixd_reconciliation_active_count",
            "Rules that the last reconcile run wanted announced.",
            "pop",
        )
        self.reconcile_last_ok = self._read_gauge(
            "prefixd_reconciliation_last_success_timestamp_seconds",
            "Unix time of the last successful reconcile run.",
        )
        self.drift = self._counter(
            "prefixd_drift_total", "Differences between database and RIB found and repaired.",
            "kind",
        )  # fmt: skip

    def _declare_correlation(self) -> None:
        self.signal_groups = self._counter(
            "prefixd_signal_groups_total", "Signal groups opened and closed.", "status", "vector"
        )
        self.groups_live = self._read_gauge(
            "prefixd_groups_live", "Signal groups not closed, by state.", "state"
        )
        self.group_sources = self._histogram(
            "prefixd_signal_group_sources", "Sources of a group when it was met or closed.",
            "vector", buckets=SOURCES,
        )  # fmt: skip
        self.confidence = self._histogram(
            "prefixd_correlation_confidence", "Confidence of a signal group when it was opened.",
            "vector", buckets=TENTHS,
        )  # fmt: skip
        self.corroboration_met = self._counter(
            "prefixd_corroboration_met_total", "Groups whose corroboration was met.", "vector"
        )
        self.corroboration_timeout = self._counter(
            "prefixd_corroboration_timeout_total",
            "Groups closed before their corroboration was met.",
            "vector",
        )
        self.corroborator_ingested = self._counter(
            "prefixd_corroborator_ingested_total", "Corroborating signals received.", "source",
            limit=MAX_SOURCES,
        )  # fmt: skip
        self.corroborator_attached = self._counter(
            "prefixd_corroborator_attached_total", "Corroborating signals attached to a group.",
            "source", limit=MAX_SOURCES,
        )  # fmt: skip
        self.corroborator_cache = self._read_gauge(
            "prefixd_corroborator_cache_size", "Corroborating signals waiting for a group.",
            "source",
        )  # fmt: skip

    def _declare_bgp(self) -> None:
        self.announcements = self._counter(
            "prefixd_announcements_total", "Rules announced and withdrawn.", "status"
        )
        self.announcement_latency = self._single_histogram(
            "prefixd_announcements_latency_seconds",
            "Time from a decision to its rule stored and in the Loc-RIB.",
            LATENCY_S,
        )
        self.session_up = self._read_gauge(
            "prefixd_bgp_session_up", "1 while the BGP session is Established.", "peer"
        )
        self.session_changes = self._counter(
            "prefixd_bgp_session_changes_total", "BGP sessions that came up or went down.",
            "peer", "to",
        )  # fmt: skip
        self.messages = self._read_counter(
            "prefixd_bgp_messages_total", "BGP messages received and sent.",
            "peer", "direction", "type",
        )  # fmt: skip
        self.read_pauses = self._read_counter(
            "prefixd_bgp_read_pauses_total",
            "Turns of a neighbor that left received messages for a later turn; reading pauses.",
            "peer",
        )
        self.peer_rules = self._read_gauge(
            "prefixd_bgp_peer_rules",
            "Rules of a neighbor: advertised (told), withheld, quarantined.",
            "peer", "state",
        )  # fmt: skip
        self.outbox_depth = self._read_gauge(
            "prefixd_bgp_outbox_depth", "Rule changes pending for a neighbor.", "peer"
        )
        self.outbox_age = self._read_gauge(
            "prefixd_bgp_outbox_oldest_seconds",
            "Age of the oldest rule change pending for a neighbor.",
            "peer",
        )
        self.peer_revision_lag = self._read_gauge(
            "prefixd_bgp_revision_lag", "RIB revisions not yet sent to a neighbor.", "peer"
        )
        self.fence_time = self._read_gauge(
            "prefixd_bgp_fence_seconds", "Last round-trip time of a route-refresh probe.", "peer"
        )
        self.budget_used = self._read_gauge(
            "prefixd_bgp_budget_used_ratio", "Used share of a neighbor's rule budget.", "peer"
        )
        self.rib_rules = self._read_gauge("prefixd_rib_rules", "Rules in the Loc-RIB.", "family")
        self.rules_inexpressible = self._read_gauge(
            "prefixd_rules_inexpressible", "Live mitigations that no router can carry."
        )

    def _declare_store(self) -> None:
        self.row_errors = self._read_counter(
            "prefixd_db_row_parse_errors_total", "Database rows that could not be read.", "table"
        )
        self.commits = self._read_counter("prefixd_db_commits_total", "Group commits.", "status")
        self.units = self._read_counter(
            "prefixd_db_units_total",
            "Units of work by result; stored units per commit is the batch size.",
            "status",
        )
        self.commit_queue = self._read_gauge(
            "prefixd_db_queue_depth", "Units of work queued for the next commit."
        )
        self.store_up = self._read_gauge("prefixd_db_up", "1 while the database is reachable.")

    def _declare_http(self) -> None:
        self.http_requests = self._counter(
            "prefixd_http_requests_total", "HTTP requests answered.",
            "method", "route", "status_class",
        )  # fmt: skip
        self.http_time = self._histogram(
            "prefixd_http_request_duration_seconds", "Duration of HTTP requests.",
            "method", "route", "status_class", buckets=HTTP_S,
        )  # fmt: skip
        self.http_in_flight = self._gauge(
            "prefixd_http_in_flight_requests", "HTTP requests in progress.", "method", "route"
        )
        self.connections_refused = self._counter(
            "prefixd_http_connections_refused_total",
            "HTTP connections closed because too many are open, of all callers or of one.",
            "limit",
        )
        self.rate_limited = self._counter(
            "prefixd_http_rate_limited_total", "HTTP requests answered 429.", "scope"
        )
        self.login_failures = self._counter(
            "prefixd_login_failures_total", "Failed logins.", "reason"
        )
        self.feed_clients = self._gauge(
            "prefixd_feed_clients", "Connected clients of the live feed.", "transport"
        )
        self.feed_resyncs = self._single(
            Counter, "prefixd_feed_resyncs_total", "Live-feed clients that fell behind."
        )

    def _declare_alerts(self) -> None:
        self.alerts_sent = self._counter(
            "prefixd_alerts_sent_total", "Alert deliveries.", "destination", "status"
        )
        self.alerts_waiting = self._read_gauge(
            "prefixd_alerts_waiting", "Alerts queued for delivery."
        )
