"""Every metric the daemon exports, in one class: the list a dashboard author reads.

Names and labels that existing dashboards know are kept; labels that were unbounded or lied there
are bounded and honest here. Label values come from configuration or from closed sets of words,
never from what a stranger sent: unknown detector names are counted as `other` (see `registry.py`).
"""

from prefixd.observability.exposition import Exposition
from prefixd.observability.registry import Registry

LATENCY_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
HTTP_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG_S = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SOURCES = (1, 2, 3, 4, 5, 8, 10)
MAX_SOURCES = 200  # distinct (source, word) pairs before `other`


class Metrics:
    def __init__(self) -> None:
        self.registry = Registry()
        self.exposition = Exposition(self.registry)
        self._declare_process()
        self._declare_events()
        self._declare_mitigations()
        self._declare_correlation()
        self._declare_bgp()
        self._declare_store()
        self._declare_http()
        self._declare_alerts()

    def render(self) -> bytes:
        return self.registry.render()

    def _declare_process(self) -> None:
        r = self.registry
        self.build_info = r.gauge("prefixd_build_info", "Always 1.", "version", "pop", "mode")
        self.start_time = r.gauge(
            "prefixd_start_time_seconds", "Unix time at which the daemon started."
        )
        self.task_restarts = r.counter(
            "prefixd_task_restarts_total", "Supervised tasks that failed and ran again.", "task"
        )
        self.loop_lag_worst = r.gauge(
            "prefixd_loop_lag_seconds", "The event loop's worst lateness of the last minute."
        )
        self.config_reload = r.counter(
            "prefixd_config_reload_total", "Reloads of the configuration.", "status"
        )
        self.config_loaded = r.gauge(
            "prefixd_config_loaded_timestamp_seconds", "Unix time of the last good load."
        )

    def _declare_events(self) -> None:
        r = self.registry
        self.events_ingested = r.counter(
            "prefixd_events_ingested_total", "Detector events stored.", "source", "vector",
            limit=MAX_SOURCES * 4,
        )  # fmt: skip
        self.events_rejected = r.counter(
            "prefixd_events_rejected_total", "Detector events refused.", "source", "reason",
            limit=MAX_SOURCES * 4,
        )  # fmt: skip
        self.event_outcomes = r.counter(
            "prefixd_event_outcomes_total", "What became of each event.", "outcome"
        )
        self.event_to_announce = r.histogram(
            "prefixd_event_to_announce_seconds",
            "From the arrival of an event that made a rule to the rule in the RIB, saved.",
            buckets=LONG_S,
        )
        self.source_last_seen = r.gauge(
            "prefixd_source_last_seen_timestamp_seconds", "Unix time of a source's last signal.",
            "source", limit=MAX_SOURCES,
        )  # fmt: skip
        self.source_silent = r.gauge(
            "prefixd_source_silent", "1 while a source that should speak says nothing.", "source",
            limit=MAX_SOURCES,
        )  # fmt: skip
        self.worker_queue = r.gauge(
            "prefixd_worker_queue_depth", "Signals waiting for their victim's worker."
        )

    def _declare_mitigations(self) -> None:
        r = self.registry
        self.mitigations_active = r.gauge(
            "prefixd_mitigations_active", "Live mitigations of this POP.", "action_type", "pop"
        )
        self.mitigations_created = r.counter(
            "prefixd_mitigations_created_total", "Mitigations created.", "action_type", "pop"
        )
        self.mitigations_expired = r.counter(
            "prefixd_mitigations_expired_total",
            "Mitigations whose TTL ended.",
            "action_type",
            "pop",
        )
        self.mitigations_withdrawn = r.counter(
            "prefixd_mitigations_withdrawn_total", "Mitigations withdrawn.",
            "action_type", "pop", "reason",
        )  # fmt: skip
        self.mitigations_extended = r.counter(
            "prefixd_mitigations_extended_total", "Expiries pushed out.", "action_type", "pop"
        )
        self.escalations = r.counter(
            "prefixd_escalations_total", "Actions made stricter.", "from_action", "to_action", "pop"
        )
        self.guardrail_rejections = r.counter(
            "prefixd_guardrail_rejections_total", "Rules a guardrail refused.", "reason"
        )
        self.quota_used = r.gauge(
            "prefixd_quota_used_ratio", "Used share of a quota, 0 to 1; the fullest customer's for"
            " max_active_per_customer.", "quota",
        )  # fmt: skip
        self.expiry_lateness = r.histogram(
            "prefixd_expiry_lateness_seconds", "How late expiries were.", buckets=LONG_S
        )
        self.reconcile_runs = r.counter(
            "prefixd_reconciliation_runs_total", "Reconcile runs.", "status"
        )
        self.reconcile_active = r.gauge(
            "prefixd_reconciliation_active_count", "Rules the last run wanted on the wire.", "pop"
        )
        self.reconcile_last_ok = r.gauge(
            "prefixd_reconciliation_last_success_timestamp_seconds",
            "Unix time of the last good run.",
        )
        self.drift = r.counter(
            "prefixd_drift_total", "Differences found between store and RIB, and mended.", "kind"
        )

    def _declare_correlation(self) -> None:
        r = self.registry
        self.signal_groups = r.counter(
            "prefixd_signal_groups_total", "Signal groups by the state they entered.",
            "status", "vector",
        )  # fmt: skip
        self.groups_live = r.gauge("prefixd_groups_live", "Signal groups not closed.", "state")
        self.group_sources = r.histogram(
            "prefixd_signal_group_sources", "Sources of a group when it was met or closed.",
            "vector", buckets=SOURCES,
        )  # fmt: skip
        self.confidence = r.histogram(
            "prefixd_correlation_confidence", "Derived confidence at each decision.",
            "vector", buckets=TENTHS,
        )  # fmt: skip
        self.corroboration_met = r.counter(
            "prefixd_corroboration_met_total", "Groups that reached agreement.", "vector"
        )
        self.corroboration_timeout = r.counter(
            "prefixd_corroboration_timeout_total", "Groups that closed without agreement.", "vector"
        )
        self.corroborator_ingested = r.counter(
            "prefixd_corroborator_ingested_total", "Corroborating signals.", "source",
            limit=MAX_SOURCES,
        )  # fmt: skip
        self.corroborator_attached = r.counter(
            "prefixd_corroborator_attached_total", "Corroborating signals that joined a group.",
            "source", limit=MAX_SOURCES,
        )  # fmt: skip
        self.corroborator_cache = r.gauge(
            "prefixd_corroborator_cache_size", "Corroborating signals waiting.", "source",
            limit=MAX_SOURCES,
        )  # fmt: skip

    def _declare_bgp(self) -> None:
        r = self.registry
        self.announcements = r.counter(
            "prefixd_announcements_total", "Rules handed to the speaker.", "status"
        )
        self.announcement_latency = r.histogram(
            "prefixd_announcements_latency_seconds",
            "From the decision to the rule in the RIB; saving it lies between.",
            buckets=LATENCY_S,
        )
        self.session_up = r.gauge(
            "prefixd_bgp_session_up", "1 when the session is established.", "peer"
        )
        self.session_changes = r.counter(
            "prefixd_bgp_session_changes_total", "Sessions that came up or went down.", "peer", "to"
        )
        self.messages = r.counter(
            "prefixd_bgp_messages_total", "BGP messages.", "peer", "direction", "type"
        )
        self.peer_rules = r.gauge(
            "prefixd_bgp_peer_rules", "Rules by their state at a peer.", "peer", "state"
        )
        self.outbox_depth = r.gauge(
            "prefixd_bgp_outbox_depth", "Rule changes a peer has not been told yet.", "peer"
        )
        self.outbox_age = r.gauge(
            "prefixd_bgp_outbox_oldest_seconds", "Age of the oldest such change.", "peer"
        )
        self.peer_revision_lag = r.gauge(
            "prefixd_bgp_revision_lag", "Revisions of the RIB a peer is behind.", "peer"
        )
        self.fence_time = r.gauge(
            "prefixd_bgp_fence_seconds", "Last round trip of a refresh fence.", "peer"
        )
        self.budget_used = r.gauge(
            "prefixd_bgp_budget_used_ratio", "Used share of a peer's rule budget.", "peer"
        )
        self.rib_rules = r.gauge("prefixd_rib_rules", "Rules in the Loc-RIB.", "family")
        self.rules_inexpressible = r.gauge(
            "prefixd_rules_inexpressible", "Live mitigations that no router can be told."
        )

    def _declare_store(self) -> None:
        r = self.registry
        self.row_errors = r.counter(
            "prefixd_db_row_parse_errors_total", "Rows that could not be read.", "table"
        )
        self.commits = r.counter("prefixd_db_commits_total", "Group commits.", "status")
        self.units = r.counter(
            "prefixd_db_units_total",
            "Units of work by what became of them; stored units per commit is the batch size.",
            "status",
        )
        self.commit_queue = r.gauge(
            "prefixd_db_queue_depth", "Units of work waiting for the next commit."
        )
        self.store_up = r.gauge("prefixd_db_up", "1 while the database answers.")

    def _declare_http(self) -> None:
        r = self.registry
        self.http_requests = r.counter(
            "prefixd_http_requests_total", "HTTP requests.", "method", "route", "status_class"
        )
        self.http_time = r.histogram(
            "prefixd_http_request_duration_seconds", "Duration of HTTP requests.",
            "method", "route", "status_class", buckets=HTTP_S,
        )  # fmt: skip
        self.http_in_flight = r.gauge(
            "prefixd_http_in_flight_requests", "HTTP requests being answered.", "method", "route"
        )
        self.rate_limited = r.counter(
            "prefixd_http_rate_limited_total", "HTTP requests answered 429.", "scope"
        )
        self.login_failures = r.counter("prefixd_login_failures_total", "Failed logins.", "reason")
        self.feed_clients = r.gauge("prefixd_feed_clients", "Open live feeds.", "transport")
        self.feed_resyncs = r.counter(
            "prefixd_feed_resyncs_total", "Live-feed clients that fell behind."
        )

    def _declare_alerts(self) -> None:
        r = self.registry
        self.alerts_sent = r.counter(
            "prefixd_alerts_sent_total", "Alert deliveries.", "destination", "status"
        )
        self.alerts_waiting = r.gauge("prefixd_alerts_waiting", "Alerts not yet delivered.")
