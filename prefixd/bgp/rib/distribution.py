"""From one Loc-RIB to every peer: which peer receives what next.

The speaker feeds it changes and sessions, and asks `next_chunk` for every peer whose socket can
take more. Nothing here waits, writes or reads a clock, so the whole of distribution runs in a test
a million times: `wake_at` says when asking again makes sense.

Level-triggered throughout. A change marks keys; what is sent is the difference between the desired
and the advertised table at that moment. The same few lines serve a single rule, an initial dump, a
policy reload, a refresh, and a peer that was too slow for its group.
"""

from collections.abc import Iterable
from typing import Final

from prefixd.bgp.rib.adj_rib_out import AdjRibOut, Chunk, Table
from prefixd.bgp.rib.export_terms import Terms
from prefixd.bgp.rib.group_member import Dump, GroupMember
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.refresh_probe import ProbeSettings, RefreshProbe
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.update_group import UpdateGroup
from prefixd.bgp.rib.update_groups import UpdateGroups
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.iana import Family, RefreshSubtype
from prefixd.bgp.wire.message import RouteRefresh, encode_message
from prefixd.bgp.wire.packing import end_of_rib

_MOST_LAG: Final = 64
"""Chunks a member may be behind before it gets a table of its own."""
_REFRESH_EVERY_S: Final = 10.0


