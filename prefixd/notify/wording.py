"""The words of alerts: attacks, moments, reasons, and what an alert is about."""

from prefixd.clock import from_us
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.rule import Police, action_kind, format_match
from prefixd.notify.alert import Subject

_ACRONYMS = frozenset(
    {"udp", "tcp", "syn", "ack", "rst", "icmp", "dns", "ntp", "cldap", "ssdp", "snmp", "gre"}
)
MAX_LISTED = 10


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
