"""The kinds of alerts: something that stays open, its end, and what is only worth knowing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from prefixd.domain.actor import SYSTEM, Actor
from prefixd.notify.alert import Alert, AlertStatus, Subject
from prefixd.notify.settings import AlertEvent, Severity


class Dated(Protocol):
    @property
    def at_us(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """Something of ours that happened, and is not news to the engine."""

    at_us: int


@dataclass(frozen=True, slots=True)
class Drafts:
    """Makes alerts for one site."""

    pop: str
    new_id: Callable[[], str]

    def alert(
        self, item: Dated, event: AlertEvent, severity: Severity, title: str, summary: str, *,
        key: str, subject: Subject | None = None, actor: Actor = SYSTEM,
    ) -> Alert:  # fmt: skip
        return Alert(
            id=self.new_id(),
            event=event,
            severity=severity,
            status=AlertStatus.FIRING,
            dedup_key=key,
            at_us=item.at_us,
            pop=self.pop,
            title=title,
            summary=summary,
            opened_as=severity,
            subject=subject,
            actor_kind=actor.kind,
            actor=actor.name,
        )

    def closing(
        self, item: Dated, event: AlertEvent, title: str, summary: str, *, key: str,
        opened_as: Severity, opened_by: AlertEvent, actor: Actor = SYSTEM,
    ) -> Alert:  # fmt: skip
        return Alert(
            id=self.new_id(),
            event=event,
            severity=Severity.INFO,
            status=AlertStatus.RESOLVED,
            dedup_key=key,
            at_us=item.at_us,
            pop=self.pop,
            title=title,
            summary=summary,
            opened_as=opened_as,
            opened_by=(opened_by,),
            actor_kind=actor.kind,
            actor=actor.name,
        )

    def notice(
        self, item: Dated, event: AlertEvent, severity: Severity, title: str, summary: str,
        actor: Actor = SYSTEM,
    ) -> Alert:  # fmt: skip
        new_id = self.new_id()
        return Alert(
            id=new_id,
            event=event,
            severity=severity,
            status=AlertStatus.NOTICE,
            dedup_key=f"notice:{new_id}",
            at_us=item.at_us,
            pop=self.pop,
            title=title,
            summary=summary,
            opened_as=severity,
            actor_kind=actor.kind,
            actor=actor.name,
        )
