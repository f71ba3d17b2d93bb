"""One line per victim: what concerns a victim happens in order, victims do not wait for each other.

A job waits in its victim's line. The first job of an idle victim starts a turn; a turn takes
everything that has gathered for the victim (up to a limit), decides it in order and saves it in one
transaction. When a turn ends and more has gathered, the next one follows; an idle victim costs
nothing. A victim is any hashable key: the engine also uses it for work that has no victim.

Three bounds hold: jobs per victim, jobs altogether, jobs per turn. A full line refuses the job
with `Busy`, and nothing of it is kept. A job that still waits after `patience_s` is reported once,
so that whoever asked can be told `queued`; it keeps its place.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prefixd.engine.answers import Busy

log = logging.getLogger(__name__)

J = TypeVar("J")


@dataclass(slots=True, eq=False)
class Place(Generic[J]):
    """A job in line. `started` turns true when its turn begins."""

    key: Hashable
    job: J
    started: bool = False


@dataclass(slots=True)
class _Line(Generic[J]):
    waiting: deque[Place[J]] = field(default_factory=deque)


class Workers(Generic[J]):
    """`take_turn(key, jobs)` must answer every job itself, failures included."""

    def __init__(
        self,
        take_turn: Callable[[Hashable, list[J]], Awaitable[None]],
        *,
        line_limit: int,
        total_limit: int,
        turn_limit: int,
        patience_s: float,
        overdue: Callable[[J], None],
        abandon: Callable[[J, BaseException], None],
    ) -> None:
        self._take_turn = take_turn
        self._line_limit = line_limit
        self._total_limit = total_limit
        self._turn_limit = turn_limit
        self._patience_s = patience_s
        self._overdue = overdue
        self._abandon = abandon
        self._lines: dict[Hashable, _Line[J]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._patience: deque[tuple[float, Place[J]]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        return self._waiting

    @property
    def active(self) -> int:
        return len(self._lines)

    def submit(self, key: Hashable, job: J, *, patient: bool = True) -> None:
        """Put a job in line. Raises Busy when there is no room; the engine's own work (timers,
        changes from elsewhere: `patient=False`) is always taken, it is bounded by what is live."""
        line = self._lines.get(key)
        if patient:
            self._refuse_when_full(line)
        place = Place(key, job)
        if line is None:
            line = self._lines[key] = _Line()
            line.waiting.append(place)
            self._waiting += 1
            task = asyncio.get_running_loop().create_task(self._work(key, line))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            return
        line.waiting.append(place)
        self._waiting += 1
        if patient:
            self._expect(place)

    async def drain(self, timeout_s: float) -> bool:
        """Take no more patient jobs and finish what waits; whether all of it was finished."""
        self._closed = True
        if self._tasks:
            _, pending = await asyncio.wait(set(self._tasks), timeout=timeout_s)
            for task in pending:
                task.cancel()
            return not pending
        return True

    def _refuse_when_full(self, line: _Line[J] | None) -> None:
        if self._closed:
            raise Busy("the service is stopping", retry_after_s=5)
        if self._waiting >= self._total_limit:
            raise Busy("too many signals are waiting")
        if line is not None and len(line.waiting) >= self._line_limit:
            raise Busy("too many signals are waiting for this victim")

    async def _work(self, key: Hashable, line: _Line[J]) -> None:
        places: list[Place[J]] = []
        try:
            while line.waiting:
                count = min(len(line.waiting), self._turn_limit)
                places = [line.waiting.popleft() for _ in range(count)]
                self._waiting -= count
                for place in places:
                    place.started = True
                await self._take_turn(key, [place.job for place in places])
        except BaseException as error:
            # Cancelled while stopping, or wrong: whoever waits in this line must not wait for ever.
            self._waiting -= len(line.waiting)
            for place in (*places, *line.waiting):
                self._abandon(place.job, error)
            raise
        finally:
            del self._lines[key]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a turn failed; its jobs were answered so", exc_info=error)

    def _expect(self, place: Place[J]) -> None:
        loop = asyncio.get_running_loop()
        self._patience.append((loop.time() + self._patience_s, place))
        if self._alarm is None:
            self._alarm = loop.call_later(self._patience_s, self._look_at_patience)

    def _look_at_patience(self) -> None:
        self._alarm = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._patience:
            until, place = self._patience[0]
            if not place.started and until > now:
                self._alarm = loop.call_at(until, self._look_at_patience)
                return
            self._patience.popleft()
            if not place.started:
                self._overdue(place.job)
