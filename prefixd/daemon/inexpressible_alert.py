"""Publishes news of mitigations that are active although no router can carry their rule.

A rule is announced before its news is published, so by then it is known whether a router can carry
it. This news is published on its own afterwards, so that subscribers get the beginning first.
"""

from collections.abc import Callable, Sequence

from prefixd.domain.news import (
    MitigationActivated,
    MitigationEscalated,
    MitigationRejected,
    MitigationRevised,
    News,
)


class InexpressibleAlert:
    def __init__(
        self,
        why_inexpressible: Callable[[str], str | None],
        publish: Callable[[Sequence[News]], None],
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        """`soon` calls a function when what is being done now is done."""
        self._why_inexpressible = why_inexpressible
        self._publish = publish
        self._soon = soon

    def on_news(self, item: News) -> None:
        """A listener on the bus."""
        if not isinstance(item, MitigationActivated | MitigationEscalated | MitigationRevised):
            return
        reason = self._why_inexpressible(item.mitigation.mitigation_id)
        if reason is not None:
            failed = MitigationRejected(at_us=item.at_us, mitigation=item.mitigation, text=reason)
            self._soon(lambda: self._publish((failed,)))
