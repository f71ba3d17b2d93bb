"""From one Loc-RIB to every peer: who is told what next.

The speaker feeds it changes and sessions, and asks `next_chunk` for every peer whose socket can
take more. Nothing here waits, writes or reads a clock, so the whole of distribution runs in a test
a million times: `wake_at` says when asking again makes sense.

Level-triggered throughout. A change marks keys; what is sent is the difference between the wish and
the table at that moment. The same few lines serve a single rule, an initial dump, a policy reload,
a refresh, and a peer that was too slow for its group.
"""

from collections.abc import Iterable
from itertools import count
from typing import Final

from prefixd.bgp.rib.adj_rib_out import AdjRibOut, Chunk, Table
from prefixd.bgp.rib.fence import Fence, FenceSettings
from prefixd.bgp.rib.group import UpdateGroup
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.member import Dump, Member
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.terms import Terms
from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.iana import Family, RefreshSubtype
from prefixd.bgp.wire.message import encode_message
from prefixd.bgp.wire.packing import end_of_rib
from prefixd.bgp.wire.refresh import RouteRefresh

_MOST_LAG: Final = 64
"""Chunks a member may be behind before it goes its own, coalesced way."""
_IDLE_GROUPS: Final = 64
"""Groups without members whose verdicts are kept, for peers that flap and for questions."""
_REFRESH_EVERY_S: Final = 10.0
_JUDGED_AT_ONCE: Final = 250
"""Routes judged in one go: some milliseconds."""
_FED_AT_ONCE: Final = 1000


