"""Detectors that do not give up: many at once, each repeating an event until it is answered.

What was answered is written down, because that is what must never be lost. A refusal that asks to
come back later (503, 429) and a connection that breaks are no answers.
"""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from tests.kit.site import Site, victim_number

RETRY_S = 0.05


@dataclass
class Ledger:
    """Shared by the threads of one crowd."""

    host: str
    port: int
    patience_s: float = 20
    """How long one attempt waits for its answer."""
    ahead_s: float = 0
    """How much the detectors' clocks differ from ours."""
    answered: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Number of the event -> the answer."""
    asked: set[str] = field(default_factory=set)
    """Mitigations whose withdrawal by hand was asked for, answered or not."""
    withdrawn: set[str] = field(default_factory=set)
    """Mitigations whose withdrawal by hand was answered."""
    surprises: list[str] = field(default_factory=list)
    """Answers nobody should get."""
    repeats: int = 0
    """Attempts that got no answer."""
    latencies: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def mitigations(self) -> set[str]:
        return {str(answer["mitigation_id"]) for answer in list(self.answered.values())}


def crowd_of(site: Site) -> Ledger:
    return Ledger(site.daemon.host, site.daemon.port)


def nothing_lost(site: Site, ledger: Ledger) -> None:
    """All that was answered lives, once, everywhere."""
    assert not ledger.surprises, ledger.surprises[:5]
    site.await_sessions(30)
    rules = site.agree(30)
    stored = site.stored()
    assert ledger.mitigations() <= {row.mitigation_id for row in stored}
    assert rules == len({row.victim for row in stored})


@contextlib.contextmanager
def reporting(
    ledger: Ledger,
    numbers: Iterable[int],
    *,
    clients: int = 8,
    withdraw: Callable[[int], bool] = lambda _: False,
) -> Iterator[list[threading.Thread]]:
    """The crowd works while the block runs; leaving it waits until all is answered."""
    queue, lock = iter(numbers), threading.Lock()

    def next_number() -> int | None:
        with lock:
            return next(queue, None)

    def work() -> None:
        with _Client(ledger) as client:
            while not ledger.over.is_set() and (number := next_number()) is not None:
                answer = client.until_answered("/v1/events", event(number, ledger.ahead_s))
                if answer is None:
                    return
                ledger.answered[number] = answer
                if withdraw(number) and (made := answer.get("mitigation_id")):
                    ledger.asked.add(made)
                    body = {"operator_id": "alice", "reason": "over"}
                    if client.until_answered(f"/v1/mitigations/{made}/withdraw", body) is not None:
                        ledger.withdrawn.add(made)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield threads
        for thread in threads:
            thread.join(timeout=600)
            assert not thread.is_alive(), "an event was never answered"
    finally:
        ledger.over.set()


def event(number: int, ahead_s: float = 0, **more: object) -> dict[str, object]:
    return {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead_s)),
        "source": "crowd",
        "event_id": f"attack-{number}",
        "victim_ip": victim_number(number),
        "vector": "udp_flood",
        "confidence": 0.9,
        **more,
    }


class _Client:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def until_answered(self, path: str, body: object) -> dict[str, Any] | None:
        while not self._ledger.over.is_set():
            begun = time.monotonic()
            status, answer = self._attempt(path, body)
            if status in (200, 202):
                self._ledger.latencies.append(time.monotonic() - begun)
                return answer
            if answer.get("code") == "not_live":
                return answer  # an earlier attempt was carried out, its answer was lost
            if status not in (0, 503, 429):
                self._ledger.surprises.append(f"{path}: {status} {answer}")
                return None
            self._ledger.repeats += 1
            time.sleep(RETRY_S)
        return None

    def _attempt(self, path: str, body: object) -> tuple[int, dict[str, Any]]:
        """Status 0: no answer."""
        try:
            if self._connection is None:
                address = (self._ledger.host, self._ledger.port)
                self._connection = http.client.HTTPConnection(
                    *address, timeout=self._ledger.patience_s
                )
            headers = {"Content-Type": "application/json"}
            self._connection.request("POST", path, json.dumps(body), headers)
            reply = self._connection.getresponse()
            return reply.status, json.loads(reply.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            self._close()
            return 0, {}
