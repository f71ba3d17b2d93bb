"""What every message is made of: the facts of an alert, its sender's letterhead, and the request.

A request is a value: it is complete before a socket is opened. Its address and headers may hold
secrets, so neither is ever printed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from prefixd.notify.alert import Alert, format_instant

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

JSON_TYPE = "application/json"
USER_AGENT = "prefixd-webhook/1.0"
CODE_LABELS = frozenset({"Victim IP", "Match", "Mitigation ID"})
"""Facts people copy; shown in a fixed-width face where there is one."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every message of this installation carries."""

    public_url: str | None = None
    environment: str = ""

    @property
    def sender(self) -> str:
        return f"prefixd {self.environment}".rstrip()

    def link(self, alert: Alert) -> str | None:
        if self.public_url is None:
            return None
        root = self.public_url.rstrip("/")
        subject = alert.subject
        if subject is None or subject.mitigation_id is None:
            return f"{root}/"
        return f"{root}/mitigations/{subject.mitigation_id}"

    def signature(self, alert: Alert) -> str:
        """The small line below a message: sender, site, time."""
        return f"{self.sender} | {alert.pop} | {format_instant(alert.at_us)}"


def facts(alert: Alert) -> list[tuple[str, str]]:
    """Label and value, for messages to people; only what is known."""
    subject = alert.subject
    rows: list[tuple[str, str | None]] = [
        ("Severity", alert.severity.value),
        ("Event", alert.event.value),
    ]
    if subject is not None:
        rows += [
            ("Victim IP", subject.victim),
            ("Vector", subject.vector),
            ("Action", subject.action),
            ("Match", subject.match),
            ("Customer", subject.customer_id),
            ("Service", subject.service_id),
        ]
    rows.append(("POP", alert.pop))
    if subject is not None:
        rows.append(("Mitigation ID", subject.mitigation_id))
    return [(label, value) for label, value in rows if value is not None]


def details(alert: Alert) -> dict[str, Json]:
    """Flat text members, for the providers that keep such a table; the earlier daemon's names."""
    subject = alert.subject
    own: dict[str, Json] = {"event_type": alert.event.value, "pop": alert.pop}
    if subject is None:
        return own
    return own | known(
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


def known(**members: Json) -> dict[str, Json]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def cut(text: str, limit: int) -> str:
    """At most `limit` characters; an ellipsis shows where text was cut off."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({"Content-Type": JSON_TYPE}), repr=False
    )


def json_request(url: str, body: Json, headers: Mapping[str, str] | None = None) -> Request:
    all_headers = {"Content-Type": JSON_TYPE, "User-Agent": USER_AGENT, **(headers or {})}
    return Request(url=url, body=msgspec.json.encode(body), headers=MappingProxyType(all_headers))
