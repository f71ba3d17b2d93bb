"""An alert as JSON for machines: the two records that generic destinations receive.

Version 1 is the flat record of the earlier daemon, member for member: receivers written for it
keep working. Version 2 says `schema` first, so that a receiver knows which it holds. Members that
are not known are left out of version 1 and of the inner objects of version 2.
"""

from dataclasses import dataclass

from prefixd.notify.alert import Alert, Subject, format_instant

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

SCHEMA = "alert/2"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every message of this installation carries."""

    public_url: str | None = None
    environment: str = ""

    def link(self, alert: Alert) -> str | None:
        if self.public_url is None:
            return None
        root = self.public_url.rstrip("/")
        subject = alert.subject
        if subject is None or subject.mitigation_id is None:
            return f"{root}/"
        return f"{root}/mitigations/{subject.mitigation_id}"

    def signature(self, alert: Alert) -> str:
        """The small line below a message: who says so, from where, when."""
        place = f"prefixd {self.environment}".rstrip()
        return f"{place} | {alert.pop} | {format_instant(alert.at_us)}"


def record_v1(alert: Alert) -> dict[str, Json]:
    subject = alert.subject
    record: dict[str, Json] = {
        "event_type": alert.event.value,
        "severity": alert.severity.value,
        "title": alert.heading,
        "message": alert.plain_message or f"{alert.title}: {alert.summary}".rstrip(": "),
        "source": "prefixd",
        "timestamp": format_instant(alert.at_us),
    }
    if subject is not None:
        record |= _known(
            mitigation_id=subject.mitigation_id,
            victim_ip=subject.victim,
            customer_id=subject.customer_id,
            vector=subject.vector,
            action_type=subject.action,
        )
    record["pop"] = alert.pop
    return record


def record_v2(alert: Alert, letterhead: Letterhead) -> dict[str, Json]:
    subject = alert.subject
    record: dict[str, Json] = {
        "schema": SCHEMA,
        "id": alert.id,
        "event": alert.event.value,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "dedup_key": alert.dedup_key,
        "occurred_at": format_instant(alert.at_us),
        "title": alert.title,
        "summary": alert.summary,
    }
    link = letterhead.link(alert)
    if link is not None:
        record["links"] = {"dashboard": link}
    if subject is not None:
        if subject.mitigation_id is not None:
            record["mitigation"] = _mitigation(subject)
        record["target"] = _known(
            ip=subject.victim,
            vector=subject.vector,
            customer_id=subject.customer_id,
            service=subject.service_id,
            pop=alert.pop,
        )
        record["decision"] = _known(
            confidence=subject.confidence,
            sources=list(subject.sources),
            playbook=subject.playbook,
            group_id=subject.group_id,
        )
    record["pop"] = alert.pop
    record["actor"] = {"type": alert.actor_kind, "name": alert.actor}
    record["environment"] = letterhead.environment
    record["dry_run"] = subject is not None and subject.dry_run
    return record


def facts(alert: Alert) -> list[tuple[str, str]]:
    """Label and value, for messages to people; only what is known."""
    found = [("Severity", alert.severity.value), ("Event", alert.event.value)]
    subject = alert.subject
    if subject is not None:
        rows = (
            ("Victim IP", subject.victim),
            ("Vector", subject.vector),
            ("Action", subject.action),
            ("Match", subject.match),
            ("Customer", subject.customer_id),
            ("Service", subject.service_id),
        )
        found += [(label, value) for label, value in rows if value is not None]
    found.append(("POP", alert.pop))
    if subject is not None and subject.mitigation_id is not None:
        found.append(("Mitigation ID", subject.mitigation_id))
    return found


CODE_LABELS = frozenset({"Victim IP", "Match", "Mitigation ID"})
"""Facts people copy; shown in a fixed-width face where there is one."""


def details(alert: Alert) -> dict[str, Json]:
    """Flat text members, for the providers that keep such a table; the earlier daemon's names."""
    subject = alert.subject
    own: dict[str, Json] = {"event_type": alert.event.value, "pop": alert.pop}
    if subject is None:
        return own
    return own | _known(
        victim_ip=subject.victim,
        vector=subject.vector,
        customer_id=subject.customer_id,
        service_id=subject.service_id,
        action_type=subject.action,
        match=subject.match,
        mitigation_id=subject.mitigation_id,
        sources=", ".join(subject.sources) or None,
        confidence=None if subject.confidence is None else f"{subject.confidence:.2f}",
    )


def _mitigation(subject: Subject) -> dict[str, Json]:
    expires = subject.expires_at_us
    return _known(
        id=subject.mitigation_id,
        action=subject.action,
        rate_bps=subject.rate_bps,
        expires_at=None if expires is None else format_instant(expires),
        match=subject.match,
    )


def _known(**members: Json) -> dict[str, Json]:
    return {name: value for name, value in members.items() if value is not None}
