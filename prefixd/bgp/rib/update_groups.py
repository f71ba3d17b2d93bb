"""Which peers form which update groups, and how a member leaves its group and rejoins it.

Peers with equal terms are members of one group. A group judges the table, in slices, and what that
moves is marked for all of them: once in the group's pending keys for members in step, and in those
of each with a table of its own. Groups without members are kept for a while, for peers that flap
and for questions.
"""

from collections.abc import Iterable
from itertools import count
from typing import Final

from prefixd.bgp.rib.adj_rib_out import AdjRibOut, Chunk
from prefixd.bgp.rib.export_terms import Terms
from prefixd.bgp.rib.group_member import GroupMember
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.update_group import UpdateGroup

_IDLE_GROUPS: Final = 64
"""Groups without members whose verdicts are kept."""
_JUDGED_AT_ONCE: Final = 250
"""Routes judged in one go: some milliseconds."""


class UpdateGroups:
    __slots__ = ("_seq", "at_once", "groups", "loc", "members")

    def __init__(self, loc: LocRib) -> None:
        self.loc = loc
        self.groups: dict[Terms, UpdateGroup] = {}
        self.members: dict[str, GroupMember] = {}
        self.at_once = _JUDGED_AT_ONCE
        """A change of more routes than this is judged in slices, of this size."""
        self._seq = count(1)

    def group(self, terms: Terms) -> UpdateGroup:
        """The group of these terms, new if no peer had them lately."""
        group = self.groups.get(terms)
        if group is None:
            used = {id(member.group) for member in self.members.values()}
            idle = [known for known, group in self.groups.items() if id(group) not in used]
            for known in idle[: max(0, len(idle) - _IDLE_GROUPS + 1)]:
                del self.groups[known]
            group = self.groups[terms] = UpdateGroup(terms, self.loc)
        return group

    def of(self, group: UpdateGroup) -> list[GroupMember]:
        return [member for member in self.members.values() if member.group is group]

    def mark(
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
        for member in self.of(group):
            if member.own is None:
                in_step = True
            elif first_look and member.review is not None:
                continue  # its whole table is compared when the first look is over
            elif first_look and member.after_dump:
                member.own.pending.mark_bulk(keys)
            else:
                member.own.pending.mark(keys, self.loc.revision, now)
        if in_step:
            group.out.pending.mark(keys, self.loc.revision, now)

    def judge_some(self, group: UpdateGroup, now: float) -> None:
        """Continue to judge the table for a new group, or a large change."""
        if not group.unjudged:
            return
        self.mark(group, group.judge_some(max(1, self.at_once)), now, first_look=True)

    def judge_all(self, group: UpdateGroup, now: float) -> None:
        while group.unjudged:
            self.judge_some(group, now)

    def squeeze(self, group: UpdateGroup, now: float) -> None:
        self.mark(group, group.squeeze(), now)

    def next_in_step(self, member: GroupMember, now: float) -> Chunk | None:
        group = member.group
        if member.cursor == group.log_end and not group.produce(now, self.next_seq):
            return None
        chunk = group.at(member.cursor)
        member.cursor += 1
        self.trim(group)
        return chunk

    def rejoin(self, member: GroupMember, now: float) -> Chunk | None:
        """The member's own table equals the desired table, so rejoin the update group."""
        group = member.group
        if not any(other.dumps for other in self.of(group)):
            group.forget_snapshot()
        if not any(other.in_step for other in self.of(group)):
            group.forget_before(group.log_end)
            group.out = member.own_table
        elif group.out.pending:
            return None  # the group has pending keys, and this member has none
        else:
            group.out.recent.update(member.own_table.recent)
        member.own = None
        member.cursor = group.log_end
        return self.next_in_step(member, now)

    def detach(self, member: GroupMember, now: float) -> None:
        """Give the member a table of its own, equal to what it has received."""
        if member.own is not None:
            return
        group = member.group
        own = AdjRibOut(group.terms.pacing)
        own.table = member.table()
        own.recent = dict(group.out.recent)
        unsent = [key for chunk in group.since(member.cursor) for key, _ in chunk.before]
        own.pending.mark(unsent, self.loc.revision, now)
        own.pending.mark(group.out.pending.urgent, self.loc.revision, now)
        own.pending.mark_bulk(group.out.pending.bulk)
        member.own = own
        self.trim(group)

    def trim(self, group: UpdateGroup) -> None:
        positions = [member.cursor for member in self.of(group) if member.in_step]
        group.forget_before(min(positions, default=group.log_end))
        if not positions:
            group.out.pending.clear()

    def next_seq(self) -> int:
        return next(self._seq)
