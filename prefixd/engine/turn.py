"""One turn of one victim: what shall change, collected before any of it is true.

A verb (ingest a signal, withdraw, expire, ...) is a function that gets the turn, reads the live
state through it, and notes what it wants saved and published. Several verbs in one turn see what
the ones before them noted. When all have run, the turn is written as one unit; only after the
commit does it enter the live state, and only then do effects follow. A turn that fails leaves
nothing behind, and its verbs can simply be asked again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from prefixd.domain.actor import Actor
from prefixd.domain.audit import AuditEntry
from prefixd.domain.group import Group
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import News
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import (
    CorroborationRecord,
    DecisionRecord,
    QuotaLimits,
    SignalRecord,
)
from prefixd.domain.safelist import SafelistEntry
from prefixd.engine.due_heap import Due, DueHeap
from prefixd.engine.episodes import EpisodeKey, Known
from prefixd.engine.live_state import LiveState
from prefixd.engine.ports import PreparedAlerts
from prefixd.engine.settings import Snapshot
from prefixd.store.store import Transaction

_encoder = msgspec.json.Encoder(order="sorted")


def details(values: Mapping[str, object]) -> str:
    """Audit details as canonical JSON; what is None is left out."""
    return _encoder.encode(
        {key: value for key, value in values.items() if value is not None}
    ).decode()


@dataclass(slots=True)
class Turn:
    snapshot: Snapshot
    live: LiveState
    victim: Prefix | None
    now_us: int
    new_id: Callable[[], str]
    groups: dict[GroupId, Group] = field(default_factory=dict)
    mitigations: dict[MitigationId, Mitigation] = field(default_factory=dict)
    signals: dict[SignalId, SignalRecord] = field(default_factory=dict)
    corroborations: list[CorroborationRecord] = field(default_factory=list)
    decisions: list[DecisionRecord] = field(default_factory=list)
    audits: list[AuditEntry] = field(default_factory=list)
    safelist_put: list[SafelistEntry] = field(default_factory=list)
    safelist_removed: list[SafelistEntry] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    alerts: PreparedAlerts | None = None
    episodes: dict[EpisodeKey, Known] = field(default_factory=dict)
    looks: dict[GroupId, int | None] = field(default_factory=dict)
    _new_signals: set[SignalId] = field(default_factory=set)
    _seen_groups: dict[GroupId, int] = field(default_factory=dict)
    _seen: dict[MitigationId, int] = field(default_factory=dict)
    """The stored version that a row was derived from; 0 when it is new."""
    _acknowledged: set[MitigationId] = field(default_factory=set)
    """Rows of which only the acknowledgement changes."""
    _foreign: dict[MitigationId, Mitigation] = field(default_factory=dict)
    _limits: dict[MitigationId, QuotaLimits] = field(default_factory=dict)
    _reserved: list[Mitigation] = field(default_factory=list)

    # what is, seen through what shall be

    def live_groups(self) -> tuple[Group, ...]:
        if self.victim is None:
            return ()
        live = self.live.groups_of(self.victim)
        if not self.groups:
            return live
        known = [self.groups.get(group.group_id, group) for group in live]
        held = {group.group_id for group in known}
        known += [group for key, group in self.groups.items() if key not in held]
        return tuple(group for group in known if group.is_live)

    def group(self, group_id: GroupId) -> Group | None:
        return self.groups.get(group_id) or self.live.groups.get(group_id)

    def live_mitigations(self) -> tuple[Mitigation, ...]:
        if self.victim is None:
            return ()
        live = self.live.of_victim(self.victim)
        if not self.mitigations:
            return live
        known = [self.mitigations.get(row.mitigation_id, row) for row in live]
        held = {row.mitigation_id for row in known}
        known += [row for key, row in self.mitigations.items() if key not in held]
        return tuple(row for row in known if row.is_live)

    def mitigation(self, mitigation_id: MitigationId) -> Mitigation | None:
        return (
            self.mitigations.get(mitigation_id)
            or self.live.mitigations.get(mitigation_id)
            or self._foreign.get(mitigation_id)
        )

    def know(self, rows: Iterable[Mitigation]) -> None:
        """Rows of another POP that a verb is about: the live state holds those of ours."""
        self._foreign.update((row.mitigation_id, row) for row in rows)

    def episode(self, key: EpisodeKey) -> Known | None:
        return self.episodes.get(key) or self.live.episodes.get(key)

    # what shall be

    def save_group(self, group: Group) -> None:
        known = self.group(group.group_id)
        if known == group:
            return
        if group.group_id not in self._seen_groups:
            self._seen_groups[group.group_id] = 0 if known is None else known.version
        version = self._seen_groups[group.group_id] + 1
        self.groups[group.group_id] = (
            group if group.version == version else replace(group, version=version)
        )

    def open_mitigation(self, mitigation: Mitigation, limits: QuotaLimits) -> None:
        """A new row. Its place in the quotas is taken from now on."""
        self.mitigations[mitigation.mitigation_id] = mitigation
        self._seen[mitigation.mitigation_id] = 0
        self._limits[mitigation.mitigation_id] = limits
        self.live.quotas.reserve(mitigation)
        self._reserved.append(mitigation)

    def move_mitigation(self, mitigation: Mitigation) -> None:
        """The next value of a row, by a legal move."""
        self._note(mitigation)
        self._acknowledged.discard(mitigation.mitigation_id)

    def acknowledge_mitigation(self, mitigation: Mitigation) -> None:
        """Live or ended: the one move that touches an ended row."""
        if mitigation.mitigation_id not in self._seen:
            self._acknowledged.add(mitigation.mitigation_id)
        self._note(mitigation)

    def _note(self, mitigation: Mitigation) -> None:
        identity = mitigation.mitigation_id
        if identity not in self._seen:
            known = self.live.mitigations.get(identity)
            self._seen[identity] = mitigation.version - 1 if known is None else known.version
        self.mitigations[identity] = mitigation

    def save_signal(self, record: SignalRecord, *, new: bool) -> None:
        if new:
            self._new_signals.add(record.signal_id)
        self.signals[record.signal_id] = record

    def is_new_signal(self, signal_id: SignalId) -> bool:
        return signal_id in self._new_signals

    def look_at(self, group_id: GroupId, at_us: int | None) -> None:
        """When time alone may change the answer for this group; None: never."""
        self.looks[group_id] = at_us

    def audit(
        self,
        actor: Actor,
        action: str,
        target_type: str | None = None,
        target_id: str | None = None,
        **values: object,
    ) -> None:
        self.audits.append(
            AuditEntry(
                audit_id=self.new_id(),
                at_us=self.now_us,
                pop=self.snapshot.pop,
                actor_type=actor.kind.value,
                actor_id=actor.name,
                action=action,
                target_type=target_type,
                target_id=target_id,
                details=details(values),
            )
        )

    # the unit

    @property
    def is_empty(self) -> bool:
        return not (
            self.signals or self.groups or self.mitigations or self.audits or self.corroborations
        )

    def write(self, tx: Transaction) -> None:
        for signal_id, signal in self.signals.items():
            if signal_id in self._new_signals:
                tx.signals.insert(signal)
            else:
                tx.signals.update(signal)
        for corroboration in self.corroborations:
            tx.corroborations.put(corroboration)
        for entry in self.safelist_put:
            tx.safelist.put(entry)
        for entry in self.safelist_removed:
            tx.safelist.remove(entry.prefix, entry.source)
        self._write_groups(tx)
        self._write_mitigations(tx)
        for decision in self.decisions:
            tx.decisions.insert(decision)
        for act in self.audits:
            tx.audit.append(act)
        if self.alerts is not None:
            self.alerts.write(tx.notifications)

    def _write_groups(self, tx: Transaction) -> None:
        # Endings before beginnings: what closes may free the very place that what opens takes.
        beginnings: list[Group] = []
        for group_id, group in self.groups.items():
            if seen := self._seen_groups[group_id]:
                tx.groups.update(group, seen)
            else:
                beginnings.append(group)
        for group in beginnings:
            tx.groups.insert(group)

    def _write_mitigations(self, tx: Transaction) -> None:
        # Again endings, then moves, then beginnings: each may need the scope the one before left.
        moves: list[Mitigation] = []
        beginnings: list[Mitigation] = []
        for identity, mitigation in self.mitigations.items():
            if identity in self._limits:
                beginnings.append(mitigation)
            elif identity in self._acknowledged:
                tx.mitigations.acknowledge(mitigation)
            elif mitigation.is_live:
                moves.append(mitigation)
            else:
                tx.mitigations.update(mitigation, self._seen[identity])
        for mitigation in moves:
            tx.mitigations.update(mitigation, self._seen[mitigation.mitigation_id])
        for mitigation in beginnings:
            tx.mitigations.insert(mitigation, self._limits[mitigation.mitigation_id])

    def enter(self, due: DueHeap) -> None:
        """After the commit: apply the turn to the live state, and its moments to the heap."""
        live = self.live
        for known in self.episodes.values():
            live.episodes.put(known)
        for group in self.groups.values():
            live.put_group(group)
        for group_id, at_us in self.looks.items():
            if at_us is None or group_id not in live.groups:
                live.looks.pop(group_id, None)
            else:
                live.looks[group_id] = at_us
        for mitigation in self.mitigations.values():
            if mitigation.pop == self.snapshot.pop:
                live.put(mitigation)
        for corroboration in self.corroborations:
            live.keep(corroboration)
        for mitigation_id in self.mitigations:
            live.schedule((Due.MITIGATION, mitigation_id), due)
        for group_id in self.looks:
            live.schedule((Due.GROUP, group_id), due)

    def release(self) -> None:
        """Give back what was reserved; call it once, whether the commit succeeded or not."""
        self.live.quotas.give_back(self._reserved)
        self._reserved.clear()
