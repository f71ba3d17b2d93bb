"""Writes the dashboards beside it: `python3 packaging/grafana/build.py`.

A dashboard is a table of panels here and four hundred lines of JSON there. Panels are laid out in
the order of the table; stat panels are a quarter wide, the others half.
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDTH = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECT = 'job=~"$job",instance=~"$instance"'


def query(expression: str, legend: str = "") -> tuple[str, str]:
    return expression, legend


def rate(metric: str, by: str = "") -> str:
    grouped = f"sum by ({by}) " if by else "sum "
    return f"{grouped}(rate({metric}{{{SELECT}}}[$__rate_interval]))"


def rise(metric: str) -> str:
    return f"sum (increase({metric}{{{SELECT}}}[24h]))"


def total(metric: str, by: str = "") -> str:
    grouped = f"sum by ({by}) " if by else "sum "
    return f"{grouped}({metric}{{{SELECT}}})"


def most(metric: str, by: str) -> str:
    return f"max by ({by}) ({metric}{{{SELECT}}})"


def percentiles(histogram: str) -> list[tuple[str, str]]:
    return [
        query(f"histogram_quantile({share}, {rate(f'{histogram}_bucket', 'le')})", legend)
        for share, legend in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]


def stat(title: str, *queries: tuple[str, str], unit: str = "short", red: float | None = None,
         red_below: float | None = None) -> dict:  # fmt: skip
    steps = [{"color": "green", "value": None}]
    if red is not None:
        steps.append({"color": "red", "value": red})
    if red_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": red_below}]
    return {
        "title": title, "type": "stat", "queries": queries, "width": 6, "height": 4, "unit": unit,
        "steps": steps,
    }  # fmt: skip


def series(title: str, *queries: tuple[str, str], unit: str = "short") -> dict:
    return {
        "title": title, "type": "timeseries", "queries": queries, "width": 12, "height": 8,
        "unit": unit, "steps": [{"color": "green", "value": None}],
    }  # fmt: skip


OPERATIONS = [
    stat("Live mitigations", query(total("prefixd_mitigations_active"))),
    stat(
        "Sessions down",
        query(f"count(prefixd_bgp_session_up{{{SELECT}}} == 0) or vector(0)"),
        red=1,
    ),
    stat("Database", query(f"min(prefixd_db_up{{{SELECT}}})"), red_below=1),
    stat(
        "Age of the last successful reconcile",
        query(f"time() - max(prefixd_reconciliation_last_success_timestamp_seconds{{{SELECT}}})"),
        unit="s",
        red=120,
    ),
    series(
        "Live mitigations by action",
        query(total("prefixd_mitigations_active", "action_type, pop"), "{{action_type}} {{pop}}"),
    ),
    series(
        "Created and ended",
        query(rate("prefixd_mitigations_created_total"), "created"),
        query(rate("prefixd_mitigations_extended_total"), "extended"),
        query(rate("prefixd_mitigations_expired_total"), "expired"),
        query(rate("prefixd_mitigations_withdrawn_total", "reason"), "withdrawn: {{reason}}"),
        unit="ops",
    ),
    series("Event to rule", *percentiles("prefixd_event_to_announce_seconds"), unit="s"),
    series("Decision to rule", *percentiles("prefixd_announcements_latency_seconds"), unit="s"),
    series(
        "Quotas used",
        query(most("prefixd_quota_used_ratio", "quota"), "{{quota}}"),
        unit="percentunit",
    ),
    series("Delay of expiries", *percentiles("prefixd_expiry_lateness_seconds"), unit="s"),
    series(
        "Reconcile runs",
        query(rate("prefixd_reconciliation_runs_total", "status"), "{{status}}"),
        unit="ops",
    ),
    series("Drift repaired", query(rate("prefixd_drift_total", "kind"), "{{kind}}")),
    series(
        "Commits",
        query(rate("prefixd_db_commits_total", "status"), "{{status}}"),
        query(rate("prefixd_db_units_total", "status"), "units {{status}}"),
        unit="ops",
    ),
    series(
        "Queued",
        query(total("prefixd_worker_queue_depth"), "signals"),
        query(total("prefixd_db_queue_depth"), "units for the database"),
        query(total("prefixd_alerts_waiting"), "alerts"),
    ),
    series(
        "Requests",
        query(rate("prefixd_http_requests_total", "status_class"), "{{status_class}}"),
        query(rate("prefixd_http_rate_limited_total", "scope"), "limited: {{scope}}"),
        unit="reqps",
    ),
    series("Duration of requests", *percentiles("prefixd_http_request_duration_seconds"), unit="s"),
    series(
        "Requests in progress",
        query(total("prefixd_http_in_flight_requests", "route"), "{{route}}"),
    ),
    series(
        "Live feeds",
        query(total("prefixd_feed_clients", "transport"), "{{transport}}"),
        query(rate("prefixd_feed_resyncs_total"), "fell behind"),
    ),
    series(
        "Event loop delay",
        query(most("prefixd_loop_lag_seconds", "instance"), "{{instance}}"),
        unit="s",
    ),
    series(
        "Tasks restarted after an error",
        query(rate("prefixd_task_restarts_total", "task"), "{{task}}"),
    ),
]

SECURITY = [
    stat("Events, 24 h", query(rise("prefixd_events_ingested_total"))),
    stat("Refused by a guardrail, 24 h", query(rise("prefixd_guardrail_rejections_total"))),
    stat("Escalations, 24 h", query(rise("prefixd_escalations_total"))),
    stat("Failed logins, 24 h", query(rise("prefixd_login_failures_total")), red=50),
    series(
        "Events by source", query(rate("prefixd_events_ingested_total", "source"), "{{source}}")
    ),
    series(
        "Events by vector", query(rate("prefixd_events_ingested_total", "vector"), "{{vector}}")
    ),
    series(
        "Events by outcome",
        query(rate("prefixd_event_outcomes_total", "outcome"), "{{outcome}}"),
    ),
    series(
        "Events refused",
        query(rate("prefixd_events_rejected_total", "source, reason"), "{{source}} {{reason}}"),
    ),
    series(
        "Guardrail refusals by reason",
        query(rate("prefixd_guardrail_rejections_total", "reason"), "{{reason}}"),
    ),
    series(
        "Escalations",
        query(
            rate("prefixd_escalations_total", "from_action, to_action"),
            "{{from_action}} to {{to_action}}",
        ),
    ),
    series(
        "Age of a source's last signal",
        query(
            f"time() - max by (source) (prefixd_source_last_seen_timestamp_seconds{{{SELECT}}})",
            "{{source}}",
        ),
        unit="s",
    ),
    series(
        "Signal groups",
        query(rate("prefixd_signal_groups_total", "status"), "{{status}}"),
        query(total("prefixd_groups_live", "state"), "live: {{state}}"),
    ),
    series("Sources per group", *percentiles("prefixd_signal_group_sources")),
    series("Confidence", *percentiles("prefixd_correlation_confidence")),
    series(
        "Corroboration",
        query(rate("prefixd_corroboration_met_total", "vector"), "met: {{vector}}"),
        query(rate("prefixd_corroboration_timeout_total", "vector"), "not met: {{vector}}"),
    ),
    series(
        "Corroborating signals",
        query(rate("prefixd_corroborator_ingested_total", "source"), "{{source}}"),
        query(rate("prefixd_corroborator_attached_total", "source"), "{{source}} attached"),
        query(total("prefixd_corroborator_cache_size", "source"), "{{source}} waiting"),
    ),
    series(
        "Alerts sent",
        query(
            rate("prefixd_alerts_sent_total", "destination, status"), "{{destination}} {{status}}"
        ),
    ),
    series(
        "Configuration",
        query(rate("prefixd_config_reload_total", "status"), "reload: {{status}}"),
        query(rate("prefixd_db_row_parse_errors_total", "table"), "unreadable: {{table}}"),
    ),
]

BGP = [
    stat("Sessions up", query(total("prefixd_bgp_session_up"))),
    stat("Rules in the RIB", query(total("prefixd_rib_rules"))),
    stat(
        "Rules quarantined",
        query(f'sum (prefixd_bgp_peer_rules{{state="quarantined",{SELECT}}})'),
        red=1,
    ),
    stat(
        "Oldest pending change",
        query(f"max (prefixd_bgp_outbox_oldest_seconds{{{SELECT}}})"),
        unit="s",
        red=10,
    ),
    series("Sessions", query(most("prefixd_bgp_session_up", "peer"), "{{peer}}")),
    series(
        "Sessions up and down",
        query(rate("prefixd_bgp_session_changes_total", "peer, to"), "{{peer}} {{to}}"),
    ),
    series(
        "Rules by state and neighbor",
        query(total("prefixd_bgp_peer_rules", "peer, state"), "{{peer}} {{state}}"),
    ),
    series("Rules by family", query(total("prefixd_rib_rules", "family"), "{{family}}")),
    series(
        "Budget used",
        query(most("prefixd_bgp_budget_used_ratio", "peer"), "{{peer}}"),
        unit="percentunit",
    ),
    series(
        "Pending changes by neighbor",
        query(total("prefixd_bgp_outbox_depth", "peer"), "{{peer}}"),
    ),
    series("Revisions behind", query(most("prefixd_bgp_revision_lag", "peer"), "{{peer}}")),
    series(
        "Round trip of the route-refresh probe",
        query(most("prefixd_bgp_fence_seconds", "peer"), "{{peer}}"),
        unit="s",
    ),
    series(
        "Messages",
        query(
            rate("prefixd_bgp_messages_total", "peer, direction, type"),
            "{{peer}} {{direction}} {{type}}",
        ),
    ),
    series(
        "Announced and withdrawn",
        query(rate("prefixd_announcements_total", "status"), "{{status}}"),
    ),
]

DASHBOARDS = {
    "operations": ("prefixd operations", OPERATIONS),
    "security": ("prefixd security", SECURITY),
    "bgp": ("prefixd BGP", BGP),
}


def picker(name: str, text: str) -> dict:
    return {
        "name": name, "type": "query", "datasource": SOURCE, "query": text, "refresh": 2,
        "includeAll": True, "multi": True, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def placed(panels: list[dict]) -> list[dict]:
    made, x, y, row_height = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel["width"] > WIDTH or (x and panel["height"] != row_height):
            x, y = 0, y + row_height
        row_height = panel["height"]
        made.append({
            "id": number, "title": panel["title"], "type": panel["type"], "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": panel["width"], "h": row_height},
            "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0,
                "thresholds": {"mode": "absolute", "steps": panel["steps"]}}, "overrides": []},
            "targets": [
                {"refId": chr(65 + place), "expr": expression, "legendFormat": legend or "__auto"}
                for place, (expression, legend) in enumerate(panel["queries"])
            ],
        })  # fmt: skip
        x += panel["width"]
    return made


def dashboard(key: str, title: str, panels: list[dict]) -> dict:
    return {
        "uid": f"prefixd-{key}", "title": title, "tags": ["prefixd"], "schemaVersion": 39,
        "editable": True, "refresh": "30s", "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus"},
            picker("job", "label_values(prefixd_build_info, job)"),
            picker("instance", 'label_values(prefixd_build_info{job=~"$job"}, instance)'),
        ]},
        "annotations": {"list": []},
        "panels": placed(panels),
    }  # fmt: skip


def main() -> None:
    for key, (title, panels) in DASHBOARDS.items():
        text = json.dumps(dashboard(key, title, panels), indent=1)
        (HERE / f"{key}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
