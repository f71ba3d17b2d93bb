"""News and readings turned into metrics, in one place, so that nothing else counts.

News is counted as it is published. What is a reading rather than an event (queue depths, sessions,
the age of an outbox) is taken just before the metrics are rendered, at most once a second.
"""

from collections.abc import Iterable
from typing import assert_never

from prefixd.domain import news
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News
from prefixd.domain.rule import Rule, action_kind
from prefixd.observability.metrics import Metrics


class NewsCounter:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def count(self, item: News) -> None:  # noqa: C901  a table, one row a fact
        m = self._metrics
        match item:
            case news.SignalReceived(signal=signal, outcome=outcome, at_us=at_us):
                m.events_ingested.labels(signal.source, signal.vector).inc()
                m.event_outcomes.labels(outcome).inc()
                m.source_last_seen.labels(signal.source).set(at_us / 1_000_000)
                if outcome in {"duplicate", "error"}:
                    m.events_rejected.labels(signal.source, outcome).inc()
            case news.CorroboratorReceived(signal=corroboration, attached=attached):
                m.corroborator_ingested.labels(corroboration.source).inc()
                m.corroborator_attached.labels(corroboration.source).inc(attached)
            case news.GroupOpened(group=group) | news.GroupChanged(group=group):
                if isinstance(item, news.GroupOpened):
                    m.signal_groups.labels("open", group.vector).inc()
                m.confidence.labels(group.vector).observe(group.confidence)
            case news.AgreementReached(group=group):
                m.corroboration_met.labels(group.vector).inc()
                m.group_sources.labels(group.vector).observe(group.source_count)
            case news.GroupHeld():
                pass
            case news.GroupClosed(group=group):
                m.signal_groups.labels("closed", group.vector).inc()
                if not group.met:
                    m.corroboration_timeout.labels(group.vector).inc()
                    m.group_sources.labels(group.vector).observe(group.source_count)
            case news.MitigationActivated(mitigation=value):
                m.mitigations_created.labels(*_kind_and_pop(value)).inc()
                m.mitigations_active.labels(*_kind_and_pop(value)).inc()
                m.announcements.labels("announced").inc(0 if value.dry_run else 1)
            case news.MitigationExtended(mitigation=value):
                m.mitigations_extended.labels(*_kind_and_pop(value)).inc()
            case news.MitigationEscalated(mitigation=value, old_rule=old):
                now, before = _word(value.rule), _word(old)
                m.escalations.labels(before, now, value.pop).inc()
                self._moved(before, now, value.pop)
            case news.MitigationRevised(mitigation=value, old_rule=old):
                self._moved(_word(old), _word(value.rule), value.pop)
            case news.MitigationWithdrawn(mitigation=value, reason=reason):
                m.mitigations_withdrawn.labels(*_kind_and_pop(value), reason).inc()
                self._ended(value)
            case news.MitigationExpired(mitigation=value, at_us=at_us):
                m.mitigations_expired.labels(*_kind_and_pop(value)).inc()
                lateness_s = max(0, at_us - value.expires_at_us) / 1_000_000
                m.expiry_lateness.labels().observe(lateness_s)
                self._ended(value)
            case news.MitigationRejected() | news.MitigationAcknowledged():
                pass
            case news.GuardrailRefused(codes=codes):
                for code in codes:
                    m.guardrail_rejections.labels(code).inc()
            case news.QuotaNear(quota=quota, current=current, limit=limit):
                m.quota_used.labels(quota).set(current / limit if limit else 0)
            case news.PeerUp(peer=peer):
                m.session_up.labels(peer).set(1)
                m.session_changes.labels(peer, "up").inc()
            case news.PeerDown(peer=peer):
                m.session_up.labels(peer).set(0)
                m.session_changes.labels(peer, "down").inc()
            case news.DriftRepaired(missing=missing, surplus=surplus, changed=changed):
                m.drift.labels("missing").inc(missing)
                m.drift.labels("surplus").inc(surplus)
                m.drift.labels("changed").inc(changed)
            case news.ConfigReloaded(at_us=at_us):
                m.config_reload.labels("success").inc()
                m.config_loaded.labels().set(at_us / 1_000_000)
            case news.ConfigRefused():
                m.config_reload.labels("error").inc()
            case news.LoginFailed(throttled=throttled):
                m.login_failures.labels("throttled" if throttled else "wrong").inc()
            case news.StoreLost():
                m.store_up.labels().set(0)
            case news.StoreRestored() | news.SystemStarted():
                m.store_up.labels().set(1)
            case (
                news.IncidentOpened()
                | news.IncidentUpdated()
                | news.IncidentClosed()
                | news.SafelistAdded()
                | news.SafelistRemoved()
                | news.SourceSilent()
                | news.SourceRecovered()
                | news.OperatorChanged()
                | news.ClockJumped()
                | news.SystemStopping()
            ):
                pass
            case _:
                assert_never(item)

    def seed(self, live: Iterable[Mitigation]) -> None:
        """What was live before anything was news: the gauge starts from the store."""
        for value in live:
            self._metrics.mitigations_active.labels(*_kind_and_pop(value)).inc()

    def _ended(self, value: Mitigation) -> None:
        self._metrics.mitigations_active.labels(*_kind_and_pop(value)).dec()
        if not value.dry_run:
            self._metrics.announcements.labels("withdrawn").inc()

    def _moved(self, before: str, now: str, pop: str) -> None:
        if before != now:
            self._metrics.mitigations_active.labels(before, pop).dec()
            self._metrics.mitigations_active.labels(now, pop).inc()


def _kind_and_pop(value: Mitigation) -> tuple[str, str]:
    return _word(value.rule), value.pop


def _word(rule: Rule) -> str:
    return action_kind(rule.action)
