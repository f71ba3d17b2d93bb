"""A member of an update group: in step with the group, or with a table of its own.

In step, a member is a position in the group's log. During a dump, a refresh, or when it is too
slow, it has a table and pending keys of its own, built from state and never from old messages. When
its table equals the desired one, it rejoins the group.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from prefixd.bgp.rib.adj_rib_out import AdjRibOut, Chunk, Table
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.refresh_probe import RefreshProbe
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.update_group import UpdateGroup
from prefixd.bgp.wire.iana import Family

FED_AT_ONCE: Final = 1000
"""Pending keys of a dump at a time."""


@dataclass(slots=True, kw_only=True)
class Dump:
    """A list of keys shared with other members, and how far this one has come in it."""

    keys: list[Key]
    force: bool
    """Send what was sent before as well."""
    position: int = 0

    def next(self, most: int) -> list[Key]:
        some = self.keys[self.position : self.position + most]
        self.position += len(some)
        return some


@dataclass(slots=True, kw_only=True)
class GroupMember:
    name: str
    group: UpdateGroup
    cursor: int = 0
    own: AdjRibOut | None = None
    """None: in step."""
    dumps: deque[Dump] = field(default_factory=deque[Dump])
    """Keys still to be dumped; they become pending a slice at a time."""
    review: bool | None = None
    """Its terms have changed and its table is not compared with them yet; True: everything
    has to be sent again, because its attributes are different now."""
    before_dump: list[bytes] = field(default_factory=list[bytes])
    """Messages that must precede the dump: BoRR."""
    after_dump: list[bytes] = field(default_factory=list[bytes])
    """Messages that must follow it: End-of-RIB, EoRR."""
    probes: dict[Family, RefreshProbe] = field(default_factory=dict[Family, RefreshProbe])
    seen: dict[Key, int] = field(default_factory=dict[Key, int])
    """Rules that the peer sent back to us, and when (microseconds)."""
    repeats: bool = False
    """The dump under way answers a refresh: what the peer holds already is no change."""
    written: int = 0
    """The last chunk handed out."""
    changed: int = 0
    """The last one that changed what the peer holds, so that it is worth a probe."""
    written_at: float = 0.0
    announced: int = 0
    withdrawn: int = 0
    refresh_allowed_at: dict[Family, float] = field(default_factory=dict[Family, float])
    refresh_queued: dict[Family, bool] = field(default_factory=dict[Family, bool])

    @property
    def proven(self) -> int:
        """Everything up to this chunk has been parsed: a session's messages have one order, so an
        answer for one family proves all that was sent before the question."""
        return max((probe.proven for probe in self.probes.values()), default=0)

    @property
    def asking(self) -> tuple[Family, RefreshProbe] | None:
        """The probe that asks: one answer proves what was sent in every family, so the others
        ask only when this one is known not to be answered."""
        usable = ((family, each) for family, each in self.probes.items() if each.works is not False)
        return next(usable, None)

    @property
    def has_more(self) -> bool:
        """Something is still to be sent."""
        behind = self.own is None and self.cursor < self.group.log_end
        waiting = self.before_dump or self.after_dump or self.table_source.pending or self.dumps
        return bool(behind or waiting or self.group.unjudged or self.review is not None)

    @property
    def in_step(self) -> bool:
        return self.own is None

    def handed(self, chunk: Chunk, now: float) -> Chunk:
        self.written = max(self.written, chunk.seq)
        if chunk.changed:
            self.changed = self.written
        self.written_at = now
        self.announced += chunk.announced
        self.withdrawn += chunk.withdrawn
        if self.seen:
            for key, _ in chunk.before:
                self.seen.pop(key, None)
        return chunk

    @property
    def table_source(self) -> AdjRibOut:
        return self.group.out if self.own is None else self.own

    @property
    def own_table(self) -> AdjRibOut:
        assert self.own is not None
        return self.own

    @property
    def dumping(self) -> bool:
        """The dump at this point of the session is not finished."""
        if self.dumps or self.review is not None:
            return True
        return self.own is not None and bool(self.own.pending.bulk)

    @property
    def is_current(self) -> bool:
        return self.cursor == self.group.log_end

    def feed(self) -> None:
        """Make the next slices of the dump pending."""
        pending = self.own_table.pending
        while self.dumps and len(pending.bulk) < FED_AT_ONCE:
            dump = self.dumps[0]
            some = dump.next(FED_AT_ONCE)
            pending.mark_bulk(some, force=dump.force)
            if not some:
                self.dumps.popleft()

    def begin_review(self, loc: LocRib) -> None:
        """Every key the peer holds or may have to hold under its new terms."""
        stray = [
            Key(family, nlri)
            for family, routes in self.own_table.table.items()
            for nlri in routes.keys() - loc.table(family).keys()
        ]
        wanted = self.group.snapshot()
        keys = stray + wanted if stray else wanted
        self.dumps.append(Dump(keys=keys, force=bool(self.review)))
        if self.review:
            self.repeats = False
        self.review = None

    def table(self) -> Table:
        """A copy of its table: the group's table, minus the chunks it has not received."""
        table = {family: dict(routes) for family, routes in self.table_source.table.items()}
        if self.own is None:
            for chunk in self.group.since(self.cursor):
                for key, action in chunk.before:
                    if action is None:
                        table[key.family].pop(key.nlri, None)
                    else:
                        table.setdefault(key.family, {})[key.nlri] = action
        return table

    def synced(self, revision: int) -> int:
        """Every change up to this one has been sent, or need not be."""
        oldest = self.table_source.pending.oldest_revision
        revision = min(revision, self.group.judged_revision)
        if self.dumping:
            return 0
        if self.own is None and self.cursor < self.group.log_end:
            return self.group.at(self.cursor).revision - 1
        return revision if oldest is None else min(revision, oldest - 1)

    def differences(self) -> list[Key]:
        """Keys at which the table differs from the desired one."""
        group, out = self.group, self.table_source
        found = [
            Key(family, nlri)
            for family, routes in out.table.items()
            for nlri, action in routes.items()
            if group.desired(Key(family, nlri)) is not action
        ]
        found += [
            key
            for family in group.terms.families
            for key in group.desired_keys(family)
            if out.advertised(key) is None
        ]
        return found
