"""Every metric that counts a news item, in one table.

News is counted when it is published. Two kinds of metrics are elsewhere: values looked up at each
scrape (`readings.py`), and what is no news: HTTP requests, failed logins and clients of the live
feed (`api`), alert deliveries (`notify`).

Series whose labels are known in advance start at zero, because `increase()` in Prometheus does not
see an increase from nothing.
"""

from collections.abc import Iterable
from itertools import product
from typing import Final, assert_never

from prefixd.clock import Clock, SystemClock
from prefixd.domain import news
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News
from prefixd.domain.record import Outcome
from prefixd.domain.rule import ActionKind, Rule, action_kind
from prefixd.domain.vector import Vector
from prefixd.guardrails.checks import CHECKS
from prefixd.observability.metrics import Metrics

REJECTED: Final = ("duplicate", "error")
"""Outcomes of an event that nothing was decided about."""


class NewsCounter:
    def __init__(
        self, metrics: Metrics, pop: str, sources: Iterable[str] = (), clock: Clock | None = None
    ) -> None:
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._start_at_zero(pop, sources)

    def _start_at_zero(self, pop: str, sources: Iterable[str]) -> None:
        m, kinds, vectors = self._metrics, list(ActionKind), list(Vector)
        codes = [code for guardrail in CHECKS for code in guardrail.codes]
        m.event_outcomes.start_at_zero(*_each(Outcome))
        m.events_rejected.start_at_zero(*product(sources, REJECTED))
        for family in (m.mitigations_created, m.mitigations_extended, m.mitigations_expired):
            family.start_at_zero(*product(kinds, (pop,)))
        m.mitigations_withdrawn.start_at_zero(*product(kinds, (pop,), news.WithdrawReason))
        m.escalations.start_at_zero(*product(kinds, kinds, (pop,)))
        m.guardrail_rejections.start_at_zero(*_each(codes))
        m.signal_groups.start_at_zero(*product(("open", "closed"), vectors))
        m.corroboration_met.start_at_zero(*_each(vectors))
        m.corroboration_timeout.start_at_zero(*_each(vectors))
        m.announcements.start_at_zero(*_each(("announced", "withdrawn")))
        m.drift.start_at_zero(*_each(("missing", "surplus", "changed")))
        m.config_reload.start_at_zero(*_each(("success", "error")))

    def count(self, item: News) -> None:  # noqa: C901  a table, one row a fact
        m = self._metrics
        match item:
            case news.SignalReceived(signal=signal, outcome=outcome, at_us=at_us):
                m.events_ingested.labels(signal.source, signal.vector).inc()
                m.event_outcomes.labels(outcome).inc()
                m.source_last_seen.labels(signal.source).set(at_us / 1_000_000)
                if outcome == Outcome.MITIGATED:
                    m.event_to_announce.observe(self._since(signal.received_at_us))
                if outcome in REJECTED:
                    m.events_rejected.labels(signal.source, outcome).inc()
            case news.CorroboratorReceived(signal=corroboration, attached=attached):
                m.corroborator_ingested.labels(corroboration.source).inc()
                m.corroborator_attached.labels(corroboration.source).inc(attached)
            case news.GroupOpened(group=group):
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
            case news.MitigationActivated(mitigation=value, at_us=at_us):
                m.mitigations_created.labels(*_kind_and_pop(value)).inc()
                m.announcement_latency.observe(self._since(at_us))
                m.announcements.labels("announced").inc(0 if value.dry_run else 1)
            case news.MitigationExtended(mitigation=value):
                m.mitigations_extended.labels(*_kind_and_pop(value)).inc()
            case news.MitigationEscalated(mitigation=value, old_rule=old):
                m.escalations.labels(_word(old), _word(value.rule), value.pop).inc()
            case news.MitigationWithdrawn(mitigation=value, reason=reason):
                m.mitigations_withdrawn.labels(*_kind_and_pop(value), reason).inc()
                self._ended(value)
            case news.MitigationExpired(mitigation=value, at_us=at_us):
                m.mitigations_expired.labels(*_kind_and_pop(value)).inc()
                lateness_s = max(0, at_us - value.expires_at_us) / 1_000_000
                m.expiry_lateness.observe(lateness_s)
                self._ended(value)
            case (
                news.MitigationInexpressible()
                | news.MitigationAcknowledged()
                | news.MitigationRevised()
                | news.QuotaNear()
            ):
                pass
            case news.GuardrailRefused(codes=codes):
                for code in codes:
                    m.guardrail_rejections.labels(code).inc()
            case news.PeerUp(peer=peer):
                m.session_changes.labels(peer, "up").inc()
            case news.PeerDown(peer=peer):
                m.session_changes.labels(peer, "down").inc()
            case news.DriftRepaired(missing=missing, surplus=surplus, changed=changed):
                m.drift.labels("missing").inc(missing)
                m.drift.labels("surplus").inc(surplus)
                m.drift.labels("changed").inc(changed)
            case news.SourceSilent(source=source):
                m.source_silent.labels(source).set(1)
            case news.SourceRecovered(source=source):
                m.source_silent.labels(source).set(0)
            case news.ConfigReloaded():
                m.config_reload.labels("success").inc()
            case news.ConfigRefused():
                m.config_reload.labels("error").inc()
            case (
                news.StoreLost()
                | news.StoreRestored()
                | news.SystemStarted()
                | news.SafelistAdded()
                | news.SafelistRemoved()
                | news.LoginFailed()  # counted where it is answered
                | news.OperatorChanged()
                | news.ClockJumped()
                | news.SystemStopping()
            ):
                pass
            case _:
                assert_never(item)

    def _since(self, at_us: int) -> float:
        return max(0, self._clock.now_us() - at_us) / 1_000_000

    def _ended(self, value: Mitigation) -> None:
        if not value.dry_run:
            self._metrics.announcements.labels("withdrawn").inc()


def _each(words: Iterable[str]) -> Iterable[tuple[str, ...]]:
    """Label sets of a family with one label."""
    return ((word,) for word in words)


def _kind_and_pop(value: Mitigation) -> tuple[str, str]:
    return _word(value.rule), value.pop


def _word(rule: Rule) -> str:
    return action_kind(rule.action)
