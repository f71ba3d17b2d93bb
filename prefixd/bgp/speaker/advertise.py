"""Telling peers what the Loc-RIB has for them, in slices, as fast as each of them reads.

Binds the fan-out to the sessions: whoever changed something has the peers asked, each gets one
chunk at a time, and one that cannot take more is skipped until its socket drains. The pauses are
used as well: to ask whether what was told was understood (the fence), and to let the quarantine go
on when it was.
"""

from collections.abc import Callable

from prefixd.bgp.rib.distribution import Fanout
from prefixd.bgp.rib.route import Key
from prefixd.bgp.speaker.events import PeerSynced, SpeakerEvent
from prefixd.bgp.speaker.neighbors import Standing, Standings
from prefixd.bgp.speaker.pump import Pump
from prefixd.bgp.wire.refresh import RouteRefresh
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
