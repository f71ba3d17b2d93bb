"""The live picture: what is true now for this POP, kept in memory and rebuilt from the store.

Every decision reads from here and never from the database, which is why a decision needs no lock
and no waiting: between two awaits nobody else runs. Only committed things enter. What a running
commit is about to take (a scope, a place in a quota) is *reserved* meanwhile, so that the decision
made next already counts it; whoever reserved gives back, whether the commit held or not.

The picture knows rows, not rules of conduct: it never decides and never writes.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prefixd.correlation.incident import Incidents
from prefixd.domain.actor import SYSTEM
from prefixd.domain.group import Group
from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.mitigation import Mitigation, Status
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import CorroborationRecord
from prefixd.engine.episodes import EpisodeKey, Known
from prefixd.guardrails.facts import Withdrawal

MINUTE_US = 60_000_000
NOBODY = ""


@dataclass(slots=True)
class Elsewhere:
    """Live mitigations of other POPs on the same database, as last heard."""

    total: int = 0
    by_customer: dict[str, int] = field(default_factory=dict)


class Picture:
    def __init__(self, episode_limit: int) -> None:
        self.mitigations: dict[MitigationId, Mitigation] = {}
        self.groups: dict[GroupId, Group] = {}
        self.episodes: dict[EpisodeKey, Known] = {}
        self.corroborations: dict[EpisodeKey, CorroborationRecord] = {}
        self.elsewhere = Elsewhere()
        self.incidents = Incidents()
        self.revision = 0
        """Grows with every change of a mitigation; equal numbers, equal lists."""
        self.looks: dict[GroupId, int] = {}
        """When time alone may next change what is decided about a group."""
        self.untranslated: dict[Prefix, int] = {}
        """Victims whose rows still stand in the time before the civil clock was set, and by how
        much they are to be moved."""
        self._by_victim: dict[Prefix, dict[MitigationId, None]] = {}
        self._by_scope: dict[str, MitigationId] = {}
        self._by_customer: dict[str, int] = {}
        self._groups_of: dict[Prefix, dict[GroupId, None]] = {}
        self._reserved_scopes: set[str] = set()
        self._reserved: dict[str, int] = {}
        self._reserved_total = 0
        self._new: deque[int] = deque()
        self._withdrawals: dict[Prefix, list[Withdrawal]] = {}
        self._episode_limit = episode_limit

    # mitigations

    def put(self, mitigation: Mitigation) -> None:
        """A committed row: kept while live, forgotten when it ended."""
        old = self.mitigations.get(mitigation.mitigation_id)
        if old is not None and old.version > mitigation.version:
            return
        self.revision += 1
        if not mitigation.is_live:
            if old is not None:
                self._unlink(old)
            if mitigation.status is Status.WITHDRAWN and mitigation.ended_by != SYSTEM.name:
                self._remember_withdrawal(mitigation)
        elif old is None:
            self._link(mitigation)
            self._new.append(mitigation.created_at_us)
        else:  # in its place, so that the order stays the order of creation
            self.mitigations[mitigation.mitigation_id] = mitigation
            self._rename_scope(old, mitigation)

    def forget(self, mitigation_id: MitigationId) -> None:
        old = self.mitigations.get(mitigation_id)
        if old is not None:
            self.revision += 1
            self._unlink(old)

    def _link(self, mitigation: Mitigation) -> None:
        identity = mitigation.mitigation_id
        self.mitigations[identity] = mitigation
        self._by_victim.setdefault(mitigation.victim, {})[identity] = None
        self._by_scope[mitigation.scope_hash] = identity
        customer = mitigation.customer_id or NOBODY
        self._by_customer[customer] = self._by_customer.get(customer, 0) + 1

    def _unlink(self, mitigation: Mitigation) -> None:
        identity = mitigation.mitigation_id
        del self.mitigations[identity]
        same_victim = self._by_victim[mitigation.victim]
        del same_victim[identity]
        if not same_victim:
            del self._by_victim[mitigation.victim]
        if self._by_scope.get(mitigation.scope_hash) == identity:
            del self._by_scope[mitigation.scope_hash]
        customer = mitigation.customer_id or NOBODY
        self._by_customer[customer] -= 1
        if not self._by_customer[customer]:
            del self._by_customer[customer]

    def _rename_scope(self, old: Mitigation, new: Mitigation) -> None:
        if old.scope_hash != new.scope_hash:
            if self._by_scope.get(old.scope_hash) == old.mitigation_id:
                del self._by_scope[old.scope_hash]
            self._by_scope[new.scope_hash] = new.mitigation_id

    def of_victim(self, victim: Prefix) -> tuple[Mitigation, ...]:
        """Oldest first."""
        return tuple(self.mitigations[found] for found in self._by_victim.get(victim, ()))

    def of_scope(self, scope_hash: str) -> Mitigation | None:
        found = self._by_scope.get(scope_hash)
        return None if found is None else self.mitigations[found]

    def newest_first(self) -> Iterator[Mitigation]:
        return reversed(self.mitigations.values())

    def expiry_us(self, mitigation: Mitigation) -> int:
        """When its time is over, on the clock as it stands now."""
        return mitigation.expires_at_us + self.untranslated.get(mitigation.victim, 0)

    # room

    def live_here(self) -> int:
        return len(self.mitigations) + self._reserved_total

    def live_everywhere(self) -> int:
        return self.live_here() + self.elsewhere.total

    def live_of_customer(self, customer_id: str) -> int:
        return (
            self._by_customer.get(customer_id, 0)
            + self._reserved.get(customer_id, 0)
            + self.elsewhere.by_customer.get(customer_id, 0)
        )

    def new_since(self, since_us: int) -> int:
        """Mitigations begun since then, those about to be saved included."""
        while self._new and self._new[0] < since_us:
            self._new.popleft()
        return len(self._new) + self._reserved_total

    def withdrawals_of(self, victim: Prefix) -> tuple[Withdrawal, ...]:
        """What people took back for this victim, oldest first. What detectors and timers ended is
        not among them: an attack that begins again is not a rule somebody did not want."""
        return tuple(self._withdrawals.get(victim, ()))

    def forget_withdrawals_before(self, before_us: int) -> None:
        for victim, withdrawals in list(self._withdrawals.items()):
            recent = [item for item in withdrawals if item.at_us >= before_us]
            if recent:
                self._withdrawals[victim] = recent
            else:
                del self._withdrawals[victim]

    def _remember_withdrawal(self, mitigation: Mitigation) -> None:
        self._withdrawals.setdefault(mitigation.victim, []).append(
            Withdrawal(
                victim=mitigation.victim,
                vector=mitigation.vector,
                scope_hash=mitigation.scope_hash,
                at_us=mitigation.withdrawn_at_us or mitigation.updated_at_us,
            )
        )

    def reserve(self, mitigation: Mitigation) -> None:
        self._reserved_scopes.add(mitigation.scope_hash)
        customer = mitigation.customer_id or NOBODY
        self._reserved[customer] = self._reserved.get(customer, 0) + 1
        self._reserved_total += 1

    def give_back(self, mitigations: Iterable[Mitigation]) -> None:
        for mitigation in mitigations:
            self._reserved_scopes.discard(mitigation.scope_hash)
            self._reserved[mitigation.customer_id or NOBODY] -= 1
            self._reserved_total -= 1

    def is_reserved(self, scope_hash: str) -> bool:
        return scope_hash in self._reserved_scopes

    # groups

    def put_group(self, group: Group) -> None:
        old = self.groups.get(group.group_id)
        if group.is_live:
            if old is None:
                self._groups_of.setdefault(group.victim, {})[group.group_id] = None
                self.incidents.know(group)
            self.groups[group.group_id] = group
        elif old is not None:
            del self.groups[group.group_id]
            self.looks.pop(group.group_id, None)
            same_victim = self._groups_of[group.victim]
            del same_victim[group.group_id]
            if not same_victim:
                del self._groups_of[group.victim]

    def groups_of(self, victim: Prefix) -> tuple[Group, ...]:
        """Live ones, oldest first."""
        return tuple(self.groups[found] for found in self._groups_of.get(victim, ()))

    # episodes

    def put_episode(self, known: Known) -> None:
        # Taken out first so that the dictionary stays in the order of last report.
        self.episodes.pop(known.key, None)
        self.episodes[known.key] = known
        if len(self.episodes) > self._episode_limit:
            del self.episodes[next(iter(self.episodes))]

    def forget_episodes_before(self, before_us: int) -> None:
        while self.episodes:
            oldest = next(iter(self.episodes.values()))
            if oldest.episode.last_seen_us >= before_us:
                return
            del self.episodes[oldest.key]

    def forget_corroborations_before(self, now_us: int) -> None:
        for key, record in list(self.corroborations.items()):
            if record.corroboration.expires_at_us <= now_us:
                del self.corroborations[key]
