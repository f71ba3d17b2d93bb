"""News into alerts: which facts are worth telling, how urgent they are, and in what words.

A table with one row for each kind of news; None is the row of what only the live feed shows. The
sentences are for somebody who was asleep a minute ago: the victim and the attack first, then what
is being done about it, then why.
"""

from typing import assert_never

from prefixd.domain import news
from prefixd.domain.actor import SYSTEM
from prefixd.domain.news import News
from prefixd.domain.rule import action_kind, format_action
from prefixd.notify.alert import Alert, AlertStatus, Subject
from prefixd.notify.draft import Drafts, Moment
from prefixd.notify.settings import AlertEvent, Severity
from prefixd.notify.wording import attack, hour, listed, subject_of, why

_OPENS_MITIGATION = (AlertEvent.MITIGATION_CREATED, AlertEvent.MITIGATION_ESCALATED)


class Composer(Drafts):
    """Makes alerts of news."""

    def compose(self, item: News) -> Alert | None:
        match item:
            case news.MitigationActivated(mitigation=value, text=text):
                return self._mitigation(item, AlertEvent.MITIGATION_CREATED, why(value, text))
            case news.MitigationExtended(mitigation=value):
                return self._mitigation(
                    item, AlertEvent.MITIGATION_EXTENDED, f"now until {hour(value.expires_at_us)}"
                )
            case news.MitigationEscalated(mitigation=value, old_rule=old, text=text):
                was = f"was {format_action(old.action)}"
                return self._mitigation(
                    item, AlertEvent.MITIGATION_ESCALATED, f"{was}; {why(value, text)}"
                )
            case news.MitigationWithdrawn(actor=actor, text=text):
                return self._mitigation(
                    item, AlertEvent.MITIGATION_WITHDRAWN, f"by {actor.name}: {text}"
                )
            case news.MitigationExpired():
                return self._mitigation(item, AlertEvent.MITIGATION_EXPIRED, "its time was over")
            case news.MitigationRejected(text=text):
                return self._mitigation(item, AlertEvent.MITIGATION_FAILED, text)
            case news.MitigationAcknowledged(actor=actor):
                return self._mitigation(
                    item, AlertEvent.MITIGATION_ACKNOWLEDGED, f"by {actor.name}"
                )
            case news.GuardrailRefused(victim=victim, vector=vector, text=text):
                subject = Subject(
                    victim=victim.victim_text(), vector=vector, customer_id=item.customer_id
                )
                return self.alert(
                    item, AlertEvent.GUARDRAIL_REJECTED, Severity.WARNING,
                    f"No rule for {attack(vector)} on {subject.victim}", text,
                    key=f"guardrail:{subject.victim}:{vector}", subject=subject, actor=item.actor,
                )  # fmt: skip
            case news.GroupHeld(group=group, text=text):
                subject = Subject(
                    victim=group.victim.victim_text(),
                    vector=group.vector,
                    customer_id=group.customer_id,
                    service_id=group.service_id,
                    group_id=group.group_id,
                    confidence=group.confidence,
                    sources=tuple(sorted({each.source for each in group.evidence})),
                )
                return self.alert(
                    item, AlertEvent.SIGNAL_HELD, Severity.WARNING,
                    f"Held: {attack(group.vector)} on {subject.victim}", text,
                    key=f"group:{group.group_id}", subject=subject,
                )  # fmt: skip
            case news.QuotaNear(quota=quota, current=current, limit=limit):
                full = current >= limit
                return self.alert(
                    item,
                    AlertEvent.QUOTA_EXHAUSTED if full else AlertEvent.QUOTA_NEAR_LIMIT,
                    Severity.CRITICAL if full else Severity.WARNING,
                    f"Quota {quota} is {'used up' if full else 'nearly used up'}",
                    f"{current} of {limit}",
                    key=f"quota:{self.pop}:{quota}",
                )
            case (
                news.SignalReceived()
                | news.CorroboratorReceived()
                | news.GroupOpened()
                | news.AgreementReached()
                | news.GroupClosed()
                | news.MitigationRevised()
                | news.SafelistAdded()
                | news.SafelistRemoved()
                | news.LoginFailed()
            ):
                return None
            case _:
                return self._system(item)

    def _system(self, item: "_SystemNews") -> Alert:  # noqa: C901  a table, one row a fact
        warning, info, critical = Severity.WARNING, Severity.INFO, Severity.CRITICAL
        match item:
            case news.PeerDown(peer=peer, address=address, reason=reason):
                return self.alert(
                    item, AlertEvent.BGP_PEER_DOWN, critical,
                    f"BGP session with {peer} is down", ": ".join(filter(None, (address, reason))),
                    key=self._peer(peer),
                )  # fmt: skip
            case news.PeerUp(peer=peer, address=address):
                return self.closing(
                    item, AlertEvent.BGP_PEER_UP, f"BGP session with {peer} is up", address,
                    key=self._peer(peer), opened_as=critical, opened_by=AlertEvent.BGP_PEER_DOWN,
                )  # fmt: skip
            case news.DriftRepaired(missing=missing, surplus=surplus, changed=changed):
                return self.notice(
                    item, AlertEvent.DRIFT_REPAIRED, warning,
                    "Rules on the wire differed from the store and were corrected",
                    f"{missing} missing, {surplus} too many, {changed} different",
                )  # fmt: skip
            case news.ConfigReloaded(version=version, actor=actor, changes=changes):
                return self.closing(
                    item, AlertEvent.CONFIG_RELOADED,
                    f"Configuration version {version} is in use",
                    f"by {actor.name}: {listed(changes) or 'nothing changed'}",
                    key=f"config:{self.pop}", opened_as=warning,
                    opened_by=AlertEvent.CONFIG_RELOAD_FAILED, actor=actor,
                )  # fmt: skip
            case news.ConfigRefused(actor=actor, problems=problems):
                return self.alert(
                    item, AlertEvent.CONFIG_RELOAD_FAILED, warning,
                    "New configuration refused, the old one stays", listed(problems),
                    key=f"config:{self.pop}", actor=actor,
                )  # fmt: skip
            case news.SourceSilent(source=source, last_seen_us=last_seen_us):
                return self.alert(
                    item, AlertEvent.SOURCE_SILENT, warning, f"Detector {source} is silent",
                    "not heard since prefixd started" if last_seen_us is None
                    else f"last heard at {hour(last_seen_us)}",
                    key=f"source:{self.pop}:{source}",
                )  # fmt: skip
            case news.SourceRecovered(source=source):
                return self.closing(
                    item, AlertEvent.SOURCE_RECOVERED, f"Detector {source} is back", "",
                    key=f"source:{self.pop}:{source}", opened_as=warning,
                    opened_by=AlertEvent.SOURCE_SILENT,
                )  # fmt: skip
            case news.OperatorChanged(actor=actor, target=target, change=change):
                return self.notice(
                    item, AlertEvent.USER_CHANGED, info, f"Account {target}: {change}",
                    f"by {actor.name}", actor=actor,
                )  # fmt: skip
            case news.StoreLost(text=text):
                return self.alert(
                    item, AlertEvent.DB_DOWN, critical, "The database is away",
                    f"rules stay, nothing new is accepted: {text}", key=f"database:{self.pop}",
                )  # fmt: skip
            case news.StoreRestored():
                return self.closing(
                    item, AlertEvent.DB_UP, "The database is back", "",
                    key=f"database:{self.pop}", opened_as=critical, opened_by=AlertEvent.DB_DOWN,
                )  # fmt: skip
            case news.ClockJumped(seconds=seconds):
                return self.notice(
                    item, AlertEvent.CLOCK_SKEW, warning, "The clock of this machine jumped",
                    f"by {seconds:+.1f} s",
                )  # fmt: skip
            case news.SystemStarted(version=version):
                return self.notice(
                    item, AlertEvent.SYSTEM_STARTED, info, "prefixd has started", version
                )
            case news.SystemStopping():
                return self.notice(item, AlertEvent.SYSTEM_STOPPING, info, "prefixd stops", "")
            case _:
                assert_never(item)

    def test(self, at_us: int) -> Alert:
        """A message that means nothing, opened under a key of its own."""
        new_id = self.new_id()
        return Alert(
            id=new_id,
            event=AlertEvent.TEST,
            severity=Severity.INFO,
            status=AlertStatus.FIRING,
            dedup_key=f"test:{new_id}",
            at_us=at_us,
            pop=self.pop,
            title="Test message from prefixd",
            summary="If you can read this, alerts arrive here. Nothing is wrong.",
            opened_as=Severity.INFO,
        )

    def destination(self, destination: str, at_us: int, *, failing: bool, text: str) -> Alert:
        """For the other destinations: this one does not answer, or answers again."""
        moment = Moment(at_us)
        key = f"destination:{self.pop}:{destination}"
        if failing:
            return self.alert(
                moment, AlertEvent.DESTINATION_FAILING, Severity.WARNING,
                f"Alerts no longer reach {destination}", text, key=key,
            )  # fmt: skip
        return self.closing(
            moment, AlertEvent.DESTINATION_RECOVERED, f"Alerts reach {destination} again", text,
            key=key, opened_as=Severity.WARNING, opened_by=AlertEvent.DESTINATION_FAILING,
        )  # fmt: skip

    # inside

    def _mitigation(self, item: "_AboutMitigation", event: AlertEvent, summary: str) -> Alert:
        value = item.mitigation
        actor = getattr(item, "actor", SYSTEM)
        severity, status = _WEIGHT[event]
        ends = status in {AlertStatus.RESOLVED, AlertStatus.ACKNOWLEDGED}
        raised = value.escalated_at_us is not None
        opened_as = Severity.CRITICAL if raised else Severity.WARNING
        what = f"{attack(value.vector)} on {value.victim.victim_text()}"
        kind = action_kind(value.rule.action)
        done = format_action(value.rule.action)
        ending = _ENDING.get(event)
        dry = "[dry run] " if value.dry_run else ""
        return Alert(
            id=self.new_id(),
            event=event,
            severity=severity,
            status=status,
            dedup_key=value.mitigation_id,
            at_us=item.at_us,
            pop=value.pop,
            title=f"{dry}{what}: {done if ending is None else f'{kind} {ending}'}",
            summary=summary,
            opened_as=opened_as if ends else severity,
            opened_by=_OPENS_MITIGATION if ends else (),
            subject=subject_of(value),
            actor_kind=actor.kind,
            actor=actor.name,
            plain_message=f"{kind} mitigation for {value.victim.victim_text()} "
            f"({value.vector}) in {value.pop}",
        )

    def _peer(self, peer: str) -> str:
        return f"peer:{self.pop}:{peer}"


