"""Alerts about a change that is being saved: their rows belong to the unit that saves it.

A crash between a change and its alert would lose the alert, and one between an alert and its change
would tell of what never happened. So the alerts are put into words before the unit is written,
their rows go into it, and they enter the queues when it is durable:

    prepare ── write ──> unit ── durable ──> deliver       what the rows say is on its way
                              ── undone ──>                nothing was said
                              ── nobody knows ──> doubt    asked of the table, once it answers

What has no room in its queue is not worth a row: the queue will give it up, or something lighter.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prefixd.notify.alert import Alert, encode_alert
from prefixd.notify.outbox import NewRows


def row_id_of(alert: Alert, destination: str) -> str:
    return f"{alert.id}:{destination}"


@dataclass(slots=True)
class Letter:
    """One alert and whom it is for; `kept` are those whose queues have room for it."""

    alert: Alert
    destinations: tuple[str, ...]
    kept: tuple[str, ...]
    stored: frozenset[str] = frozenset()


Hand = Callable[[Iterable[Letter]], None]


class Prepared:
    """Fits the engine's `PreparedAlerts`."""

    def __init__(self, letters: Sequence[Letter], pop: str, deliver: Hand, doubt: Hand) -> None:
        self._letters = letters
        self._pop = pop
        self._deliver = deliver
        self._doubt = doubt

    def write(self, rows: NewRows) -> None:
        for letter in self._letters:
            if not letter.kept:
                continue
            alert, body = letter.alert, encode_alert(letter.alert)
            for destination in letter.kept:
                rows.enqueue(
                    row_id_of(alert, destination),
                    pop=self._pop,
                    destination=destination,
                    event=alert.event,
                    body=body,
                    created_at_us=alert.at_us,
                    due_at_us=alert.at_us,
                )
            letter.stored = frozenset(letter.kept)

    def deliver(self) -> None:
        self._deliver(self._letters)

    def doubt(self) -> None:
        self._doubt(self._letters)
