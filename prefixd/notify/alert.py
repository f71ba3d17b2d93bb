"""One alert: something that happened, worded once for all destinations.

An alert is complete: it waits in a queue, survives a restart as JSON, and is rendered for a
destination without asking the engine again. It knows nothing of Slack or HTTP.

    firing         opens an incident, or adds to the open one of the same `dedup_key`
    acknowledged   an operator works on it
    resolved       closes it; `opened_as` is how severe the opening was, so that a destination
                   which only gets what is critical also gets the end of it
    notice         has no end; it is for reading and pages no one

A `dedup_key` of a mitigation is its id, as the earlier daemon had it: incidents opened before an
upgrade are closed after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from prefixd.clock import from_us
from prefixd.notify.settings import SEVERITY_ORDER, AlertEvent, Severity

MAX_LINES = 10


class AlertStatus(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The mitigation, or the attack, that an alert is about; what is not known is None."""

    victim: str
    vector: str
    customer_id: str | None = None
    service_id: str | None = None
    mitigation_id: str | None = None
    group_id: str | None = None
    action: str | None = None
    rate_bps: int | None = None
    match: str | None = None
    expires_at_us: int | None = None
    playbook: str | None = None
    confidence: float | None = None
    sources: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    id: str
    event: AlertEvent
    severity: Severity
    status: AlertStatus
    dedup_key: str
    at_us: int
    pop: str
    title: str
    summary: str
    opened_as: Severity
    """Of the opening; the same as `severity` unless this is a resolve."""
    opened_by: tuple[AlertEvent, ...] = ()
    """The events that open what this one closes or acknowledges."""
    subject: Subject | None = None
    actor_kind: str = "system"
    actor: str = "system"
    plain_message: str | None = None
    """The sentence of the flat record, where the earlier daemon had one."""

    def with_status(self, status: AlertStatus) -> "Alert":
        return replace(self, status=status)

    @property
    def heading(self) -> str:
        """`mitigation.created` as "Mitigation Created"."""
        return " ".join(word.capitalize() for word in self.event.replace("_", " ").split("."))

    @property
    def headline(self) -> str:
        """Title and summary in one line."""
        return f"{self.title}: {self.summary}".rstrip(": ")

    @property
    def group_key(self) -> str:
        """Alerts that may be read as one: those of one victim."""
        return self.dedup_key if self.subject is None else f"victim:{self.subject.victim}"


def format_instant(at_us: int) -> str:
    """RFC 3339 with milliseconds, UTC."""
    return from_us(at_us).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode_alert(alert: Alert) -> str:
    """For a row that outlives this process."""
    return msgspec.json.encode(alert).decode()


_decoder = msgspec.json.Decoder(Alert)


def decode_alert(text: str) -> Alert | None:
    """None: written by a release with another format."""
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError:
        return None


def merged(earlier: Sequence[Alert], latest: Alert) -> Alert:
    """The latest, naming what went before; as severe as the most severe of them."""
    if not earlier:
        return latest
    severity = max((latest, *earlier), key=lambda each: _rank(each)).severity
    before = ", ".join(dict.fromkeys(each.event.value for each in earlier))
    return replace(
        latest, severity=severity, summary=f"{latest.summary} (before: {before})".lstrip()
    )


def digest(alerts: Sequence[Alert], new_id: str, at_us: int) -> Alert:
    """How many, about whom, and the first ten in words, the most severe first."""
    victims = {each.subject.victim for each in alerts if each.subject is not None}
    about = f", {len(victims)} victim{'' if len(victims) == 1 else 's'}" if victims else ""
    shown = sorted(alerts, key=_rank, reverse=True)[:MAX_LINES]
    lines = [f"{each.event.value}: {each.title}" for each in shown]
    if len(alerts) > MAX_LINES:
        lines.append(f"and {len(alerts) - MAX_LINES} more")
    severity = shown[0].severity
    return Alert(
        id=new_id,
        event=AlertEvent.DIGEST,
        severity=severity,
        status=AlertStatus.NOTICE,
        dedup_key=f"notice:{new_id}",
        at_us=at_us,
        pop=shown[0].pop,
        title=f"{len(alerts)} alerts{about}",
        summary="\n".join(lines),
        opened_as=severity,
    )


def _rank(alert: Alert) -> int:
    return SEVERITY_ORDER.index(alert.severity)