class Fanout:
    __slots__ = ("_groups", "_members", "_ready", "_seq", "at_once", "loc")

    def __init__(self, loc: LocRib) -> None:
        self.loc = loc
        self._groups: dict[Terms, UpdateGroup] = {}
        self._members: dict[str, Member] = {}
        self._seq = count(1)
        self._ready = False
        self.at_once = _JUDGED_AT_ONCE
        """A change of more routes than this is judged in slices, of this size."""

    # What the outside says

    def ready(self) -> None:
        """The Loc-RIB is complete: from now on End-of-RIB may be sent (RFC 4724 4.1)."""
        self._ready = True

    def changed(self, keys: Iterable[Key], now: float) -> None:
        """The Loc-RIB differs at these keys."""
        keys = tuple(keys)
        for group in self._groups.values():
            if len(keys) > self.at_once:
                group.judge_later(keys)
            else:
                self._mark(group, group.reconsider(keys), now)

    def peer_up(
        self, name: str, terms: Terms, fence: FenceSettings, *, fence_usable: bool
    ) -> Member:
        """A session begins: the peer holds nothing, everything it should hold is to be told."""
        self.peer_down(name)
        group = self._group(terms)
        member = Member(name=name, group=group, own=AdjRibOut(terms.pacing))
        member.dumps.append(Dump(keys=group.snapshot(), force=False))
        for family in sorted(terms.families):
            member.after_dump.append(end_of_rib(family))
            member.fences[family] = Fence(fence, usable=fence_usable)
        self._members[name] = member
        return member

    def peer_down(self, name: str) -> None:
        """The session is over, and with it all the peer knew."""
        member = self._members.pop(name, None)
        if member is not None:
            self._trim(member.group)

    def terms_changed(self, name: str, terms: Terms, now: float) -> None:
        """Policy, budget or profile changed under a living session: send the difference only.

        The table is judged anew in slices; until that is done the peer keeps what it was told.
        """
        member = self._members.get(name)
        if member is None or member.group.terms == terms:
            return
        self._detach(member, now)
        rewritten = member.group.terms.wire_form() != terms.wire_form()
        member.group = self._group(terms)
        own = _own(member)
        paced = AdjRibOut(terms.pacing)
        paced.table, paced.recent = own.table, own.recent
        member.own = paced
        again = bool(member.review) or any(dump.force for dump in member.dumps)
        member.dumps.clear()
        member.review = rewritten or again

    def refresh_requested(self, name: str, family: Family, now: float, *, enhanced: bool) -> None:
        """Tell the whole family again (RFC 2918), framed by BoRR and EoRR where understood."""
        member = self._members.get(name)
        if member is None or family not in member.group.terms.families:
            return
        if now < member.refresh_allowed_at.get(family, now):
            member.refresh_queued[family] = enhanced
            return
        member.refresh_allowed_at[family] = now + _REFRESH_EVERY_S
        self._detach(member, now)
        if enhanced:
            member.before_dump.append(_refresh(family, RefreshSubtype.BEGIN))
            member.after_dump.append(_refresh(family, RefreshSubtype.END))
        keys = [key for key in member.group.snapshot() if key.family == family]
        member.dumps.append(Dump(keys=keys, force=True))

    # What the outside asks

    def next_chunk(self, name: str, now: float) -> Chunk | None:
        """The next octets for a peer that can take some; None when there is nothing to say yet."""
        member = self._members.get(name)
        if member is None:
            return None
        self._start_queued_refresh(member, now)
        self._judge_some(member.group, now)
        if member.group.unjudged and member.group.is_tight:
            return None  # who has to stay out is known when all have been looked at
        self._squeeze(member.group, now)
        chunk = self._in_step(member, now) if member.in_step else self._on_its_own(member, now)
        if chunk is None:
            return None
        mates = self._of(member.group) if member.in_step else [member]
        if not any(fence.works is not False for mate in mates for fence in mate.fences.values()):
            member.table_source.recent.clear()  # nobody will ever prove anything
        return member.handed(chunk, now)

    def judging(self, name: str) -> bool:
        """The table is still being looked at for this peer or its group; ask again at once."""
        member = self._members.get(name)
        if member is None:
            return False
        unfed = bool(member.dumps) and not _own(member).outbox.bulk
        return bool(member.group.unjudged) or member.review is not None or unfed

    def wake_at(self, name: str, now: float) -> float | None:
        """When `next_chunk` may have something for this peer."""
        member = self._members.get(name)
        if member is None:
            return None
        times = [member.refresh_allowed_at[family] for family in member.refresh_queued]
        if member.own is None:
            if member.cursor < member.group.log_end or member.group.unjudged:
                return now
            at = member.group.out.outbox.ready_at(now)
        elif (
            member.group.unjudged
            or member.before_dump
            or member.review is not None
            or (member.dumps and not member.own.outbox.bulk)
            or (self._ready and member.after_dump and not _dumping(member))
        ):
            return now
        else:
            at = member.own.outbox.ready_at(now)
        if at is not None:
            times.append(at)
        return min(times, default=None)

    def member(self, name: str) -> Member | None:
        return self._members.get(name)

    def members(self) -> Iterable[Member]:
        return self._members.values()

    def synced_revision(self, name: str) -> int:
        """Every change up to this one has been told to the peer, or need not be."""
        member = self._members.get(name)
        return 0 if member is None else _synced(member, self.loc.revision)

    def group_for(self, terms: Terms, now: float) -> UpdateGroup:
        """A group to ask what-if questions of, whether or not anybody is told things by it."""
        group = self._group(terms)
        self._judge_all(group, now)
        return group

    def group_count(self) -> int:
        return len({id(member.group) for member in self._members.values()})

    def told(self, name: str) -> Table:
        """What the peer has been told, as of the last chunk handed out for it."""
        member = self._members.get(name)
        if member is None:
            return {}
        return member.group.out.table if member.own is None and _current(member) else _table(member)

    def self_check(self, now: float) -> int:
        """Compare every table with the wish and mark what differs unasked; 0 unless we are wrong.

        Nothing should ever be found: every change marks its keys. This is the net below that.
        """
        found = 0
        for group in self._groups.values():
            self._squeeze(group, now)
        for member in self._members.values():
            if member.group.unjudged or member.review is not None:
                continue
            source = member.table_source
            pending = source.outbox.urgent.keys() | source.outbox.bulk.keys()
            pending |= {key for dump in member.dumps for key in dump.keys[dump.position :]}
            lost = [key for key in _differences(member.group, source) if key not in pending]
            found += len(lost)
            source.outbox.mark(lost, self.loc.revision, now)
        return found

    # Inside

    def _group(self, terms: Terms) -> UpdateGroup:
        group = self._groups.get(terms)
        if group is None:
            used = {id(member.group) for member in self._members.values()}
            idle = [known for known, group in self._groups.items() if id(group) not in used]
            for known in idle[: max(0, len(idle) - _IDLE_GROUPS + 1)]:
                del self._groups[known]
            group = self._groups[terms] = UpdateGroup(terms, self.loc)
        return group

    def _of(self, group: UpdateGroup) -> list[Member]:
        return [member for member in self._members.values() if member.group is group]

    def _mark(
        self,
        group: UpdateGroup,
        keys: Iterable[Key],
        now: float,
        *,
        first_look: bool = False,
    ) -> None:
        """`first_look`: these may belong to a first dump, which End-of-RIB must follow."""
        keys = tuple(keys)
        if not keys:
            return
        in_step = False
        for member in self._of(group):
            if member.own is None:
                in_step = True
            elif first_look and member.review is not None:
                continue  # its whole table is compared when the first look is over
            elif first_look and member.after_dump:
                member.own.outbox.mark_bulk(keys)
            else:
                member.own.outbox.mark(keys, self.loc.revision, now)
        if in_step:
            group.out.outbox.mark(keys, self.loc.revision, now)

    def _judge_some(self, group: UpdateGroup, now: float) -> None:
        """Go on with a new group's first look at the table, or with a large change."""
        if not group.unjudged:
            return
        self._mark(group, group.judge_some(max(1, self.at_once)), now, first_look=True)

    def _judge_all(self, group: UpdateGroup, now: float) -> None:
        while group.unjudged:
            self._judge_some(group, now)

    def _squeeze(self, group: UpdateGroup, now: float) -> None:
        self._mark(group, group.squeeze(), now)

    def _in_step(self, member: Member, now: float) -> Chunk | None:
        group = member.group
        if member.cursor == group.log_end and not group.produce(now, self._next_seq):
            return None
        chunk = group.at(member.cursor)
        member.cursor += 1
        self._trim(group)
        return chunk

    def _on_its_own(self, member: Member, now: float) -> Chunk | None:
        if member.before_dump:
            return self._control(member.before_dump)
        own = _own(member)
        group = member.group
        if member.review is not None and not group.unjudged:
            _begin_review(member, self.loc)
        _feed(member)
        chunk = own.next_chunk(
            group,
            group.encoder,
            now=now,
            seq=self._next_seq,
            max_message=group.terms.max_message,
            revision=self.loc.revision,
        )
        if chunk is not None:
            return chunk
        if group.unjudged:
            return None
        if _dumping(member):
            return None
        if member.after_dump and self._ready:
            return self._control(member.after_dump)
        if not own.outbox and not member.after_dump:
            return self._fall_in(member, now)
        return None

    def _fall_in(self, member: Member, now: float) -> Chunk | None:
        """Both tables lie where the wish lies: from here on the group's chunks serve."""
        group = member.group
        if not any(other.dumps for other in self._of(group)):
            group.forget_snapshot()
        if not any(other.in_step for other in self._of(group)):
            group.forget_before(group.log_end)
            group.out = _own(member)
        elif group.out.outbox:
            return None  # the group is behind the wish, and this member is not
        else:
            group.out.recent.update(_own(member).recent)
        member.own = None
        member.cursor = group.log_end
        return self._in_step(member, now)

    def _detach(self, member: Member, now: float) -> None:
        """Go on alone from exactly what this member was told."""
        if member.own is not None:
            return
        group = member.group
        own = AdjRibOut(group.terms.pacing)
        own.table = _table(member)
        own.recent = dict(group.out.recent)
        unheard = [key for chunk in group.since(member.cursor) for key, _ in chunk.before]
        own.outbox.mark(unheard, self.loc.revision, now)
        own.outbox.mark(group.out.outbox.urgent, self.loc.revision, now)
        own.outbox.mark_bulk(group.out.outbox.bulk)
        member.own = own
        self._trim(group)

    def _trim(self, group: UpdateGroup) -> None:
        positions = [member.cursor for member in self._of(group) if member.in_step]
        group.forget_before(min(positions, default=group.log_end))
        if not positions:
            group.out.outbox.clear()

    def proven(self, name: str) -> None:
        """A fence was answered: forget what nobody will ask about any more."""
        member = self._members.get(name)
        if member is None:
            return
        out = member.table_source
        mates = self._of(member.group) if member.in_step else [member]
        asked = [m for m in mates if any(f.works is not False for f in m.fences.values())]
        floor = min((mate.proven for mate in asked), default=0)
        for key in [key for key, seq in out.recent.items() if seq <= floor]:
            del out.recent[key]

    def drop_laggards(self, now: float) -> None:
        """Members too far behind their group go their own way."""
        for member in self._members.values():
            if member.in_step and member.group.log_end - member.cursor > _MOST_LAG:
                self._detach(member, now)

    def _start_queued_refresh(self, member: Member, now: float) -> None:
        for family, enhanced in list(member.refresh_queued.items()):
            if now >= member.refresh_allowed_at[family]:
                del member.refresh_queued[family]
                self.refresh_requested(member.name, family, now, enhanced=enhanced)

    def _next_seq(self) -> int:
        return next(self._seq)

    def _control(self, messages: list[bytes]) -> Chunk:
        chunk = Chunk(seq=self._next_seq(), octets=b"".join(messages), messages=len(messages))
        messages.clear()
        return chunk


