"""A daemon's memory without a daemon: groups, mitigations and timers of one replay.

The world plays the part that engine and store have in live traffic, with the same order of steps
and the same pure functions, on a clock that is the event's own time. Ids are counted, nothing is
announced, and what is due between two events happens between them. Two runs over the same events
with the same configuration are the same, byte for byte.
"""

import hashlib
import heapq
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from prefixd.correlation.clear import note_clear
from prefixd.correlation.corroborator import admit_corroboration, attach, waiting_for
from prefixd.correlation.episode import Repeat, step_episode
from prefixd.correlation.gate import Admitted, SetAside, admit
from prefixd.correlation.window import Where, join, open_group, place
from prefixd.decision.decide import decide
from prefixd.decision.decision import (
    Clear,
    Create,
    Decision,
    Escalate,
    Extend,
    Revise,
    Trigger,
    TriggerKind,
)
from prefixd.decision.rules import Rules
from prefixd.domain.group import Episode, EvidenceRole, Group, GroupState
from prefixd.domain.ids import GroupId, MitigationId, SignalId
from prefixd.domain.mitigation import (
    IllegalMove,
    Mitigation,
    activate,
    escalate,
    expire,
    extend,
    open_mitigation,
    revise,
    withdraw,
)
from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.record import Outcome
from prefixd.domain.rule import format_action, format_match
from prefixd.domain.safelist import Safelist
from prefixd.domain.signal import Corroboration, Signal, SignalKind
from prefixd.guardrails.facts import Counts, Facts, Withdrawal
from prefixd.replay.history import Attack, Step

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
SOONEST_LOOK_US: Final = SECOND_US
HELD_RETRY_US: Final = 30 * SECOND_US
BY: Final = "replay"

_LEVELS: Final = {GroupState.CLEARING: Outcome.CLEARING}


@dataclass(frozen=True, slots=True)
class Fate:
    outcome: Outcome
    reason: str = ""


