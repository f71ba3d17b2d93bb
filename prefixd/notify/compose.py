"""News into alerts: which facts become alerts, how urgent they are, and in what words.

A table with one row for each kind of news; None is the row of what only the live feed shows. The
sentences are for a person who was asleep a minute ago: the victim and the attack first, then the
action, then the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from prefixd.clock import from_us
from prefixd.domain import news
from prefixd.domain.actor import SYSTEM, Actor
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News
from prefixd.domain.rule import Police, action_kind, format_action, format_match
from prefixd.notify.alert import Alert, AlertStatus, Subject
from prefixd.notify.settings import AlertEvent, Severity

MAX_LISTED = 10
_ACRONYMS = frozenset(
    {"udp", "tcp", "syn", "ack", "rst", "icmp", "dns", "ntp", "cldap", "ssdp", "snmp", "gre"}
)
_OPENS_MITIGATION = (AlertEvent.MITIGATION_CREATED, AlertEvent.MITIGATION_ESCALATED)


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes alerts of news, for one site."""

    pop: str
    new_id: Callable[[], str]

    def compose(self, item: News) -> Alert | None:
        match item:
            case news.MitigationActivated(mitigation=value, text=text, actor=actor):
                return self._mitigation(
                    item.at_us, AlertEvent.MITIGATION_CREATED, value, why(value, text), actor
                )
            case news.MitigationExtended(mitigation=value, actor=actor):
                until = f"now until {hour(value.expires_at_us)}"
                return self._mitigation(
                    item.at_us, AlertEvent.MITIGATION_EXTENDED, value, until, actor
                )
            case news.MitigationEscalated(mitigation=value, old_rule=old, text=text, actor=actor):
                reason = f"was {format_action(old.action)}; {why(value, text)}"
                return self._mitigation(
                    item.at_us, AlertEvent.MITIGATION_ESCALATED, value, reason, actor
                )
            case news.MitigationWithdrawn(mitigation=value, actor=actor, text=text):
                reason = f"by {actor.name}: {text}"
                return self._mitigation(
                    item.at_us, AlertEvent.MITIGATION_WITHDRAWN, value, reason, actor
                )
            case news.MitigationExpired(mitigation=value):
                return self._mitigation(
                    item.at_us, AlertEvent.MITIGATION_EXPIRED, value, "its lifetime ended"
                )
            case news.MitigationInexpressible(mitigation=value, text=text):
                return self._mitigation(item.at_us, AlertEvent.MITIGATION_FAILED, value, text)
            case news.MitigationAcknowledged(mitigation=value, actor=actor):
                by = f"by {actor.name}"
                return self._mitigation(
                    item.at_us, AlertEvent.MITIGATION_ACKNOWLEDGED, value, by, actor
                )
            case news.GuardrailRefused(victim=victim, vector=vector, text=text):
                subject = Subject(
                    victim=victim.victim_text(), vector=vector, customer_id=item.customer_id
                )
                return self._alert(
                    item.at_us, AlertEvent.GUARDRAIL_REJECTED, Severity.WARNING,
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
                return self._alert(
                    item.at_us, AlertEvent.SIGNAL_HELD, Severity.WARNING,
                    f"Held: {attack(group.vector)} on {subject.victim}", text,
                    key=f"group:{group.group_id}", subject=subject,
                )  # fmt: skip
            case news.QuotaNear(quota=quota, current=current, limit=limit):
                full = current >= limit
                return self._alert(
                    item.at_us,
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
                return self._alert(
                    item.at_us, AlertEvent.BGP_PEER_DOWN, critical,
                    f"BGP session with {peer} is down", ": ".join(filter(None, (address, reason))),
                    key=self._peer(peer),
                )  # fmt: skip
            case news.PeerUp(peer=peer, address=address):
                return self._alert(
                    item.at_us, AlertEvent.BGP_PEER_UP, info,
                    f"BGP session with {peer} is up", address,
                    key=self._peer(peer), closes=(AlertEvent.BGP_PEER_DOWN, critical),
                )  # fmt: skip
            case news.DriftRepaired(missing=missing, surplus=surplus, changed=changed):
                return self._alert(
                    item.at_us, AlertEvent.DRIFT_REPAIRED, warning,
                    "Announced rules differed from the stored ones and were corrected",
                    f"{missing} missing, {surplus} surplus, {changed} different",
                )  # fmt: skip
            case news.ConfigReloaded(version=version, actor=actor, changes=changes):
                return self._alert(
                    item.at_us, AlertEvent.CONFIG_RELOADED, info,
                    f"Configuration version {version} is in use",
                    f"by {actor.name}: {listed(changes) or 'nothing changed'}",
                    key=f"config:{self.pop}", closes=(AlertEvent.CONFIG_RELOAD_FAILED, warning),
                    actor=actor,
                )  # fmt: skip
            case news.ConfigRefused(actor=actor, problems=problems):
                return self._alert(
                    item.at_us, AlertEvent.CONFIG_RELOAD_FAILED, warning,
                    "New configuration refused, the old one stays in use", listed(problems),
                    key=f"config:{self.pop}", actor=actor,
                )  # fmt: skip
            case news.SourceSilent(source=source, last_seen_us=last_seen_us):
                return self._alert(
                    item.at_us, AlertEvent.SOURCE_SILENT, warning, f"Detector {source} is silent",
                    "no report received since prefixd started" if last_seen_us is None
                    else f"last report received at {hour(last_seen_us)}",
                    key=f"source:{self.pop}:{source}",
                )  # fmt: skip
            case news.SourceRecovered(source=source):
                return self._alert(
                    item.at_us, AlertEvent.SOURCE_RECOVERED, info,
                    f"Detector {source} reports again", "",
                    key=f"source:{self.pop}:{source}", closes=(AlertEvent.SOURCE_SILENT, warning),
                )  # fmt: skip
            case news.OperatorChanged(actor=actor, target=target, change=change):
                return self._alert(
                    item.at_us, AlertEvent.USER_CHANGED, info, f"Account {target}: {change}",
                    f"by {actor.name}", actor=actor,
                )  # fmt: skip
            case news.StoreLost(text=text):
                return self._alert(
                    item.at_us, AlertEvent.DB_DOWN, critical, "Database unreachable",
                    f"rules stay announced, new events are refused: {text}",
                    key=f"database:{self.pop}",
                )  # fmt: skip
            case news.StoreRestored():
                return self._alert(
                    item.at_us, AlertEvent.DB_UP, info, "Database reachable again", "",
                    key=f"database:{self.pop}", closes=(AlertEvent.DB_DOWN, critical),
                )  # fmt: skip
            case news.ClockJumped(seconds=seconds):
                return self._alert(
                    item.at_us, AlertEvent.CLOCK_SKEW, warning, "System clock jumped",
                    f"by {seconds:+.1f} s",
                )  # fmt: skip
            case news.SystemStarted(version=version):
                return self._alert(
                    item.at_us, AlertEvent.SYSTEM_STARTED, info, "prefixd started", version
                )
            case news.SystemStopping():
                return self._alert(
                    item.at_us, AlertEvent.SYSTEM_STOPPING, info, "prefixd is stopping", ""
                )
            case _:
                assert_never(item)

    def test(self, at_us: int) -> Alert:
        """A message that means nothing, opened under a key of its own."""
        return self._alert(
            at_us, AlertEvent.TEST, Severity.INFO, "Test message from prefixd",
            "Alerts reach this destination. Nothing is wrong.", key=f"test:{self.new_id()}",
        )  # fmt: skip

    def destination(self, destination: str, at_us: int, *, failing: bool, text: str) -> Alert:
        """For the other destinations: this one does not answer, or answers again."""
        key = f"destination:{self.pop}:{destination}"
        if failing:
            return self._alert(
                at_us, AlertEvent.DESTINATION_FAILING, Severity.WARNING,
                f"Alerts no longer reach {destination}", text, key=key,
            )  # fmt: skip
        return self._alert(
            at_us, AlertEvent.DESTINATION_RECOVERED, Severity.INFO,
            f"Alerts reach {destination} again", text,
            key=key, closes=(AlertEvent.DESTINATION_FAILING, Severity.WARNING),
        )  # fmt: skip

    def _alert(
        self, at_us: int, event: AlertEvent, severity: Severity, title: str, summary: str, *,
        key: str | None = None, closes: tuple[AlertEvent, Severity] | None = None,
        subject: Subject | None = None, actor: Actor = SYSTEM,
    ) -> Alert:  # fmt: skip
        """With a key it opens something; with `closes` (what opened it, how severe it was) it ends
        it; with neither it is a notice."""
        status, new_id = AlertStatus.FIRING, self.new_id()
        if closes is not None:
            status = AlertStatus.RESOLVED
        elif key is None:
            status = AlertStatus.NOTICE
        return Alert(
            id=new_id,
            event=event,
            severity=severity,
            status=status,
            dedup_key=key or f"notice:{new_id}",
            at_us=at_us,
            pop=self.pop,
            title=title,
            summary=summary,
            opened_as=severity if closes is None else closes[1],
            opened_by=() if closes is None else closes[:1],
            subject=subject,
            actor_kind=actor.kind,
            actor=actor.name,
        )

    def _mitigation(
        self, at_us: int, event: AlertEvent, value: Mitigation, summary: str, actor: Actor = SYSTEM
    ) -> Alert:
        severity, status = _WEIGHT[event]
        ends = status in {AlertStatus.RESOLVED, AlertStatus.ACKNOWLEDGED}
        raised = value.escalated_at_us is not None
        victim, kind = value.victim.victim_text(), action_kind(value.rule.action)
        ending = _ENDING.get(event)
        done = format_action(value.rule.action) if ending is None else f"{kind} {ending}"
        dry = "[dry run] " if value.dry_run else ""
        opened_as = Severity.CRITICAL if raised else Severity.WARNING
        return Alert(
            id=self.new_id(),
            event=event,
            severity=severity,
            status=status,
            dedup_key=value.mitigation_id,
            at_us=at_us,
            pop=value.pop,
            title=f"{dry}{attack(value.vector)} on {victim}: {done}",
            summary=summary,
            opened_as=opened_as if ends else severity,
            opened_by=_OPENS_MITIGATION if ends else (),
            subject=subject_of(value),
            actor_kind=actor.kind,
            actor=actor.name,
            plain_message=f"{kind} mitigation for {victim} ({value.vector}) in {value.pop}",
        )

    def _peer(self, peer: str) -> str:
        return f"peer:{self.pop}:{peer}"


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


def listed(items: tuple[str, ...]) -> str:
    shown = "; ".join(items[:MAX_LISTED])
    rest = len(items) - MAX_LISTED
    return f"{shown}; and {rest} more" if rest > 0 else shown


def subject_of(value: Mitigation) -> Subject:
    action = value.rule.action
    return Subject(
        victim=value.victim.victim_text(),
        vector=value.vector,
        customer_id=value.customer_id,
        service_id=value.service_id,
        mitigation_id=value.mitigation_id,
        group_id=value.group_id,
        action=action_kind(action),
        rate_bps=action.rate_bps if isinstance(action, Police) else None,
        match=format_match(value.rule.match),
        expires_at_us=value.expires_at_us,
        playbook=value.playbook,
        confidence=value.confidence,
        sources=value.sources,
        dry_run=value.dry_run,
    )


def why(value: Mitigation, text: str) -> str:
    parts = [text]
    if value.sources:
        parts.append(f"reported by {', '.join(value.sources)}")
    if value.confidence is not None:
        parts.append(f"confidence {value.confidence:.2f}")
    parts.append(f"until {hour(value.expires_at_us)}")
    return ", ".join(part for part in parts if part)


def attack(vector: str) -> str:
    """`udp_flood` as "UDP flood"."""
    first, *rest = vector.split("_")
    words = [first.upper() if first in _ACRONYMS else first.capitalize()]
    words += [word.upper() if word in _ACRONYMS else word for word in rest]
    return " ".join(words)


def hour(at_us: int) -> str:
    return from_us(at_us).strftime("%H:%M:%S UTC")
