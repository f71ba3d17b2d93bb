"""What a replay remembers: groups, mitigations, episodes, and what falls due when.

The part that a store plays in live traffic. Ids are counted, so that the same events make the same
ids. Nothing here decides.
"""

import heapq
from dataclasses import dataclass, field, replace
from typing import Final

from prefixd.domain.group import Episode, Group
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.mitigation import IllegalMove, Mitigation, withdraw
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import format_action, format_match
from prefixd.domain.safelist import Safelist
from prefixd.domain.signal import Corroboration
from prefixd.guardrails.facts import Counts, Facts, Withdrawal
from prefixd.replay.history import Attack, Step

MINUTE_US: Final = 60_000_000
BY: Final = "replay"


@dataclass(slots=True)
class Memory:
    safelist: Safelist
    groups: dict[Prefix, dict[GroupId, Group]] = field(default_factory=dict)
    mitigations: dict[MitigationId, Mitigation] = field(default_factory=dict)
    episodes: dict[tuple[str, str], Episode] = field(default_factory=dict)
    kept: dict[tuple[str, str], tuple[SignalId, Corroboration]] = field(default_factory=dict)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    created_us: list[int] = field(default_factory=list)
    attacks: dict[GroupId, Attack] = field(default_factory=dict)
    peak_live: int = 0
    due: list[tuple[int, int, str]] = field(default_factory=list)
    counted: int = 0

    def live(self, victim: Prefix) -> list[Group]:
        return list(self.groups.get(victim, {}).values())

    def group(self, group_id: GroupId) -> Group | None:
        for groups in self.groups.values():
            if group_id in groups:
                return groups[group_id]
        return None

    def latest_mitigation(self, victim: Prefix) -> MitigationId | None:
        ids = [
            mitigation_id
            for group in self.live(victim)
            for mitigation_id in group.mitigation_ids
            if mitigation_id in self.mitigations
        ]
        return ids[-1] if ids else None

    def keep(self, group: Group, look_us: int | None) -> None:
        mine = self.groups.setdefault(group.victim, {})
        if group.is_live:
            mine[group.group_id] = group
        else:
            mine.pop(group.group_id, None)
            if not mine:
                del self.groups[group.victim]
        attack = self.attacks.get(group.group_id)
        if attack is None:
            attack = Attack(str(group.victim), group.key, group.created_at_us)
        self.attacks[group.group_id] = replace(
            attack, next_look_us=look_us, met=group.met, confidence=group.confidence
        )
        if look_us is not None:
            self.look(look_us, group.group_id)

    def move(self, moved: Mitigation | IllegalMove) -> Mitigation:
        assert isinstance(moved, Mitigation), moved
        self.mitigations[moved.mitigation_id] = moved
        self.peak_live = max(self.peak_live, len(self.mitigations))
        self.look(moved.expires_at_us, moved.mitigation_id)
        return moved

    def withdraw(self, mitigation_id: MitigationId, now_us: int, why: str) -> None:
        held = self.mitigations.pop(mitigation_id, None)
        if held is None:
            return
        gone = withdraw(held, why, BY, now_us)
        assert isinstance(gone, Mitigation)
        if why == "cleared":
            self.withdrawals.append(
                Withdrawal(
                    victim=gone.victim,
                    vector=gone.vector,
                    scope_hash=gone.scope_hash,
                    at_us=now_us,
                )
            )
        self.note(gone.group_id, Step(now_us, why, rule_text(gone)))

    def look(self, at_us: int, subject: str) -> None:
        self.counted += 1
        heapq.heappush(self.due, (at_us, self.counted, subject))

    def note(self, group_id: GroupId | None, step: Step, group: Group | None = None) -> None:
        if group_id is None:
            return
        attack = self.attacks.get(group_id)
        if attack is None:
            assert group is not None
            attack = Attack(str(group.victim), group.key, group.created_at_us)
        self.attacks[group_id] = replace(attack, steps=(*attack.steps, step))

    def facts(self, group: Group, now_us: int) -> Facts:
        live = self.mitigations.values()
        customer = group.customer_id
        return Facts(
            mitigations=tuple(item for item in live if item.victim.overlaps(group.victim)),
            safelist=self.safelist,
            counts=Counts(
                customer=sum(1 for item in live if item.customer_id == customer),
                pop=len(live),
                everywhere=len(live),
                new_last_minute=sum(1 for at_us in self.created_us if at_us > now_us - MINUTE_US),
                fullest_peer=len(live),
            ),
            withdrawals=tuple(item for item in self.withdrawals if item.victim == group.victim),
            shared=frozenset(
                mitigation_id
                for other in self.live(group.victim)
                if other.group_id != group.group_id
                for mitigation_id in other.mitigation_ids
            ),
        )

    def new_id(self, what: str) -> str:
        self.counted += 1
        return f"{what}-{self.counted:06}"


def rule_text(mitigation: Mitigation) -> str:
    return f"{format_match(mitigation.rule.match)}, {format_action(mitigation.rule.action)}"