_AboutMitigation = (
    news.MitigationActivated
    | news.MitigationExtended
    | news.MitigationEscalated
    | news.MitigationWithdrawn
    | news.MitigationExpired
    | news.MitigationRejected
    | news.MitigationAcknowledged
)
_SystemNews = (
    news.PeerUp
    | news.PeerDown
    | news.DriftRepaired
    | news.ConfigReloaded
    | news.ConfigRefused
    | news.SourceSilent
    | news.SourceRecovered
    | news.OperatorChanged
    | news.StoreLost
    | news.StoreRestored
    | news.ClockJumped
    | news.SystemStarted
    | news.SystemStopping
)
_WEIGHT = {
    AlertEvent.MITIGATION_CREATED: (Severity.WARNING, AlertStatus.FIRING),
    AlertEvent.MITIGATION_EXTENDED: (Severity.INFO, AlertStatus.FIRING),
    AlertEvent.MITIGATION_ESCALATED: (Severity.CRITICAL, AlertStatus.FIRING),
    AlertEvent.MITIGATION_FAILED: (Severity.CRITICAL, AlertStatus.FIRING),
    AlertEvent.MITIGATION_WITHDRAWN: (Severity.INFO, AlertStatus.RESOLVED),
    AlertEvent.MITIGATION_EXPIRED: (Severity.INFO, AlertStatus.RESOLVED),
    AlertEvent.MITIGATION_ACKNOWLEDGED: (Severity.INFO, AlertStatus.ACKNOWLEDGED),
}
_ENDING = {
    AlertEvent.MITIGATION_EXTENDED: "extended",
    AlertEvent.MITIGATION_FAILED: "could not be announced",
    AlertEvent.MITIGATION_WITHDRAWN: "withdrawn",
    AlertEvent.MITIGATION_EXPIRED: "expired",
    AlertEvent.MITIGATION_ACKNOWLEDGED: "acknowledged",
}
