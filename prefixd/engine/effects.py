"""After the commit: announce, publish, notify. One place, this order, nothing before the commit.

The row is true already, so nothing here may refuse. What is announced is the whole of what the turn
changed, in one call each way, withdrawals first, so that a rule which takes another's place never
meets it on the router.
"""

from collections.abc import Iterable, Sequence

from prefixd.domain.mitigation import Mitigation, intent_of
from prefixd.domain.news import News
from prefixd.domain.rule import Intent
from prefixd.engine.bus import Bus
from prefixd.engine.ports import Announcer, Notifier


class Effects:
    def __init__(self, announcer: Announcer, notifier: Notifier, bus: Bus, pop: str) -> None:
        self._announcer = announcer
        self._notifier = notifier
        self._bus = bus
        self._pop = pop

    def apply(self, mitigations: Iterable[Mitigation], news: Sequence[News]) -> None:
        """`mitigations` are the rows a committed unit changed, as they are now."""
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
        self.tell(news)

    def tell(self, news: Sequence[News]) -> None:
        if news:
            self._bus.publish(news)
            for one in news:
                self._notifier.tell(one)

    def intent(self, mitigation: Mitigation) -> Intent:
        return intent_of(mitigation, owner=self._pop)
