"""What time asks for: expiry, a look at a group, dropping what memory no longer needs.

Due keys come from the heap and become verbs in the victim's queue, so an extension that was saved a
moment earlier wins: the move `expire` is illegal for a row whose time is no longer over.

A TTL is a promise to the customer. When a rule expires while the database is unreachable, it is
withdrawn although nothing can be written; the row follows when the database is back.

When the civil clock was set, every moment is moved with it: what matters is its distance from now.
Two minutes left stay two minutes left, a report ten seconds old stays ten seconds old. When
something began stays as it was written down, except where a distance is measured from it.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from prefixd.correlation.window import ACTING
from prefixd.decision.decision import TriggerKind
from prefixd.domain.actor import SYSTEM
from prefixd.domain.group import Group
from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.mitigation import Mitigation, expire
from prefixd.domain.news import ClockJumped, MitigationExpired
from prefixd.domain.prefix import Prefix
from prefixd.engine.apply_decision import audit_mitigation
from prefixd.engine.due_heap import Due, Key
from prefixd.engine.ingest import act
from prefixd.engine.live_state import LiveState
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core

log = logging.getLogger(__name__)

CHORES: Key = (Due.ROUTINE, "chores")
CHORES_EVERY_US = 60_000_000
CLOCK_EVERY_S = 1.0
FIRST_LOOK_EVERY_US = 1000
"""After a start, between two groups that are acted upon already."""
SLICE = 500
"""Due keys handled before the event loop serves others."""


def expire_one(mitigation_id: MitigationId, turn: Turn) -> None:
    known = turn.mitigation(mitigation_id)
    if known is None:
        return
    ended = expire(known, turn.now_us)
    if not isinstance(ended, Mitigation):
        return
    turn.move_mitigation(ended)
    audit_mitigation(turn, SYSTEM, "expire", ended)
    turn.news.append(MitigationExpired(at_us=turn.now_us, mitigation=ended))


def look_at_group(group_id: GroupId, turn: Turn) -> None:
    group = turn.group(group_id)
    if group is not None and group.is_live:
        act(turn, group, group, SYSTEM, TriggerKind.TIMER)


def verb_of(live: LiveState, key: Key) -> tuple[Prefix, Callable[[Turn], None]]:
    """What is to be done about a key that is due, and the victim it concerns."""
    kind, name = key
    if kind is Due.MITIGATION:
        row = live.mitigations[MitigationId(name)]
        return row.victim, partial(expire_one, row.mitigation_id)
    group = live.groups[GroupId(name)]
    return group.victim, partial(look_at_group, group.group_id)


class Timers:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._chores_us = core.time.now_us() + CHORES_EVERY_US
        self._translating: set[Prefix] = set()

    def start(self) -> None:
        """Put everything that is live into the heap, at once."""
        live = self._core.live
        entries: list[tuple[Key, int]] = [
            ((Due.MITIGATION, row.mitigation_id), row.expires_at_us)
            for row in live.mitigations.values()
        ]
        # Every group is looked at once. What was stored and not yet decided is decided now; where
        # a rule is in force there is time, and routers that wait for their tables come first.
        now_us = self._core.time.now_us()
        acting = 0
        for group_id, group in live.groups.items():
            at_us = now_us
            if group.state in ACTING:
                at_us += acting * FIRST_LOOK_EVERY_US
                acting += 1
            live.looks[group_id] = at_us
            entries.append(((Due.GROUP, group_id), at_us))
        entries.append((CHORES, self._chores_us))
        self._core.due.load(entries)

    async def run(self) -> None:
        while True:
            if self.fire_due() == SLICE:
                await asyncio.sleep(0)
            else:
                await self._core.due.wait()

    def fire_due(self, limit: int = SLICE) -> int:
        """Start what is due now, at most `limit` keys; how many were looked at."""
        core = self._core
        now_us = core.time.now_us()
        for count in range(limit):
            key = core.due.pop_due(now_us)
            if key is None:
                return count
            moment_us = self._chores_us if key == CHORES else core.live.next_moment_us(key)
            if moment_us is None:
                continue
            if moment_us > now_us:
                core.due.schedule(key, moment_us)
            else:
                self._fire(key, now_us)
        return limit

    def _fire(self, key: Key, now_us: int) -> None:
        core = self._core
        if key == CHORES:
            self._chores(now_us)
            return
        is_expiry = key[0] is Due.MITIGATION
        if core.store_problem is not None:
            if is_expiry:
                self._leave_the_wire(core.live.mitigations[MitigationId(key[1])])
            self._again(key)
            return
        victim, verb = verb_of(core.live, key)
        answer = core.ask(victim, verb, patient=False)
        answer.add_done_callback(partial(self._expired if is_expiry else self._looked, key))

    def _expired(self, key: Key, answer: "asyncio.Future[None]") -> None:
        """A row that is still live had been extended, could not be saved, or was asked too early,
        in the moment when its translation was saved and the clock's jump not yet forgotten."""
        row = self._core.live.mitigations.get(MitigationId(key[1]))
        if row is None:
            return
        if answer.exception() is not None:
            self._leave_the_wire(row)
        self._again(key)

    def _looked(self, key: Key, answer: "asyncio.Future[None]") -> None:
        if answer.exception() is not None and GroupId(key[1]) in self._core.live.groups:
            self._again(key)

    def _leave_the_wire(self, row: Mitigation) -> None:
        if row.on_the_wire and self._core.live.expiry_us(row) <= self._core.time.now_us():
            self._core.announcer.withdraw([row.mitigation_id])

    def _again(self, key: Key) -> None:
        pause_us = round(self._core.snapshot.settings.store_retry_s * 1_000_000)
        self._core.due.schedule(key, self._core.time.now_us() + pause_us)

    def _chores(self, now_us: int) -> None:
        """Drop from memory what no longer matters."""
        live, snapshot = self._core.live, self._core.snapshot
        idle_s = max(snapshot.settings.signal_horizon_s, snapshot.rules.correlation.episode_idle_s)
        quiet_s = snapshot.rules.limits.quiet_period_after_withdraw_s
        live.episodes.forget_before(now_us - idle_s * 1_000_000)
        live.forget_withdrawals_before(now_us - quiet_s * 1_000_000)
        live.forget_corroborations_before(now_us)
        self._chores_us = now_us + CHORES_EVERY_US
        self._core.due.schedule(CHORES, self._chores_us)

    # the civil clock

    async def run_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_EVERY_S)
            self.follow_clock()
            if self._core.store_problem is None:
                for victim in list(self._core.live.untranslated):
                    self._translate(victim)

    def follow_clock(self) -> int:
        """Translate every moment we keep when the civil clock was set; by how much, 0 mostly.

        Heap entries are in monotonic time and need nothing. Rows are translated in memory here
        and in the store by their own verbs; an update that fails is seen by the next reconcile.
        """
        jump_us = self._core.time.jump()
        if jump_us == 0:
            return 0
        seconds = jump_us / 1e6
        log.warning("the civil clock was set", extra={"seconds": seconds})
        live = self._core.live
        self._chores_us += jump_us
        for group_id in live.looks:
            live.looks[group_id] += jump_us
        live.episodes.shift(jump_us)
        victims = {row.victim for row in live.mitigations.values()}
        victims.update(group.victim for group in live.groups.values())
        for victim in victims:
            live.untranslated[victim] = live.untranslated.get(victim, 0) + jump_us
            self._translate(victim)
        self._core.effects.publish([ClockJumped(at_us=self._core.time.now_us(), seconds=seconds)])
        return jump_us

    def _translate(self, victim: Prefix) -> None:
        if victim in self._translating:
            return
        self._translating.add(victim)
        by_us = self._core.live.untranslated[victim]
        answer = self._core.ask(victim, partial(translate, by_us), patient=False)
        answer.add_done_callback(partial(self._translated, victim, by_us))

    def _translated(self, victim: Prefix, by_us: int, answer: "asyncio.Future[None]") -> None:
        self._translating.discard(victim)
        if answer.exception() is not None:
            return  # kept, and tried again with the next tick of the clock
        untranslated = self._core.live.untranslated
        untranslated[victim] -= by_us
        if not untranslated[victim]:
            del untranslated[victim]


def translate(jump_us: int, turn: Turn) -> None:
    for row in turn.live_mitigations():
        turn.move_mitigation(_shift_mitigation(row, jump_us))
    for group in turn.live_groups():
        turn.save_group(_shift_group(group, jump_us))


def _shift_mitigation(row: Mitigation, by_us: int) -> Mitigation:
    return replace(
        row,
        created_at_us=row.created_at_us + by_us,
        expires_at_us=row.expires_at_us + by_us,
        version=row.version + 1,
    )


def _shift_group(group: Group, by_us: int) -> Group:
    def moved(at_us: int | None) -> int | None:
        return None if at_us is None else at_us + by_us

    return replace(
        group,
        created_at_us=group.created_at_us + by_us,
        last_primary_at_us=group.last_primary_at_us + by_us,
        expires_at_us=group.expires_at_us + by_us,
        met_at_us=moved(group.met_at_us),
        clearing_since_us=moved(group.clearing_since_us),
        evidence=tuple(
            replace(
                item,
                first_seen_us=item.first_seen_us + by_us,
                last_seen_us=item.last_seen_us + by_us,
            )
            for item in group.evidence
        ),
    )
