"""What time asks for: expiry, a look at a group, the daily chores of memory.

Due keys come from the heap and become verbs in the victim's line, so an extension that was saved a
moment earlier wins: the move `expire` is illegal for a row whose time is no longer over.

A TTL is a promise to the customer. When its time comes while the store is away, the rule leaves the
wire although nothing can be written; the row follows when the store is back.

When the civil clock was set, every moment is moved with it: what matters is its distance from now.
Two minutes left stay two minutes left, a report ten seconds old stays ten seconds old. When
something began stays as it was written down, except where a distance is measured from it.
"""

import asyncio
import logging
from dataclasses import replace
from functools import partial

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
from prefixd.engine.episodes import Known
from prefixd.engine.ingest import act
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core

log = logging.getLogger(__name__)

CHORES = "chores"
CHORES_EVERY_US = 60_000_000
CLOCK_EVERY_S = 1.0
FIRST_LOOK_EVERY_US = 1000
"""After a start, between two groups that are acted upon already."""


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


class Watch:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._chores_us = core.time.now_us() + CHORES_EVERY_US
        self._translating: set[Prefix] = set()
        core.next_moment_us = self.next_moment_us
        core.fire = self.fire

    def start(self) -> None:
        """Put everything that is live into the heap, at once."""
        picture = self._core.picture
        entries: list[tuple[Key, int]] = [
            ((Due.MITIGATION, row.mitigation_id), row.expires_at_us)
            for row in picture.mitigations.values()
        ]
        # Every group is looked at once. What was stored and not yet decided is decided now; where a
        # rule stands already there is time, and routers that wait for their tables come first.
        now_us = self._core.time.now_us()
        acting = 0
        for group_id, group in picture.groups.items():
            at_us = now_us
            if group.state in ACTING:
                at_us += acting * FIRST_LOOK_EVERY_US
                acting += 1
            picture.looks[group_id] = at_us
            entries.append(((Due.GROUP, group_id), at_us))
        entries.append(((Due.ROUTINE, CHORES), self._chores_us))
        self._core.due.load(entries)

    def next_moment_us(self, key: Key) -> int | None:
        kind, name = key
        match kind:
            case Due.MITIGATION:
                row = self._core.picture.mitigations.get(MitigationId(name))
                return None if row is None else self._core.picture.expiry_us(row)
            case Due.GROUP:
                return self._core.picture.looks.get(GroupId(name))
            case Due.ROUTINE:
                return self._chores_us

    def fire(self, key: Key) -> None:
        kind, name = key
        picture = self._core.picture
        match kind:
            case Due.MITIGATION:
                identity = MitigationId(name)
                row = picture.mitigations[identity]
                if self._core.store_problem is not None:
                    self._leave_the_wire(row)
                    self._again(key)
                    return
                verb = partial(expire_one, identity)
                answer = self._core.ask(row.victim, verb, patient=False)
                answer.add_done_callback(partial(self._expired, key))
            case Due.GROUP:
                group = picture.groups[GroupId(name)]
                if self._core.store_problem is not None:
                    self._again(key)
                    return
                look = partial(look_at_group, group.group_id)
                answer = self._core.ask(group.victim, look, patient=False)
                answer.add_done_callback(partial(self._looked, key))
            case Due.ROUTINE:
                self._chores()

    def _expired(self, key: Key, answer: "asyncio.Future[None]") -> None:
        """A row that lives on had been extended, could not be saved, or was asked too early, in
        the moment when its translation was saved and the clock's jump not yet forgotten."""
        row = self._core.picture.mitigations.get(MitigationId(key[1]))
        if row is None:
            return
        if answer.exception() is not None:
            self._leave_the_wire(row)
        self._again(key)

    def _looked(self, key: Key, answer: "asyncio.Future[None]") -> None:
        if answer.exception() is not None and GroupId(key[1]) in self._core.picture.groups:
            self._again(key)

    def _leave_the_wire(self, row: Mitigation) -> None:
        if row.on_the_wire and self._core.picture.expiry_us(row) <= self._core.time.now_us():
            self._core.announcer.withdraw([row.mitigation_id])

    def _again(self, key: Key) -> None:
        pause_us = round(self._core.snapshot.settings.store_retry_s * 1_000_000)
        self._core.due.schedule(key, self._core.time.now_us() + pause_us)

    def _chores(self) -> None:
        """Memory of what no longer matters goes; nothing else depends on it."""
        now_us = self._core.time.now_us()
        picture, snapshot = self._core.picture, self._core.snapshot
        idle_s = max(snapshot.settings.signal_horizon_s, snapshot.rules.correlation.episode_idle_s)
        quiet_s = snapshot.rules.limits.quiet_period_after_withdraw_s
        picture.forget_episodes_before(now_us - idle_s * 1_000_000)
        picture.forget_withdrawals_before(now_us - quiet_s * 1_000_000)
        picture.forget_corroborations_before(now_us)
        self._chores_us = now_us + CHORES_EVERY_US
        self._core.due.schedule((Due.ROUTINE, CHORES), self._chores_us)

    # the civil clock

    async def run_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_EVERY_S)
            self.follow_clock()
            if self._core.store_problem is None:
                for victim in list(self._core.picture.untranslated):
                    self._translate(victim)

    def follow_clock(self) -> int:
        """Translate every moment we keep when the civil clock was set; by how much, 0 mostly.

        Heap entries stand in monotonic time and need nothing. Rows are translated in memory here
        and in the store by their own lines; an update that fails is seen by the next reconcile.
        """
        jump_us = self._core.time.jump()
        if jump_us == 0:
            return 0
        log.warning("the civil clock was set", extra={"seconds": jump_us / 1e6})
        picture = self._core.picture
        self._chores_us += jump_us
        for group_id in picture.looks:
            picture.looks[group_id] += jump_us
        for key, known in list(picture.episodes.items()):
            picture.episodes[key] = shift_known(known, jump_us)
        victims = {row.victim for row in picture.mitigations.values()}
        victims.update(group.victim for group in picture.groups.values())
        for victim in victims:
            picture.untranslated[victim] = picture.untranslated.get(victim, 0) + jump_us
            self._translate(victim)
        seconds = jump_us / 1e6
        self._core.effects.tell([ClockJumped(at_us=self._core.time.now_us(), seconds=seconds)])
        return jump_us

    def _translate(self, victim: Prefix) -> None:
        if victim in self._translating:
            return
        self._translating.add(victim)
        by_us = self._core.picture.untranslated[victim]
        answer = self._core.ask(victim, partial(translate, by_us), patient=False)
        answer.add_done_callback(partial(self._translated, victim, by_us))

    def _translated(self, victim: Prefix, by_us: int, answer: "asyncio.Future[None]") -> None:
        self._translating.discard(victim)
        if answer.exception() is not None:
            return  # kept in mind, and tried again with the next tick of the clock
        untranslated = self._core.picture.untranslated
        untranslated[victim] -= by_us
        if not untranslated[victim]:
            del untranslated[victim]


def translate(jump_us: int, turn: Turn) -> None:
    for row in turn.live_mitigations():
        turn.move_mitigation(shift_mitigation(row, jump_us))
    for group in turn.live_groups():
        turn.save_group(shift_group(group, jump_us))


def shift_mitigation(row: Mitigation, by_us: int) -> Mitigation:
    return replace(
        row,
        created_at_us=row.created_at_us + by_us,
        expires_at_us=row.expires_at_us + by_us,
        version=row.version + 1,
    )


def shift_group(group: Group, by_us: int) -> Group:
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


def shift_known(known: Known, by_us: int) -> Known:
    episode = replace(
        known.episode,
        first_seen_us=known.episode.first_seen_us + by_us,
        last_seen_us=known.episode.last_seen_us + by_us,
    )
    return Known(episode, replace(known.record, last_seen_us=known.record.last_seen_us + by_us))
