"""Several alerts told as one: those of one victim that came together, or a storm's."""

from collections.abc import Sequence
from dataclasses import replace

from prefixd.notify.alert import Alert, AlertStatus
from prefixd.notify.settings import SEVERITY_ORDER, AlertEvent

MAX_LINES = 10


def merged(earlier: Sequence[Alert], latest: Alert) -> Alert:
    """The latest, saying what went before; as severe as the most severe of them."""
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
