"""An alert for one destination: picks the provider, whose file knows the rest."""

from typing import assert_never

from prefixd.notify.alert import Alert, AlertStatus
from prefixd.notify.chat import discord, slack, teams, telegram
from prefixd.notify.generic import generic
from prefixd.notify.message import Letterhead, Request
from prefixd.notify.paging import opsgenie, pagerduty
from prefixd.notify.settings import (
    SEVERITY_ORDER,
    AlertEvent,
    AlertSettings,
    Destination,
    Discord,
    Generic,
    Opsgenie,
    PagerDuty,
    Severity,
    Slack,
    Target,
    Teams,
    Telegram,
)


def render(
    target: Target, alert: Alert, letterhead: Letterhead, *, sent_at_s: int, attempt: int
) -> Request:
    match target:
        case Slack():
            return slack(target, alert, letterhead)
        case Discord():
            return discord(target, alert, letterhead)
        case Teams():
            return teams(target, alert, letterhead)
        case Telegram():
            return telegram(target, alert, letterhead)
        case PagerDuty():
            return pagerduty(target, alert, letterhead)
        case Opsgenie():
            return opsgenie(target, alert, letterhead)
        case Generic():
            return generic(target, alert, letterhead, sent_at_s=sent_at_s, attempt=attempt)
        case _:
            assert_never(target)


def pages(destination: Destination) -> bool:
    """Whether it opens incidents that must be closed, rather than showing messages."""
    return isinstance(destination.target, PagerDuty | Opsgenie)


def is_for(destination: Destination, alert: Alert, settings: AlertSettings) -> bool:
    """Whether this destination gets this alert.

    A pager gets the end of every alert whose beginning it got, and nothing that has no end unless
    it is asked for by name: a notice would open an incident that nothing closes.
    """
    if not destination.enabled or not _concerns(destination, alert):
        return False
    ends = alert.status in {AlertStatus.RESOLVED, AlertStatus.ACKNOWLEDGED}
    if pages(destination):
        if ends:
            return destination.resolve and (
                _severe(destination, alert.opened_as)
                and any(settings.wants(destination, event) for event in alert.opened_by)
            )
        if alert.status is AlertStatus.NOTICE and alert.event not in destination.events:
            return False
    if alert.event is AlertEvent.DIGEST:
        return True
    return _severe(destination, alert.severity) and settings.wants(destination, alert.event)


def _severe(destination: Destination, severity: Severity) -> bool:
    return SEVERITY_ORDER.index(severity) >= SEVERITY_ORDER.index(destination.min_severity)


def _concerns(destination: Destination, alert: Alert) -> bool:
    customer = None if alert.subject is None else alert.subject.customer_id
    if destination.customers and customer not in destination.customers:
        return False
    return not destination.pops or alert.pop in destination.pops