def _own(member: Member) -> AdjRibOut:
    assert member.own is not None
    return member.own


def _dumping(member: Member) -> bool:
    if member.dumps or member.review is not None:
        return True
    return member.own is not None and bool(member.own.outbox.bulk)


def _begin_review(member: Member, loc: LocRib) -> None:
    """Every key the peer was told or may have to be told under its new terms."""
    stray = [
        Key(family, nlri)
        for family, routes in _own(member).table.items()
        for nlri in routes.keys() - loc.table(family).keys()
    ]
    wanted = member.group.snapshot()
    member.dumps.append(Dump(keys=stray + wanted if stray else wanted, force=bool(member.review)))
    member.review = None


def _feed(member: Member) -> None:
    """Give the outbox the next slices of what is to be dumped."""
    bulk = _own(member).outbox
    while member.dumps and len(bulk.bulk) < _FED_AT_ONCE:
        dump = member.dumps[0]
        some = dump.next(_FED_AT_ONCE)
        bulk.mark_bulk(some, force=dump.force)
        if not some:
            member.dumps.popleft()


def _current(member: Member) -> bool:
    return member.cursor == member.group.log_end


def _table(member: Member) -> Table:
    """A copy of what this member was told: the group's table, minus the chunks it has not had."""
    table = {family: dict(routes) for family, routes in member.table_source.table.items()}
    if member.own is None:
        for chunk in member.group.since(member.cursor):
            for key, treatment in chunk.before:
                if treatment is None:
                    table[key.family].pop(key.nlri, None)
                else:
                    table.setdefault(key.family, {})[key.nlri] = treatment
    return table


def _synced(member: Member, revision: int) -> int:
    oldest = member.table_source.outbox.oldest_revision
    revision = min(revision, member.group.judged_revision)
    if _dumping(member):
        return 0
    if member.own is None and member.cursor < member.group.log_end:
        return member.group.at(member.cursor).revision - 1
    return revision if oldest is None else min(revision, oldest - 1)


def _differences(group: UpdateGroup, out: AdjRibOut) -> list[Key]:
    found = [
        Key(family, nlri)
        for family, routes in out.table.items()
        for nlri, treatment in routes.items()
        if group.desired(Key(family, nlri)) is not treatment
    ]
    found += [
        key
        for family in group.terms.families
        for key in group.desired_keys(family)
        if out.told(key) is None
    ]
    return found


def _refresh(family: Family, subtype: RefreshSubtype) -> bytes:
    return encode_message(RouteRefresh(family, subtype), BEFORE_OPEN)
