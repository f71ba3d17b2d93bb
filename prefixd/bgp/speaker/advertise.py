"""Schedules advertisements: peers receive the Loc-RIB in slices, as fast as each of them reads.

Binds the distribution to the sessions. A change asks for a turn of every peer; a turn sends one
chunk, and a peer with a full socket is skipped until it drains. Turns come from the event loop,
never inside the caller, and a slice of turns is short, so that the loop can read sockets and send
keepalives in between. When nothing is pending, the peer is probed whether it has parsed what was
sent, and the quarantine makes progress.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.group_member import GroupMember
from prefixd.bgp.rib.route import Key
from prefixd.bgp.speaker.events import PeerSynced, SpeakerEvent
from prefixd.bgp.speaker.neighbors import NeighborState, NeighborStates
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.clock import Clock


class Advertiser:
    def __init__(
        self,
        distribution: Distribution,
        states: NeighborStates,
        *,
        clock: Clock,
        publish: Callable[[SpeakerEvent], None],
    ) -> None:
        self._distribution = distribution
        self._states = states
        self._clock = clock
        self._publish = publish
        self._pump = Pump(
            clock, send_one=self._send_one, next_wake=self._next_wake, all_names=states.names_up
        )

    def ask(self, name: str) -> None:
        self._pump.ask(name)

    def ask_all(self) -> None:
        self._pump.ask_all()

    def stop(self) -> None:
        self._pump.stop()

    def changed(self, keys: set[Key]) -> None:
        """The Loc-RIB differs at these keys."""
        if not keys:
            return
        for state in self._states:
            quarantined = state.quarantine.quarantined
            if quarantined and not quarantined.keys().isdisjoint(keys):
                state.quarantine.release(keys)  # the rule has changed, or is gone
                self.change_terms(state.handle.name)
        self._distribution.changed(keys, self._clock.monotonic())
        self._pump.ask_all()

    def change_terms(self, name: str, *, withdraw_all: bool = False) -> None:
        """Something that the neighbor's terms are made of may have changed."""
        state = self._states.get(name)
        if state is None or not state.up:
            return
        terms = self._states.terms(state.handle, withdraw_all=withdraw_all)
        self._distribution.terms_changed(name, terms, self._clock.monotonic())
        self._pump.ask(name)

    def withdraw_all(self, state: NeighborState) -> None:
        """Withdraw all that this peer holds, for as long as its socket takes it."""
        handle = state.handle
        self.change_terms(handle.name, withdraw_all=True)
        now = self._clock.monotonic()
        while handle.writable:
            chunk = self._distribution.next_chunk(handle.name, now)
            if chunk is not None:
                handle.write(chunk.octets, chunk.messages)
            elif not self._distribution.judging(handle.name):
                return

    def note_progress(self, state: NeighborState) -> None:
        """Note what the peer has parsed by now: proven, or old enough to be certain."""
        member = self._distribution.member(state.handle.name)
        if member is None:
            return
        now = self._clock.monotonic()
        if not member.has_more:
            state.quarantine.all_written(member.written, now)
        if state.quarantine.digested(member.proven, now - state.quiet_after_s):
            self.change_terms(state.handle.name)

    def _send_one(self, name: str, now: float) -> bool:
        """Hand one chunk to a peer; whether it should be asked again."""
        state = self._states.get(name)
        if state is None or not state.up or not state.handle.writable:
            return False
        chunk = self._distribution.next_chunk(name, now)
        if chunk is None and self._distribution.judging(name):
            return True
        if chunk is None:
            self._when_idle(state, now)
            return False
        state.quarantine.wrote(chunk.seq, now, chunk.before)
        state.handle.write(chunk.octets, chunk.messages)
        return True

    def _when_idle(self, state: NeighborState, now: float) -> None:
        """Nothing is pending: ask whether the peer has parsed what was sent."""
        member = self._distribution.member(state.handle.name)
        if member is None:
            return
        if not state.synced and not member.after_dump and not member.table_source.pending:
            state.synced = True
            rules = sum(map(len, member.table_source.table.values()))
            self._publish(PeerSynced(state.handle.name, rules))
        if member.asking is not None:
            family, probe = member.asking
            if probe.ask(_to_prove(state, member), member.written, now):
                state.handle.refresh(RouteRefresh(family))

    def _next_wake(self, now: float, queued: frozenset[str]) -> float | None:
        """When the next peer outside `queued` may have something to receive."""
        self._distribution.detach_slow(now)
        times = [
            at
            for state in self._states
            if state.up and state.handle.writable and state.handle.name not in queued
            if (at := self._wake_at(state, now)) is not None
        ]
        return min(times, default=None)

    def _wake_at(self, state: NeighborState, now: float) -> float | None:
        at = self._distribution.wake_at(state.handle.name, now)
        member = self._distribution.member(state.handle.name)
        if member is not None and member.asking is not None:
            _, probe = member.asking
            due = probe.due_at(_to_prove(state, member), now)
            if due is not None and (at is None or due < at):
                at = due
        return at


def _to_prove(state: NeighborState, member: GroupMember) -> int:
    """The last chunk worth a probe: a change, or anything while a rule is suspected."""
    return member.written if state.quarantine.busy else member.changed


SLICE_S: Final = 0.005


class Pump:
    def __init__(
        self,
        clock: Clock,
        *,
        send_one: Callable[[str, float], bool],
        next_wake: Callable[[float, frozenset[str]], float | None],
        all_names: Callable[[], tuple[str, ...]],
    ) -> None:
        """`send_one` sends one chunk to a peer and returns whether to ask it again; `next_wake` is
        the time at which the first of the peers not named may have something."""
        self._clock = clock
        self._send_one = send_one
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
            if self._send_one(name, now):
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