class Distribution:
    __slots__ = ("_all", "_ready", "loc")

    def __init__(self, loc: LocRib) -> None:
        self.loc = loc
        self._all = UpdateGroups(loc)
        self._ready = False

    @property
    def at_once(self) -> int:
        """A change of more routes than this is judged in slices, of this size."""
        return self._all.at_once

    @at_once.setter
    def at_once(self, routes: int) -> None:
        self._all.at_once = routes

    # Events from outside

    def ready(self) -> None:
        """The Loc-RIB is complete: from now on End-of-RIB may be sent (RFC 4724 4.1)."""
        self._ready = True

    def changed(self, keys: Iterable[Key], now: float) -> None:
        """The Loc-RIB differs at these keys."""
        keys = tuple(keys)
        for group in self._all.groups.values():
            if len(keys) > self.at_once:
                group.judge_later(keys)
            else:
                self._all.mark(group, group.reconsider(keys), now)

    def peer_up(
        self, name: str, terms: Terms, probe: ProbeSettings, *, probe_usable: bool
    ) -> GroupMember:
        """A session begins: the peer holds nothing and receives everything it should hold."""
        self.peer_down(name)
        group = self._all.group(terms)
        member = GroupMember(name=name, group=group, own=AdjRibOut(terms.pacing))
        member.dumps.append(Dump(keys=group.snapshot(), force=False))
        for family in sorted(terms.families):
            member.after_dump.append(end_of_rib(family))
            member.probes[family] = RefreshProbe(probe, usable=probe_usable)
        self._all.members[name] = member
        return member

    def peer_down(self, name: str) -> None:
        """The session is over, and with it all the peer knew."""
        member = self._all.members.pop(name, None)
        if member is not None:
            self._all.trim(member.group)

    def terms_changed(self, name: str, terms: Terms, now: float) -> None:
        """Policy, budget or profile changed under a living session: send the difference only.

        The table is judged again in slices; until that is done the peer keeps what it has.
        """
        member = self._all.members.get(name)
        if member is None or member.group.terms == terms:
            return
        self._all.detach(member, now)
        rewritten = member.group.terms.wire_form() != terms.wire_form()
        member.group = self._all.group(terms)
        own = member.own_table
        paced = AdjRibOut(terms.pacing)
        paced.table, paced.recent = own.table, own.recent
        member.own = paced
        again = bool(member.review) or any(dump.force for dump in member.dumps)
        member.dumps.clear()
        member.review = rewritten or again

    def refresh_requested(self, name: str, family: Family, now: float, *, enhanced: bool) -> None:
        """Send the whole family again (RFC 2918), framed by BoRR and EoRR where understood."""
        member = self._all.members.get(name)
        if member is None or family not in member.group.terms.families:
            return
        if now < member.refresh_allowed_at.get(family, now):
            member.refresh_queued[family] = enhanced
            return
        member.refresh_allowed_at[family] = now + _REFRESH_EVERY_S
        self._all.detach(member, now)
        if enhanced:
            member.before_dump.append(_refresh(family, RefreshSubtype.BEGIN))
            member.after_dump.append(_refresh(family, RefreshSubtype.END))
        member.repeats = not any(dump.force for dump in member.dumps) or member.repeats
        keys = [key for key in member.group.snapshot() if key.family == family]
        member.dumps.append(Dump(keys=keys, force=True))

    # Questions from outside

    def next_chunk(self, name: str, now: float) -> Chunk | None:
        """The next octets for a peer that can take some; None when there is nothing to send yet."""
        member = self._all.members.get(name)
        if member is None:
            return None
        self._start_queued_refresh(member, now)
        self._all.judge_some(member.group, now)
        if member.group.unjudged and member.group.is_tight:
            return None  # what exceeds the budget is known when all have been judged
        self._all.squeeze(member.group, now)
        if member.in_step:
            chunk = self._all.next_in_step(member, now)
        else:
            chunk = self._on_its_own(member, now)
        if chunk is None:
            return None
        mates = self._all.of(member.group) if member.in_step else [member]
        if not any(probe.works is not False for mate in mates for probe in mate.probes.values()):
            member.table_source.recent.clear()  # no probe will ever be answered
        return member.handed(chunk, now)

    def judging(self, name: str) -> bool:
        """The table is still being judged for this peer or its group; ask again at once."""
        member = self._all.members.get(name)
        if member is None:
            return False
        unfed = bool(member.dumps) and not member.own_table.pending.bulk
        return bool(member.group.unjudged) or member.review is not None or unfed

    def wake_at(self, name: str, now: float) -> float | None:
        """When `next_chunk` may have something for this peer."""
        member = self._all.members.get(name)
        if member is None:
            return None
        times = [member.refresh_allowed_at[family] for family in member.refresh_queued]
        if member.own is None:
            if member.cursor < member.group.log_end or member.group.unjudged:
                return now
            at = member.group.out.pending.ready_at(now)
        elif (
            member.group.unjudged
            or member.before_dump
            or member.review is not None
            or (member.dumps and not member.own.pending.bulk)
            or (self._ready and member.after_dump and not member.dumping)
        ):
            return now
        else:
            at = member.own.pending.ready_at(now)
        if at is not None:
            times.append(at)
        return min(times, default=None)

    def member(self, name: str) -> GroupMember | None:
        return self._all.members.get(name)

    def members(self) -> Iterable[GroupMember]:
        return self._all.members.values()

    def synced_revision(self, name: str) -> int:
        """Every change up to this one has been sent to the peer, or need not be."""
        member = self._all.members.get(name)
        return 0 if member is None else member.synced(self.loc.revision)

    def group_for(self, terms: Terms, now: float) -> UpdateGroup:
        """A group to ask what-if questions of, even when it has no member."""
        group = self._all.group(terms)
        self._all.judge_all(group, now)
        return group

    def group_count(self) -> int:
        return len({id(member.group) for member in self._all.members.values()})

    def advertised(self, name: str) -> Table:
        """The table of the peer, as of the last chunk handed out for it."""
        member = self._all.members.get(name)
        if member is None:
            return {}
        shared = member.own is None and member.is_current
        return member.group.out.table if shared else member.table()

    def self_check(self, now: float) -> int:
        """Compare every table with the desired one and mark what differs; 0 unless we have a bug.

        Nothing should ever be found: every change marks its keys. This is the net below that.
        """
        found = 0
        for group in self._all.groups.values():
            self._all.squeeze(group, now)
        for member in self._all.members.values():
            if member.group.unjudged or member.review is not None:
                continue
            source = member.table_source
            pending = source.pending.urgent.keys() | source.pending.bulk.keys()
            pending |= {key for dump in member.dumps for key in dump.keys[dump.position :]}
            lost = [key for key in member.differences() if key not in pending]
            found += len(lost)
            source.pending.mark(lost, self.loc.revision, now)
        return found

    # Inside

    def _on_its_own(self, member: GroupMember, now: float) -> Chunk | None:
        if member.before_dump:
            return self._control(member.before_dump)
        own = member.own_table
        group = member.group
        if member.review is not None and not group.unjudged:
            member.begin_review(self.loc)
        member.feed()
        chunk = own.next_chunk(
            group,
            group.encoder,
            now=now,
            seq=self._all.next_seq,
            max_message=group.terms.max_message,
            revision=self.loc.revision,
            repeats=member.repeats,
        )
        if chunk is not None:
            return chunk
        if group.unjudged:
            return None
        if member.dumping:
            return None
        if member.after_dump and self._ready:
            return self._control(member.after_dump)
        if not own.pending and not member.after_dump:
            return self._all.rejoin(member, now)
        return None

    def proven(self, name: str) -> None:
        """A probe was answered: forget the keys that are proven for every member."""
        member = self._all.members.get(name)
        if member is None:
            return
        out = member.table_source
        mates = self._all.of(member.group) if member.in_step else [member]
        asked = [m for m in mates if any(f.works is not False for f in m.probes.values())]
        floor = min((mate.proven for mate in asked), default=0)
        for key in [key for key, seq in out.recent.items() if seq <= floor]:
            del out.recent[key]

    def detach_slow(self, now: float) -> None:
        """Give members that are too far behind their group a table of their own."""
        for member in self._all.members.values():
            if member.in_step and member.group.log_end - member.cursor > _MOST_LAG:
                self._all.detach(member, now)

    def _start_queued_refresh(self, member: GroupMember, now: float) -> None:
        for family, enhanced in list(member.refresh_queued.items()):
            if now >= member.refresh_allowed_at[family]:
                del member.refresh_queued[family]
                self.refresh_requested(member.name, family, now, enhanced=enhanced)

    def _control(self, messages: list[bytes]) -> Chunk:
        chunk = Chunk(seq=self._all.next_seq(), octets=b"".join(messages), messages=len(messages))
        messages.clear()
        return chunk


def _refresh(family: Family, subtype: RefreshSubtype) -> bytes:
    return encode_message(RouteRefresh(family, subtype), BEFORE_OPEN)
