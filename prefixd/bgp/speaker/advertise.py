"""Telling peers what the Loc-RIB has for them, in slices, as fast as each of them reads.

Binds the fan-out to the sessions: whoever changed something has the peers asked, each gets one
chunk at a time, and one that cannot take more is skipped until its socket drains. The pauses are
used as well: to ask whether what was told was understood (the fence), and to let the quarantine go
on when it was.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from prefixd.bgp.rib.distribution import Fanout
from prefixd.bgp.rib.route import Key
from prefixd.bgp.speaker.events import PeerSynced, SpeakerEvent
from prefixd.bgp.speaker.neighbors import Standing, Standings
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.clock import Clock


class Telling:
    def __init__(
        self,
        fanout: Fanout,
        standings: Standings,
        *,
        clock: Clock,
        tell: Callable[[SpeakerEvent], None],
    ) -> None:
        self._fanout = fanout
        self._standings = standings
        self._clock = clock
        self._tell = tell
        self._pump = Pump(
            clock, tell=self._tell_one, next_wake=self._next_wake, all_names=standings.names_up
        )

    def ask(self, name: str) -> None:
        self._pump.ask(name)

    def ask_all(self) -> None:
        self._pump.ask_all()

    def stop(self) -> None:
        self._pump.stop()

    def moved(self, keys: set[Key]) -> None:
        """The Loc-RIB differs at these keys."""
        if not keys:
            return
        for standing in self._standings:
            convicted = standing.quarantine.convicted
            if convicted and not convicted.keys().isdisjoint(keys):
                standing.quarantine.pardon(keys)  # the rule is another now, or gone
                self.change_terms(standing.link.name)
        self._fanout.changed(keys, self._clock.monotonic())
        self._pump.ask_all()

    def change_terms(self, name: str, *, withdraw_all: bool = False) -> None:
        """Something that the neighbor's terms are made of may have changed."""
        standing = self._standings.get(name)
        if standing is None or not standing.up:
            return
        terms = self._standings.terms(standing.link, withdraw_all=withdraw_all)
        self._fanout.terms_changed(name, terms, self._clock.monotonic())
        self._pump.ask(name)

    def take_back(self, standing: Standing) -> None:
        """Withdraw all that this peer was told, for as long as its socket takes it."""
        link = standing.link
        self.change_terms(link.name, withdraw_all=True)
        now = self._clock.monotonic()
        while link.writable:
            chunk = self._fanout.next_chunk(link.name, now)
            if chunk is not None:
                link.write(chunk.octets, chunk.messages)
            elif not self._fanout.judging(link.name):
                return

    def digest(self, standing: Standing) -> None:
        """Note what the peer has parsed by now, as far as it proved it or may be believed."""
        member = self._fanout.member(standing.link.name)
        if member is None:
            return
        now = self._clock.monotonic()
        if not member.has_more:
            standing.quarantine.told_all(member.written, now)
        if standing.quarantine.digested(member.proven, now - standing.quiet_after_s):
            self.change_terms(standing.link.name)

    def _tell_one(self, name: str, now: float) -> bool:
        """Hand one chunk to a peer; whether it should be asked again."""
        standing = self._standings.get(name)
        if standing is None or not standing.up or not standing.link.writable:
            return False
        chunk = self._fanout.next_chunk(name, now)
        if chunk is None and self._fanout.judging(name):
            return True
        if chunk is None:
            self._at_rest(standing, now)
            return False
        standing.quarantine.wrote(chunk.seq, now, chunk.before)
        standing.link.write(chunk.octets, chunk.messages)
        return True

    def _at_rest(self, standing: Standing, now: float) -> None:
        """Nothing to say for now: the moment to ask whether it was understood."""
        member = self._fanout.member(standing.link.name)
        if member is None:
            return
        if not standing.synced and not member.after_dump and not member.table_source.outbox:
            standing.synced = True
            rules = sum(map(len, member.table_source.table.values()))
            self._tell(PeerSynced(standing.link.name, rules))
        for family, fence in member.fences.items():
            if fence.ask(member.written, now):
                standing.link.refresh(RouteRefresh(family))

    def _next_wake(self, now: float, queued: frozenset[str]) -> float | None:
        """When the first peer outside `queued` may have something to hear."""
        self._fanout.drop_laggards(now)
        times = [
            at
            for standing in self._standings
            if standing.up and standing.link.writable and standing.link.name not in queued
            if (at := self._wake_at(standing.link.name, now)) is not None
        ]
        return min(times, default=None)

    def _wake_at(self, name: str, now: float) -> float | None:
        at = self._fanout.wake_at(name, now)
        member = self._fanout.member(name)
        if member is not None:
            for fence in member.fences.values():
                due = fence.due_at(member.written, now)
                if due is not None and (at is None or due < at):
                    at = due
        return at


SLICE_S: Final = 0.005


class Pump:
    def __init__(
        self,
        clock: Clock,
        *,
        tell: Callable[[str, float], bool],
        next_wake: Callable[[float, frozenset[str]], float | None],
        all_names: Callable[[], tuple[str, ...]],
    ) -> None:
        """`tell` hands one chunk to a peer and says whether to ask it again; `next_wake` says when
        the first of the peers not named may have something."""
        self._clock = clock
        self._tell = tell
        self._next_wake = next_wake
        self._all_names = all_names
        self._ready: deque[str] = deque()
        self._queued: set[str] = set()
        self._turn_asked = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def ask(self, name: str) -> None:
        if name not in self._queued:
            self._queued.add(name)
            self._ready.append(name)
        self._ask_turn()

    def ask_all(self) -> None:
        for name in self._all_names():
            self.ask(name)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask_turn(self) -> None:
        if not self._turn_asked:
            self._turn_asked = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_asked = False
        until = self._clock.monotonic() + SLICE_S
        while self._ready:
            now = self._clock.monotonic()
            if now >= until:
                self._ask_turn()
                return
            name = self._ready.popleft()
            self._queued.discard(name)
            if self._tell(name, now):
                self._queued.add(name)
                self._ready.append(name)
        self._arm()

    def _arm(self) -> None:
        now = self._clock.monotonic()
        first = self._next_wake(now, frozenset(self._queued))
        if first is None or (self._timer is not None and self._timer_at <= first):
            return
        self.stop()
        self._timer_at = first
        self._timer = asyncio.get_running_loop().call_later(max(0.0, first - now), self._woken)

    def _woken(self) -> None:
        self._timer = None
        self.ask_all()
