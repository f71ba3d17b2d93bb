"""After the commit: announce, publish, notify. One place, this order, nothing before the commit.

The row is true already, so nothing here may refuse. Alerts are the exception: they are put into
words before the commit, because their rows belong to it. What is announced is the whole of what the
turn changed, in one call each way, withdrawals first, so that a rule which takes another's place
never meets it on the router.
"""

from collections.abc import Iterable, Sequence

from prefixd.domain.mitigation import Mitigation, intent_of
from prefixd.domain.news import News
from prefixd.domain.rule import Intent
from prefixd.engine.bus import Bus
from prefixd.engine.ports import Announcer, Notifier, PreparedAlerts


class Publisher:
    """News that belongs to no unit of work: to all subscribers of the bus, and as alerts."""

    def __init__(self, bus: Bus, notifier: Notifier) -> None:
        self._bus = bus
        self._notifier = notifier

    def __call__(self, news: Sequence[News]) -> None:
        self._bus.publish(news)
        for one in news:
            self._notifier.tell(one)


class Effects:
    def __init__(self, announcer: Announcer, notifier: Notifier, bus: Bus, pop: str) -> None:
        self._announcer = announcer
        self._notifier = notifier
        self._bus = bus
        self.publish = Publisher(bus, notifier)
        self._pop = pop

    def prepare(self, news: Sequence[News]) -> PreparedAlerts | None:
        """The alerts about a change that is going to be saved."""
        return self._notifier.prepare(news) if news else None

    def apply(
        self,
        mitigations: Iterable[Mitigation],
        news: Sequence[News],
        alerts: PreparedAlerts | None = None,
    ) -> None:
        """`mitigations` are the rows a committed unit changed, as they are now; `alerts` what
        was prepared of its news."""
        gone: list[str] = []
        wanted: list[Intent] = []
        for mitigation in mitigations:
            if mitigation.pop != self._pop:
                continue
            if mitigation.on_the_wire:
                wanted.append(self.intent(mitigation))
            elif not mitigation.is_live and not mitigation.dry_run:
                gone.append(mitigation.mitigation_id)
        if gone:
            self._announcer.withdraw(gone)
        if wanted:
            self._announcer.announce(wanted)
        if news:
            self._bus.publish(news)
        if alerts is not None:
            alerts.deliver()

    def intent(self, mitigation: Mitigation) -> Intent:
        return intent_of(mitigation, owner=self._pop)
