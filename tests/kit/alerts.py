"""Alerts for tests, and a sender with prepared answers that remembers what it sent."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from prefixd.domain.actor import SYSTEM
from prefixd.domain.mitigation import Mitigation, withdraw
from prefixd.domain.news import MitigationActivated, MitigationWithdrawn, WithdrawReason
from prefixd.notify.alert import Alert
from prefixd.notify.answer import Answer, Unreachable
from prefixd.notify.compose import Composer
from prefixd.notify.dispatch import Dispatcher
from prefixd.notify.message import Letterhead, Request
from prefixd.notify.render import render
from prefixd.notify.settings import AlertSettings, Destination, Generic, GenericFormat, Target
from prefixd.notify.worker import Worker
from tests.kit.builders import NOW_US, POP, a_mitigation, legal
from tests.kit.clock import FakeClock

URL = "https://hooks.example.net/T000/secret-path"


class Numbers:
    """Ids that a golden text can name."""

    def __init__(self, stem: str = "alert") -> None:
        self._stem = stem
        self._last = 0

    def __call__(self) -> str:
        self._last += 1
        return f"{self._stem}-{self._last}"


def activated(mitigation: Mitigation | None = None, text: str = "two agree") -> MitigationActivated:
    value = mitigation or a_mitigation()
    return MitigationActivated(at_us=value.created_at_us, mitigation=value, actor=SYSTEM, text=text)


def withdrawn(mitigation: Mitigation | None = None, at_us: int = NOW_US) -> MitigationWithdrawn:
    value = legal(withdraw(mitigation or a_mitigation(), "it is over", "alice", at_us))
    return MitigationWithdrawn(
        at_us=at_us,
        mitigation=value,
        actor=SYSTEM,
        reason=WithdrawReason.OPERATOR,
        text="it is over",
    )


def an_alert(news: Any = None, **changes: Any) -> Alert:
    alert = Composer(POP, Numbers()).compose(news or activated())
    assert alert is not None
    return replace(alert, **changes)


def a_destination(id_: str = "hook", target: Target | None = None, **changes: Any) -> Destination:
    target = target or Generic(url=URL, format=GenericFormat.V2)
    return replace(Destination(id=id_, target=target), **changes)


def some_settings(*destinations: Destination, **changes: Any) -> AlertSettings:
    return replace(AlertSettings(destinations=destinations or (a_destination(),)), **changes)


class FakeSender:
    """Gives the next of `answers`, then 200 for ever."""

    def __init__(self, *answers: Answer | Unreachable) -> None:
        self.answers = list(answers)
        self.sent: list[Request] = []
        self.closed = False

    async def send(self, request: Request, timeout_s: float) -> Answer | Unreachable:
        self.sent.append(request)
        return self.answers.pop(0) if self.answers else Answer(200)

    async def close(self) -> None:
        self.closed = True

    @property
    def events(self) -> list[str]:
        """Of generic destinations: what was sent, in order."""
        return [body["event"] for body in self.bodies]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.sent]


def many_mitigations(count: int, start: int = 0) -> Iterable[Mitigation]:
    for number in range(start, start + count):
        yield a_mitigation(mitigation_id=f"mitigation-{number}")


HEAD = Letterhead("https://mit.example.net", "lab")


def request_for(target: Target, alert: Alert, head: Letterhead = HEAD) -> Request:
    return render(target, alert, head, sent_at_s=1_800_000_000, attempt=2)


def body_for(target: Target, alert: Alert, head: Letterhead = HEAD) -> Any:
    return json.loads(request_for(target, alert, head).body)


class Night:
    """A dispatcher whose workers a test steps, on a clock that the test moves."""

    def __init__(
        self, *destinations: Destination, answers: list[Answer | Unreachable] | None = None
    ) -> None:
        self.clock = FakeClock()
        self.sender = FakeSender(*(answers or []))
        self.counts: list[tuple[str, str]] = []
        self.dispatcher = Dispatcher(
            some_settings(*destinations),
            POP,
            self.clock,
            new_id=Numbers(),
            jitter=lambda: 0.5,
            count=lambda destination, status: self.counts.append((destination, status)),
            sender=self.sender,
        )

    @property
    def worker(self) -> Worker:
        return next(iter(self.dispatcher._workers.values()))

    async def until_idle(self) -> float | None:
        """Step until nothing more is due at this moment; seconds until something is."""
        for _ in range(10_000):
            wait_s = await self.worker.step()
            if wait_s != 0:
                return wait_s
        raise AssertionError("it never rests")
