"""A replay and the live run of the same events give the same decisions, byte for byte.

The golden events are reported to a whole engine, one by one, on a clock set to each event and to
each moment that falls due between two of them; then the same file is replayed. Both are given the
same counted ids, and every decision record is compared as it is stored.
"""

from dataclasses import replace
from pathlib import Path

from prefixd.config.assemble import load_config
from prefixd.domain.page import GroupFilter, PageRequest
from prefixd.domain.problem import Problem
from prefixd.domain.record import DecisionRecord
from prefixd.domain.signal import Corroboration, Signal
from prefixd.engine.settings import Mode
from prefixd.replay.events import Adapters, parse_events
from prefixd.replay.run import DETECTOR, EventClock, EventFate, counted_ids, replay_events
from tests.kit.engine import House, an_engine

GOLDEN = Path(__file__).parents[1] / "golden" / "replay"
A_DAY_S = 86_400


def recorded():
    events, problems = parse_events((GOLDEN / "events.jsonl").read_text().splitlines())
    assert problems == []
    return events


def the_settings():
    config = load_config(GOLDEN / "now", {})
    snapshot = config.snapshot(0)
    # A daemon reads a forgotten episode from its store, a replay has no store and forgets none.
    settings = replace(snapshot.settings, mode=Mode.ENFORCED, signal_horizon_s=A_DAY_S)
    return replace(snapshot, settings=settings), config.signals


async def pass_time(house: House, clock: EventClock, until_us: int) -> None:
    due = house.engine._core.due
    while (at_us := due.next_moment_us()) is not None and at_us <= until_us:
        clock.at_us = max(clock.at_us, at_us)
        await house.settle()
    clock.at_us = until_us


async def live_run(snapshot, signals, events) -> tuple[list[EventFate], list[DecisionRecord]]:
    clock = EventClock()
    clock.at_us = events[0].received_at_us
    adapters = Adapters(signals, snapshot.rules.correlation)
    fates = []
    async with an_engine(snapshot, clock=clock, new_id=counted_ids()) as house:
        for event in events:
            await pass_time(house, clock, event.received_at_us)
            for read in adapters.read(event):
                match read:
                    case Signal():
                        (answer,) = await house.engine.ingest([read], DETECTOR)
                    case Corroboration():
                        answer = await house.engine.corroborate(read, DETECTOR)
                    case Problem():
                        continue
                fates.append(EventFate(event.line, answer.outcome.value, answer.reason))
        # Chores are due every minute for ever; what the events began ends within the day.
        await pass_time(house, clock, clock.at_us + 3600 * 1_000_000)
        page = await house.store.groups.page(GroupFilter(), PageRequest(limit=1000))
        decisions = [
            record
            for group in page.items
            for record in await house.store.decisions.of_group(group.group_id, 1000)
        ]
    return fates, sorted(decisions, key=lambda record: record.decision_id)


async def test_a_replay_decides_what_the_daemon_decided_byte_for_byte():
    snapshot, signals = the_settings()
    events = recorded()
    fates, live = await live_run(snapshot, signals, events)
    replayed = replay_events(events, snapshot, signals)
    assert [fate for fate in replayed.fates if fate.outcome != "error"] == [
        fate for fate in fates if fate.outcome != "error"
    ]
    assert len(live) > 500
    by_replay = sorted(replayed.decisions, key=lambda record: record.decision_id)
    assert [record.body.encode() for record in by_replay] == [
        record.body.encode() for record in live
    ]
    assert by_replay == live
