"""Signals arrive: put into their victim's queue, and answered when they are durable.

A signal that has to wait too long for its turn is stored as `queued` and answered so; it keeps its
place, and a start takes up what a crash left in that state.
"""

import asyncio
from collections.abc import Sequence

from prefixd.domain.actor import SYSTEM, Actor
from prefixd.domain.record import Outcome, SignalRecord
from prefixd.domain.signal import Signal
from prefixd.engine.answers import Busy, IngestAnswer
from prefixd.engine.ingest import Arrival, arrival, queued_record
from prefixd.engine.turns import Core
from prefixd.errors import Conflict, StoreUnavailable


class Intake:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._late: set[asyncio.Task[None]] = set()

    async def ingest(self, signals: Sequence[Signal], actor: Actor) -> list[IngestAnswer]:
        """Store and decide; one answer per signal in order. Durable when it returns. Raises
        StoreUnavailable or Busy when nothing could be taken; in a batch, single failures
        are answers with outcome `error`."""
        if len(signals) == 1:
            return [await self._take(signals[0], actor)]
        answers: list[asyncio.Future[IngestAnswer] | Busy] = []
        for signal in signals:
            try:
                answers.append(self._take(signal, actor))
            except Busy as error:
                answers.append(error)
        return await _batch_answers(signals, answers)

    def _take(self, signal: Signal, actor: Actor) -> "asyncio.Future[IngestAnswer]":
        taken = arrival(signal, actor, self._core.new_id())
        answer: asyncio.Future[IngestAnswer]
        answer = self._core.ask(
            signal.victim, taken, overdue=lambda: self._keep_waiting(taken, answer)
        )
        return answer

    def _keep_waiting(self, taken: Arrival, answer: "asyncio.Future[IngestAnswer]") -> None:
        """It waited long enough: store it and answer `queued`; it keeps its place."""
        task = asyncio.get_running_loop().create_task(self._store_waiting(taken, answer))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _store_waiting(self, taken: Arrival, answer: "asyncio.Future[IngestAnswer]") -> None:
        core = self._core
        signal = taken.signal
        known = core.live.episodes.get((signal.source, signal.external_id))
        record, new = queued_record(taken, core.snapshot.pop, known)
        try:
            async with core.store.transaction() as tx:
                if new:
                    tx.signals.insert(record)
                else:
                    tx.signals.update(record)
        except (Conflict, StoreUnavailable):
            return  # its turn came meanwhile, or cannot: the answer is the turn's
        taken.stored = record
        if not answer.done():
            answer.set_result(
                IngestAnswer(
                    signal_id=record.signal_id,
                    external_id=signal.external_id,
                    outcome=Outcome.QUEUED,
                    reason="stored; it is decided when those before it are",
                    episode=record.episode,
                )
            )

    def finish_later(self, record: SignalRecord) -> None:
        taken_up = Arrival(record.signal, SYSTEM, record.signal_id, record.last_hash, record)
        answer = self._core.ask(record.signal.victim, taken_up, patient=False)
        answer.add_done_callback(_ignore_failure)

    async def drain(self, timeout_s: float) -> None:
        """Finish the signals that are being stored as `queued`."""
        if self._late:
            await asyncio.wait(set(self._late), timeout=timeout_s)


def _ignore_failure(answer: "asyncio.Future[IngestAnswer]") -> None:
    """Its row still says `queued`, so the next start takes it up again."""
    answer.exception()


async def _batch_answers(
    signals: Sequence[Signal], answers: Sequence["asyncio.Future[IngestAnswer] | Busy"]
) -> list[IngestAnswer]:
    given: list[IngestAnswer] = []
    failures: list[Busy | StoreUnavailable] = []
    for signal, answer in zip(signals, answers, strict=True):
        try:
            if isinstance(answer, Busy):
                raise answer
            given.append(await answer)
        except (Busy, StoreUnavailable) as error:
            failures.append(error)
            given.append(
                IngestAnswer(
                    signal_id="",
                    external_id=signal.external_id,
                    outcome=Outcome.ERROR,
                    reason=str(error),
                    codes=("unavailable",),
                )
            )
    if failures and len(failures) == len(signals):
        raise failures[0]
    return given
