"""What the engine needs of two packages it does not import: announced rules, and alerts.

Announcer. Synchronous: it changes what the routers shall have, in memory; sessions follow by diff.
`replace` makes its rules equal to the given ones and returns what differed.

Notifier. Takes news and never blocks; it owns its queue and its losses.

The store is not a port: there is one implementation of it, over two databases, and the engine
imports it directly (ADR 0012).
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from prefixd.domain.news import News
from prefixd.domain.rule import Intent, Rule, RulePreview
from prefixd.store.notifications import NotificationWrites


class Drift(Protocol):
    """How the RIB differed from what it should hold, as mitigation ids."""

    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def surplus(self) -> Sequence[str]: ...
    @property
    def changed(self) -> Sequence[str]: ...


class Announcer(Protocol):
    @property
    def revision(self) -> int:
        """Grows with every change of the rules it holds."""
        ...

    def announce(self, intents: Iterable[Intent]) -> None:
        """Add or change; a rule that cannot be expressed is kept, withheld and shown as such."""
        ...

    def withdraw(self, mitigation_ids: Iterable[str]) -> None:
        """Unknown ids are ignored: those rules are gone already."""
        ...

    def replace(self, intents: Sequence[Intent]) -> Drift:
        """Make the rules exactly these, and say what was missing, surplus or changed."""
        ...

    def preview(self, rule: Rule) -> RulePreview:
        """What each neighbor would receive; sends nothing."""
        ...


class PreparedAlerts(Protocol):
    """Alerts about a change that is being saved. Dropped when the change is undone."""

    def write(self, rows: NotificationWrites) -> None:
        """Into the unit of the change, so that both are durable or neither."""
        ...

    def deliver(self) -> None:
        """The change is durable."""
        ...

    def doubt(self) -> None:
        """It is unknown whether the change is durable."""
        ...


class Notifier(Protocol):
    def tell(self, news: News) -> None:
        """What happened and is saved nowhere."""
        ...

    def prepare(self, news: Sequence[News]) -> PreparedAlerts | None:
        """Before a change is saved; None when no destination wants them."""
        ...