@dataclass(slots=True)
class World:
    rules: Rules
    safelist: Safelist
    groups: dict[Prefix, dict[GroupId, Group]] = field(default_factory=dict)
    mitigations: dict[MitigationId, Mitigation] = field(default_factory=dict)
    episodes: dict[tuple[str, str], Episode] = field(default_factory=dict)
    kept: dict[tuple[str, str], tuple[SignalId, Corroboration]] = field(default_factory=dict)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    created_us: list[int] = field(default_factory=list)
    attacks: dict[GroupId, Attack] = field(default_factory=dict)
    peak_live: int = 0
    _due: list[tuple[int, int, str]] = field(default_factory=list)
    _count: int = 0

    # time

    def pass_time(self, upto_us: int) -> None:
        """Everything that falls due until then, in order."""
        while self._due and self._due[0][0] <= upto_us:
            at_us, _, subject = heapq.heappop(self._due)
            mitigation = self.mitigations.get(MitigationId(subject))
            if mitigation is not None:
                self._expire(mitigation, at_us)
                continue
            group = self._group(GroupId(subject))
            attack = self.attacks.get(GroupId(subject))
            # A group whose time was moved has another entry further on.
            if group is not None and attack is not None and attack.next_look_us == at_us:
                self._decide(group, at_us, TriggerKind.TIMER, None)

    def _expire(self, mitigation: Mitigation, at_us: int) -> None:
        expired = expire(mitigation, at_us)
        if isinstance(expired, IllegalMove):
            return  # extended meanwhile: its later entry will come, or it has ended already
        del self.mitigations[mitigation.mitigation_id]
        self._note(mitigation.group_id, Step(at_us, "expired", _rule(expired)))

    def _look(self, at_us: int, subject: str) -> None:
        self._count += 1
        heapq.heappush(self._due, (at_us, self._count, subject))

    # signals

    def take(self, signal: Signal, signal_id: SignalId) -> Fate:
        correlation = self.rules.correlation
        admission = admit(signal, correlation)
        if isinstance(admission, Problem):
            return Fate(Outcome.ERROR, str(admission))
        key = (signal.source, signal.external_id)
        known = self.episodes.get(key)
        step = step_episode(
            known,
            signal,
            hashlib.sha256(signal.raw.encode()).hexdigest(),
            correlation,
            mitigation_live=known is not None and known.mitigation_id in self.mitigations,
        )
        match step.repeat:
            case Repeat.RETRY:
                assert known is not None
                return Fate(Outcome(known.outcome or Outcome.QUEUED))
            case Repeat.DUPLICATE:
                return Fate(Outcome.DUPLICATE)
            case Repeat.CLEAR | Repeat.NO_EFFECT:
                fate = self._clear(signal)
            case Repeat.NEW | Repeat.REFRESH | Repeat.RERUN:
                fate = self._fire(signal, signal_id, step.episode, admission)
                if step.repeat is Repeat.REFRESH and fate.outcome is Outcome.EXTENDED:
                    fate = replace(fate, outcome=Outcome.REFRESHED)
            case _:
                assert_never(step.repeat)
        self.episodes[key] = replace(
            step.episode,
            outcome=fate.outcome.value,
            mitigation_id=self._latest_mitigation(signal.victim) or step.episode.mitigation_id,
        )
        return fate

    def _fire(
        self,
        signal: Signal,
        signal_id: SignalId,
        episode: Episode,
        admission: Admitted | SetAside,
    ) -> Fate:
        if isinstance(admission, SetAside):
            return Fate(Outcome.IGNORED, admission.reason)
        now_us, settings = signal.received_at_us, self.rules.correlation
        where = self._where(signal.victim)
        found = place(signal, list(self._live(signal.victim)), settings, now_us)
        for over in found.over:
            self._keep(over, None)
        if found.group is not None:
            group = join(
                found.group,
                signal,
                signal_id,
                where=where,
                settings=settings,
                role=admission.role,
                episode=episode.number,
            )
        elif admission.role is EvidenceRole.PRIMARY:
            group = open_group(
                signal,
                signal_id,
                group_id=GroupId(self._new("group")),
                pop=self.rules.pop,
                where=where,
                settings=settings,
                episode=episode.number,
            )
            group = waiting_for(group, list(self.kept.values()), settings, now_us)
        else:
            return Fate(Outcome.IGNORED, "a corroborating source alone opens no group")
        return self._decide(group, now_us, TriggerKind.SIGNAL, signal_id)

    def _clear(self, signal: Signal) -> Fate:
        assert signal.kind is SignalKind.CLEARED
        fate = Fate(Outcome.NO_EFFECT)
        for before in list(self._live(signal.victim)):
            cleared = note_clear(before, signal)
            if cleared is not None:
                self._decide(cleared, signal.received_at_us, TriggerKind.SIGNAL, None)
                after = self._group(cleared.group_id)
                state = GroupState.CLOSED if after is None else after.state
                fate = Fate(_LEVELS.get(state, Outcome.CLEARED))
        return fate

    def corroborate(self, given: Corroboration, signal_id: SignalId) -> Fate:
        now_us, settings = given.received_at_us, self.rules.correlation
        problem = admit_corroboration(given, settings)
        if problem is not None:
            return Fate(Outcome.ERROR, str(problem))
        self.kept = {key: pair for key, pair in self.kept.items() if pair[1].expires_at_us > now_us}
        self.kept[(given.source, given.external_id)] = (signal_id, given)
        live = [group for groups in self.groups.values() for group in groups.values()]
        attached = attach(given, signal_id, live, settings, now_us)
        fates = [
            self._decide(group, now_us, TriggerKind.CORROBORATOR, None) for group in attached.groups
        ]
        acted = next((fate for fate in fates if fate.outcome is Outcome.MITIGATED), None)
        return acted or Fate(Outcome.WAITING, f"attached to {len(fates)} groups")

    # deciding

    def _decide(
        self, group: Group, now_us: int, trigger: TriggerKind, signal_id: SignalId | None
    ) -> Fate:
        decision = decide(
            group, self._facts(group, now_us), self.rules, now_us, Trigger(trigger, signal_id)
        )
        for shadow in decision.shadowed:
            self._withdraw(shadow.mitigation_id, now_us, "shadowed")
        made = self._carry_out(decision, now_us, signal_id)
        after = decision.group
        if made is not None and made not in after.mitigation_ids:
            after = replace(after, mitigation_ids=(*after.mitigation_ids, made))
        look_us = decision.next_look_us
        if after.state is GroupState.HELD:
            retry_us = now_us + HELD_RETRY_US
            look_us = retry_us if look_us is None else min(look_us, retry_us)
        self._keep(after, None if look_us is None else max(look_us, now_us + SOONEST_LOOK_US))
        return Fate(decision.outcome, ",".join(decision.codes))

    def _carry_out(
        self, decision: Decision, now_us: int, signal_id: SignalId | None
    ) -> MitigationId | None:
        group_id = decision.group.group_id
        match decision.plan:
            case Create(draft=draft):
                assert decision.assessment is not None
                chosen = decision.assessment.representative
                assert chosen is not None
                pending = open_mitigation(
                    draft,
                    MitigationId(self._new("mitigation")),
                    signal_id or chosen.signal_id,
                    now_us,
                    group_id,
                )
                self.created_us.append(now_us)
                made = self._set(activate(pending, now_us))
                self._note(group_id, Step(now_us, "mitigated", _rule(made)), decision.group)
                return made.mitigation_id
            case Extend(mitigation_id=mitigation_id, expires_at_us=until_us):
                self._set(extend(self.mitigations[mitigation_id], until_us, now_us))
                return mitigation_id
            case Escalate(
                mitigation_id=mitigation_id, rule=rule, step=step, expires_at_us=until_us
            ):
                old = self.mitigations[mitigation_id]
                made = self._set(escalate(old, rule, step, until_us, now_us))
                self._note(group_id, Step(now_us, "escalated", _rule(made)), decision.group)
                return mitigation_id
            case Revise(mitigation_id=mitigation_id, rule=rule, expires_at_us=until_us):
                made = self._set(revise(self.mitigations[mitigation_id], rule, until_us, now_us))
                self._note(group_id, Step(now_us, "revised", _rule(made)), decision.group)
                return mitigation_id
            case Clear(mitigation_ids=mitigation_ids):
                for mitigation_id in mitigation_ids:
                    self._withdraw(mitigation_id, now_us, "cleared")
                return None
            case _:
                return None

    def _withdraw(self, mitigation_id: MitigationId, now_us: int, why: str) -> None:
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
        self._note(gone.group_id, Step(now_us, why, _rule(gone)))

    def _set(self, moved: Mitigation | IllegalMove) -> Mitigation:
        assert isinstance(moved, Mitigation), moved
        self.mitigations[moved.mitigation_id] = moved
        self.peak_live = max(self.peak_live, len(self.mitigations))
        self._look(moved.expires_at_us, moved.mitigation_id)
        return moved

    def _facts(self, group: Group, now_us: int) -> Facts:
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
                for other in self._live(group.victim)
                if other.group_id != group.group_id
                for mitigation_id in other.mitigation_ids
            ),
        )

    # memory

    def _keep(self, group: Group, look_us: int | None) -> None:
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
            self._look(look_us, group.group_id)

    def _live(self, victim: Prefix) -> list[Group]:
        return list(self.groups.get(victim, {}).values())

    def _group(self, group_id: GroupId) -> Group | None:
        for groups in self.groups.values():
            if group_id in groups:
                return groups[group_id]
        return None

    def _note(self, group_id: GroupId | None, step: Step, group: Group | None = None) -> None:
        if group_id is None:
            return
        attack = self.attacks.get(group_id)
        if attack is None:
            assert group is not None
            attack = Attack(str(group.victim), group.key, group.created_at_us)
        self.attacks[group_id] = replace(attack, steps=(*attack.steps, step))

    def _latest_mitigation(self, victim: Prefix) -> MitigationId | None:
        ids = [
            mitigation_id
            for group in self._live(victim)
            for mitigation_id in group.mitigation_ids
            if mitigation_id in self.mitigations
        ]
        return ids[-1] if ids else None

    def _where(self, victim: Prefix) -> Where:
        owner = self.rules.inventory.find(victim)
        if owner is None:
            return Where()
        return Where(
            customer_id=owner.customer.customer_id,
            service_id=None if owner.service is None else owner.service.service_id,
            interface=None if owner.asset is None else owner.asset.interface,
        )

    def _new(self, what: str) -> str:
        self._count += 1
        return f"{what}-{self._count:06}"


def _rule(mitigation: Mitigation) -> str:
    return f"{format_match(mitigation.rule.match)}, {format_action(mitigation.rule.action)}"
