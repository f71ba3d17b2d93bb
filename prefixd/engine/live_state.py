"""The live state: what is true now for this POP, kept in memory and rebuilt from the store.

Every decision reads from here and never from the database, which is why a decision needs no lock
and no waiting: between two awaits no other code runs. Only committed things enter. How many rows
there are is counted in `quotas`, which also knows what a running commit is about to add.

The live state knows rows, not rules of conduct: it never decides and never writes.
"""

from collections.abc import Iterator

from prefixd.correlation.incident import Incidents
from prefixd.domain.actor import SYSTEM
from prefixd.domain.group import Group
from prefixd.domain.ids import GroupId, MitigationId
from prefixd.domain.mitigation import Mitigation, Status
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import CorroborationRecord
from prefixd.engine.due_heap import Due, DueHeap, Key
from prefixd.engine.episodes import EpisodeKey, RecentEpisodes
from prefixd.engine.quotas import Quotas
from prefixd.guardrails.facts import Withdrawal


class LiveState:
    def __init__(self, episode_limit: int) -> None:
        self.mitigations: dict[MitigationId, Mitigation] = {}
        self.groups: dict[GroupId, Group] = {}
        self.episodes = RecentEpisodes(episode_limit)
        self.corroborations: dict[EpisodeKey, CorroborationRecord] = {}
        self.quotas = Quotas()
        self.incidents = Incidents()
        self.rehearsed = 0
        """Mitigations of a dry run among them: live rows that are never announced."""
        self.revision = 0
        """Grows with every change of a mitigation; equal numbers, equal lists."""
        self.looks: dict[GroupId, int] = {}
        """When time alone may next change what is decided about a group."""
        self.untranslated: dict[Prefix, int] = {}
        """Victims whose rows still have the times from before the civil clock was set, and by how
        much they are to be moved."""
        self._by_victim: dict[Prefix, dict[MitigationId, None]] = {}
        self._groups_of: dict[Prefix, dict[GroupId, None]] = {}
        self._withdrawals: dict[Prefix, list[Withdrawal]] = {}

    # mitigations

    def put(self, mitigation: Mitigation) -> None:
        """A committed row: kept while live, forgotten when it ended."""
        identity = mitigation.mitigation_id
        old = self.mitigations.get(identity)
        if old is not None and old.version > mitigation.version:
            return
        self.revision += 1
        if not mitigation.is_live:
            if old is not None:
                self._unlink(old)
            if mitigation.status is Status.WITHDRAWN and mitigation.ended_by != SYSTEM.name:
                self._remember_withdrawal(mitigation)
            return
        if old is None:
            self._by_victim.setdefault(mitigation.victim, {})[identity] = None
            self.quotas.add(mitigation)
            self.rehearsed += mitigation.dry_run
        # In its old place, if it had one: the order stays the order of creation.
        self.mitigations[identity] = mitigation

    def forget(self, mitigation_id: MitigationId) -> None:
        old = self.mitigations.get(mitigation_id)
        if old is not None:
            self.revision += 1
            self._unlink(old)

    def _unlink(self, mitigation: Mitigation) -> None:
        identity = mitigation.mitigation_id
        del self.mitigations[identity]
        same_victim = self._by_victim[mitigation.victim]
        del same_victim[identity]
        if not same_victim:
            del self._by_victim[mitigation.victim]
        self.quotas.remove(mitigation)
        self.rehearsed -= mitigation.dry_run

    def of_victim(self, victim: Prefix) -> tuple[Mitigation, ...]:
        """Oldest first."""
        return tuple(self.mitigations[found] for found in self._by_victim.get(victim, ()))

    def newest_first(self) -> Iterator[Mitigation]:
        return reversed(self.mitigations.values())

    def expiry_us(self, mitigation: Mitigation) -> int:
        """When it expires, on the clock as it is set now."""
        return mitigation.expires_at_us + self.untranslated.get(mitigation.victim, 0)

    def next_moment_us(self, key: Key) -> int | None:
        """When the row expires or the group is due; None when it is not live or never."""
        kind, name = key
        if kind is Due.MITIGATION:
            row = self.mitigations.get(MitigationId(name))
            return None if row is None else self.expiry_us(row)
        return self.looks.get(GroupId(name))

    def schedule(self, key: Key, due: DueHeap) -> None:
        moment_us = self.next_moment_us(key)
        if moment_us is not None:
            due.schedule(key, moment_us)

    def withdrawals_of(self, victim: Prefix) -> tuple[Withdrawal, ...]:
        """What operators withdrew for this victim, oldest first. What detectors and timers ended is
        not among them: an attack that begins again is not a rule that an operator did not want."""
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

    # evidence without a victim

    def keep(self, record: CorroborationRecord) -> None:
        value = record.corroboration
        self.corroborations[(value.source, value.external_id)] = record

    def forget_corroborations_before(self, now_us: int) -> None:
        for key, record in list(self.corroborations.items()):
            if record.corroboration.expires_at_us <= now_us:
                del self.corroborations[key]
