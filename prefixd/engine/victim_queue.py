"""One line per victim: what concerns a victim happens in order, victims do not wait for each other.

A job waits in its victim's line. The first job of an idle victim starts a turn; a turn takes
everything that has gathered for the victim (up to a limit), decides it in order and saves it in one
transaction. When a turn ends and more has gathered, the next one follows; an idle victim costs
nothing. A victim is any hashable key: the engine also uses it for work that has no victim.

A turn is two plain calls, one when it starts and one when it has ended, and not a task: thousands
of victims a second each deciding once would spend more on their tasks than on deciding. Turns start
a little later than their first job, so that jobs which arrive in one breath share one, and a few at
a time, so that a burst does not keep the event loop from its sockets.

Three bounds hold: jobs per victim, jobs altogether, jobs per turn. A full line refuses the job
with `Busy`, and nothing of it is kept. A job that still waits after `patience_s` is reported once,
so that whoever asked can be told `queued`; it keeps its place.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from prefixd.engine.answers import Busy

J = TypeVar("J")

StartTurn = Callable[[Hashable, list[J], Callable[[], None]], None]
"""Begins a turn for the jobs of a key; the third argument is called once, when it has ended."""

TURNS_AT_ONCE = 32
"""Turns started before the event loop gets to look at its sockets again."""


class _Place(Generic[J]):
    """A job in line. `started` turns true when its turn begins."""

    __slots__ = ("job", "started")

    def __init__(self, job: J) -> None:
        self.job = job
        self.started = False


class _Line(Generic[J]):
    __slots__ = ("key", "taken", "waiting")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.waiting: deque[_Place[J]] = deque()
        self.taken: list[J] = []
        """The jobs of the turn that runs."""


class Workers(Generic[J]):
    """`start_turn` must answer every job itself, failures included. What it raises is a mistake:
    the jobs of that line are abandoned and the mistake rises to the event loop, which logs it."""

    def __init__(
        self,
        start_turn: StartTurn[J],
        *,
        line_limit: int,
        total_limit: int,
        turn_limit: int,
        patience_s: float,
        overdue: Callable[[J], None],
        abandon: Callable[[J, BaseException], None],
    ) -> None:
        self._start_turn = start_turn
        self._line_limit = line_limit
        self._total_limit = total_limit
        self._turn_limit = turn_limit
        self._patience_s = patience_s
        self._overdue = overdue
        self._abandon = abandon
        self._lines: dict[Hashable, _Line[J]] = {}
        self._ready: deque[_Line[J]] = deque()
        self._waiting = 0
        self._patience: deque[tuple[float, _Place[J]]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None
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
        place = _Place(job)
        self._waiting += 1
        if line is None:
            line = self._lines[key] = _Line(key)
            line.waiting.append(place)
            self._start_soon(line)
            return
        line.waiting.append(place)
        if patient:
            self._expect(place)

    async def drain(self, timeout_s: float) -> bool:
        """Take no more patient jobs and finish what waits; whether all of it was finished."""
        self._closed = True
        try:
            async with asyncio.timeout(timeout_s):
                await self.quiet()
        except TimeoutError:
            stopping = Busy("the service is stopping", retry_after_s=5)
            for line in self._lines.values():
                self._give_up(line, stopping)
            return False
        return True

    async def quiet(self) -> None:
        """Returns when every line has run dry."""
        while self._lines:
            if self._empty is None:
                self._empty = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._empty)

    def _refuse_when_full(self, line: _Line[J] | None) -> None:
        if self._closed:
            raise Busy("the service is stopping", retry_after_s=5)
        if self._waiting >= self._total_limit:
            raise Busy("too many signals are waiting")
        if line is not None and len(line.waiting) >= self._line_limit:
            raise Busy("too many signals are waiting for this victim")

    # turns

    def _start_soon(self, line: _Line[J]) -> None:
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._start_turns)
        self._ready.append(line)

    def _start_turns(self) -> None:
        try:
            for _ in range(min(len(self._ready), TURNS_AT_ONCE)):
                self._start(self._ready.popleft())
        finally:
            if self._ready:
                asyncio.get_running_loop().call_soon(self._start_turns)

    def _start(self, line: _Line[J]) -> None:
        waiting = line.waiting
        count = min(len(waiting), self._turn_limit)
        if not count:  # given up meanwhile
            self._end(line)
            return
        self._waiting -= count
        for _ in range(count):
            place = waiting.popleft()
            place.started = True
            line.taken.append(place.job)
        try:
            self._start_turn(line.key, line.taken, lambda: self._ended(line))
        except BaseException as error:
            # Whoever waits in this line must not wait for ever.
            self._give_up(line, error)
            self._end(line)
            raise

    def _ended(self, line: _Line[J]) -> None:
        line.taken = []
        if line.waiting:
            self._start_soon(line)
        else:
            self._end(line)

    def _end(self, line: _Line[J]) -> None:
        del self._lines[line.key]
        if not self._lines and self._empty is not None:
            self._empty.set_result(None)
            self._empty = None

    def _give_up(self, line: _Line[J], error: BaseException) -> None:
        jobs = [*line.taken, *(place.job for place in line.waiting)]
        self._waiting -= len(line.waiting)
        line.waiting.clear()
        for job in jobs:
            self._abandon(job, error)

    # patience

    def _expect(self, place: _Place[J]) -> None:
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
