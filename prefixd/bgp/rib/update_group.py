"""An update group: peers with equal terms, who therefore hold the same table.

The group judges every route once, packs every batch once, and keeps the chunks in a short log. A
member in step is a position in that log: it has the group's table as of there, at no cost of its
own. Whatever is not sent exactly as the Loc-RIB has it (withheld, split, pushed out by the budget)
is kept in sparse tables; the common case costs nothing.

Parts of a split rule live under keys of their own, and such a key may also be wanted by another
rule. Then the same precedence decides as in the Loc-RIB.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from prefixd.bgp.rib.adj_rib_out import AdjRibOut, Chunk, Table
from prefixd.bgp.rib.attributes import AttributeEncoder
from prefixd.bgp.rib.budget import Candidate, limits_of, squeezed_out
from prefixd.bgp.rib.export import judge
from prefixd.bgp.rib.export_terms import Terms
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.route import Key, precedence
from prefixd.bgp.rib.route_action import RouteAction
from prefixd.bgp.rib.verdict import (
    EXPORT,
    Export,
    Reason,
    Split,
    Step,
    Verdict,
    Withheld,
)
from prefixd.bgp.wire.iana import Family

_BUDGET = Withheld(Step.BUDGET, Reason.BUDGET, "the neighbor's rule budget is used up")


class UpdateGroup:
    __slots__ = (
        "_born",
        "_claims",
        "_late_since",
        "_limits",
        "_loc",
        "_log",
        "_log_start",
        "_override",
        "_recount",
        "_snapshot",
        "_squeezed",
        "_unjudged",
        "_verdicts",
        "_waiting",
        "encoder",
        "out",
        "terms",
    )

    def __init__(self, terms: Terms, loc: LocRib) -> None:
        self.terms = terms
        self.encoder = AttributeEncoder(terms)
        self.out = AdjRibOut(terms.pacing)
        self._loc = loc
        self._limits = limits_of(terms.budget, terms.profile)
        self._verdicts: dict[Key, Split | Withheld] = {}
        self._claims: dict[Key, dict[Key, None]] = {}
        self._override: dict[Key, RouteAction | None] = {}
        self._squeezed: set[Key] = set()
        self._recount = False
        self._log: deque[Chunk] = deque()
        self._log_start = 0
        self._unjudged = self._by_importance()
        self._waiting = set(self._unjudged)
        self._born = loc.revision
        self._late_since = 1
        self._snapshot: tuple[int, list[Key]] | None = (loc.revision, self._unjudged[::-1])

    def snapshot(self) -> list[Key]:
        """Every key a member may have to receive, the most important first, as far as judged.

        One list for all members that ask before anything changes; no caller may change it.
        """
        revision = self._loc.revision
        if self._snapshot is None or self._snapshot[0] != revision:
            self._snapshot = (revision, self._by_importance()[::-1])
        keys = self._snapshot[1]
        if revision == self._born and len(self._waiting) == len(keys):
            keys = []  # the usual moment to ask: many sessions come up at once
        elif self._waiting:
            keys = [key for key in keys if key not in self._waiting]
        parts = [key for key in self._claims if self._loc.winner(key) is None]
        return keys + parts if parts else keys

    def _by_importance(self) -> list[Key]:
        """All routes of our families, the most important last."""
        routes = [r for f in sorted(self.terms.families) for r in self._loc.table(f).values()]
        routes.sort(key=lambda route: (route.priority, -route.since_us))
        return [route.key for route in routes]

    def forget_snapshot(self) -> None:
        """No member is being dumped to: free the memory."""
        self._snapshot = None

    # Judging a full table takes a while, and keepalives must not wait for it

    @property
    def unjudged(self) -> int:
        """Routes that have not been judged yet: all at the beginning, later large changes."""
        return len(self._unjudged)

    @property
    def judged_revision(self) -> int:
        """Every change up to this one has been judged."""
        return self._late_since - 1 if self._unjudged else self._loc.revision

    def judge_later(self, keys: Iterable[Key]) -> None:
        """A change too large to be judged at once; their last verdicts hold meanwhile."""
        fresh = [k for k in keys if k not in self._waiting and k.family in self.terms.families]
        if not self._unjudged:
            self._late_since = self._loc.revision
        self._unjudged[:0] = fresh[::-1]
        self._waiting.update(fresh)

    def judge_some(self, most: int) -> dict[Key, None]:
        """Judge the most important of them; the keys on the wire that may differ now."""
        some = self._unjudged[-most:][::-1]
        del self._unjudged[-most:]
        self._waiting.difference_update(some)
        if not self._unjudged:
            self._waiting = set[Key]()  # an emptied set keeps its memory
        return self.reconsider(some)

    # The desired table

    def desired(self, key: Key) -> RouteAction | None:
        if key in self._override:
            return self._override[key]
        if key.family not in self.terms.families:
            return None
        route = self._loc.winner(key)
        return None if route is None else route.action

    def desired_keys(self, family: Family) -> Iterator[Key]:
        """Every key a member should hold, as far as judged, in no particular order."""
        if family not in self.terms.families:
            return
        table = self._loc.table(family)
        for nlri in table:
            key = Key(family, nlri)
            if key not in self._waiting and self.desired(key) is not None:
                yield key
        for key, action in list(self._override.items()):
            if action is not None and key.family == family and key.nlri not in table:
                yield key

    def verdict(self, key: Key) -> Verdict:
        """Of a key that the Loc-RIB holds."""
        if key in self._squeezed:
            return _BUDGET
        if key.family not in self.terms.families:
            return Withheld(Step.FAMILY, Reason.FAMILY, f"{key.family} was not negotiated")
        return self._verdicts.get(key, EXPORT)

    def withheld(self) -> dict[Reason, int]:
        """How many routes are held back, by reason."""
        found: dict[Reason, int] = {}
        for verdict in self._verdicts.values():
            if isinstance(verdict, Withheld):
                found[verdict.reason] = found.get(verdict.reason, 0) + 1
        for family in self._loc.families:
            if family not in self.terms.families and (count := len(self._loc.table(family))):
                found[Reason.FAMILY] = found.get(Reason.FAMILY, 0) + count
        if self._squeezed:
            found[Reason.BUDGET] = len(self._squeezed)
        return found

    def room(self, table: Table, afi: int) -> int:
        counts = {family: len(routes) for family, routes in table.items()}
        own = sum(count for family, count in counts.items() if family.afi == afi)
        room = 1 << 31
        limit = self._limits.of(afi)
        if limit is not None:
            room = limit - own
        if self._limits.total is not None:
            room = min(room, self._limits.total - sum(counts.values()))
        return room

    # Changes

    def reconsider(self, keys: Iterable[Key]) -> dict[Key, None]:
        """Judge these routes again; the keys on the wire that may differ now."""
        affected: dict[Key, None] = {}
        for key in keys:
            if key.family not in self.terms.families:
                continue
            affected[key] = None
            before = self._verdicts.pop(key, None)
            if isinstance(before, Split):
                self._unclaim(key, before, affected)
            route = self._loc.winner(key)
            verdict = EXPORT if route is None else judge(route, self.terms)
            if isinstance(verdict, Export):
                continue
            self._verdicts[key] = verdict
            if isinstance(verdict, Split):
                for nlri in verdict.parts:
                    part = Key(key.family, nlri)
                    self._claims.setdefault(part, {})[key] = None
                    affected[part] = None
        for key in affected:
            self._resolve(key)
        self._recount = self._recount or bool(affected)
        return affected

    def squeeze(self) -> dict[Key, None]:
        """Fit the budget; the keys on the wire that may differ now."""
        if not self._recount:
            return {}
        self._recount = False
        if not self._squeezed and self._surely_fits():
            return {}
        now_out = squeezed_out(self._candidates(), self._limits)
        moved = now_out ^ self._squeezed
        self._squeezed = now_out
        affected: dict[Key, None] = {}
        for key in moved:
            affected[key] = None
            verdict = self._verdicts.get(key)
            if isinstance(verdict, Split):
                affected.update(dict.fromkeys(Key(key.family, nlri) for nlri in verdict.parts))
        for key in affected:
            self._resolve(key)
        return affected

    @property
    def is_tight(self) -> bool:
        """Some routes may exceed the budget."""
        return bool(self._squeezed) or not self._surely_fits()

    def _surely_fits(self) -> bool:
        total = len(self._claims)
        for afi in (1, 2):
            own = len(self._claims) + sum(
                len(self._loc.table(f)) for f in self.terms.families if f.afi == afi
            )
            limit = self._limits.of(afi)
            if limit is not None and own > limit - int(limit * self._limits.reserve):
                return False
            total += own
        limit = self._limits.total
        return limit is None or total <= limit - int(limit * self._limits.reserve)

    def _candidates(self) -> Iterator[Candidate]:
        waiting, verdicts = self._waiting, self._verdicts
        for family in self.terms.families:
            for route in self._loc.table(family).values():
                key = route.key
                if key in waiting:
                    continue
                verdict = verdicts.get(key)
                if not isinstance(verdict, Withheld):
                    weight = 1 if verdict is None else len(verdict.parts)
                    yield Candidate(-route.priority, not route.manual, route.since_us, key, weight)

    def _unclaim(self, parent: Key, split: Split, affected: dict[Key, None]) -> None:
        for nlri in split.parts:
            part = Key(parent.family, nlri)
            parents = self._claims[part]
            del parents[parent]
            if not parents:
                del self._claims[part]
            affected[part] = None

    def _resolve(self, key: Key) -> None:
        """Note the desired action of a key where it differs from the Loc-RIB."""
        route = self._loc.winner(key)
        wanting = [route] if route is not None and isinstance(self.verdict(key), Export) else []
        for parent in self._claims.get(key, ()):
            claimant = None if parent in self._squeezed else self._loc.winner(parent)
            if claimant is not None:
                wanting.append(claimant)
        best = min(wanting, key=precedence).action if wanting else None
        if best is (None if route is None else route.action):
            self._override.pop(key, None)
        else:
            self._override[key] = best

    # The log

    @property
    def log_end(self) -> int:
        return self._log_start + len(self._log)

    def at(self, position: int) -> Chunk:
        return self._log[position - self._log_start]

    def since(self, position: int) -> Iterator[Chunk]:
        """The chunks a member at `position` has not had, newest first."""
        for index in range(len(self._log) - 1, position - self._log_start - 1, -1):
            yield self._log[index]

    def produce(self, now: float, seq: Callable[[], int]) -> bool:
        """Put the next chunk into the log; False when it is not time, or nothing to send."""
        chunk = self.out.next_chunk(
            self,
            self.encoder,
            now=now,
            seq=seq,
            max_message=self.terms.max_message,
            revision=self._loc.revision,
        )
        if chunk is None:
            return False
        self._log.append(chunk)
        return True

    def forget_before(self, position: int) -> None:
        while self._log and self._log_start < position:
            self._log.popleft()
            self._log_start += 1
