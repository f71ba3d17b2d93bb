"""A daemon without a daemon: one replay's way from a signal to what is done about it.

The world plays the part that the engine has in live traffic, with the same order of steps
and the same pure functions, on a clock that is the event's own time. Ids are counted, nothing is
announced, and what is due between two events happens between them. Two runs over the same events
with the same configuration are the same, byte for byte.
"""

import hashlib
import heapq
from dataclasses import dataclass, replace
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
from prefixd.decision.inputs import Rules
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
)
from prefixd.domain.prefix import Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.record import Outcome
from prefixd.domain.signal import Corroboration, Signal, SignalKind
from prefixd.replay.history import Step
from prefixd.replay.memory import Memory, rule_text

SECOND_US: Final = 1_000_000
SOONEST_LOOK_US: Final = SECOND_US
HELD_RETRY_US: Final = 30 * SECOND_US


@dataclass(frozen=True, slots=True)
class Fate:
    outcome: Outcome
    reason: str = ""


@dataclass(slots=True)
class World:
    rules: Rules
    memory: Memory

    def pass_time(self, upto_us: int) -> None:
        """Everything that falls due until then, in order."""
        while self.memory.due and self.memory.due[0][0] <= upto_us:
            at_us, _, subject = heapq.heappop(self.memory.due)
            mitigation = self.memory.mitigations.get(MitigationId(subject))
            if mitigation is not None:
                self._expire(mitigation, at_us)
                continue
            group = self.memory.group(GroupId(subject))
            attack = self.memory.attacks.get(GroupId(subject))
            # A group whose time was moved has another entry further on.
            if group is not None and attack is not None and attack.next_look_us == at_us:
                self._decide(group, at_us, TriggerKind.TIMER, None)

    def _expire(self, mitigation: Mitigation, at_us: int) -> None:
        expired = expire(mitigation, at_us)
        if isinstance(expired, IllegalMove):
            return  # extended meanwhile: its later entry will come, or it has ended already
        del self.memory.mitigations[mitigation.mitigation_id]
        self.memory.note(mitigation.group_id, Step(at_us, "expired", rule_text(expired)))

    def take(self, signal: Signal, signal_id: SignalId) -> Fate:
        correlation = self.rules.correlation
        admission = admit(signal, correlation)
        if isinstance(admission, Problem):
            return Fate(Outcome.ERROR, str(admission))
        key = (signal.source, signal.external_id)
        known = self.memory.episodes.get(key)
        step = step_episode(
            known,
            signal,
            hashlib.sha256(signal.raw.encode()).hexdigest(),
            correlation,
            mitigation_live=known is not None and known.mitigation_id in self.memory.mitigations,
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
        self.memory.episodes[key] = replace(
            step.episode,
            outcome=fate.outcome.value,
            mitigation_id=self.memory.latest_mitigation(signal.victim)
            or step.episode.mitigation_id,
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
        found = place(signal, list(self.memory.live(signal.victim)), settings, now_us)
        for over in found.over:
            self.memory.keep(over, None)
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
                group_id=GroupId(self.memory.new_id("group")),
                pop=self.rules.pop,
                where=where,
                settings=settings,
                episode=episode.number,
            )
            group = waiting_for(group, list(self.memory.kept.values()), settings, now_us)
        else:
            return Fate(Outcome.IGNORED, "a corroborating source alone opens no group")
        return self._decide(group, now_us, TriggerKind.SIGNAL, signal_id)

    def _clear(self, signal: Signal) -> Fate:
        assert signal.kind is SignalKind.CLEARED
        fate = Fate(Outcome.NO_EFFECT)
        for before in list(self.memory.live(signal.victim)):
            cleared = note_clear(before, signal)
            if cleared is not None:
                self._decide(cleared, signal.received_at_us, TriggerKind.SIGNAL, None)
                after = self.memory.group(cleared.group_id)
                runs_out = after is not None and after.state is GroupState.CLEARING
                fate = Fate(Outcome.CLEARING if runs_out else Outcome.CLEARED)
        return fate

    def corroborate(self, given: Corroboration, signal_id: SignalId) -> Fate:
        now_us, settings = given.received_at_us, self.rules.correlation
        problem = admit_corroboration(given, settings)
        if problem is not None:
            return Fate(Outcome.ERROR, str(problem))
        self.memory.kept = {
            key: pair for key, pair in self.memory.kept.items() if pair[1].expires_at_us > now_us
        }
        self.memory.kept[(given.source, given.external_id)] = (signal_id, given)
        live = [group for groups in self.memory.groups.values() for group in groups.values()]
        attached = attach(given, signal_id, live, settings, now_us)
        fates = [
            self._decide(group, now_us, TriggerKind.CORROBORATOR, None) for group in attached.groups
        ]
        acted = next((fate for fate in fates if fate.outcome is Outcome.MITIGATED), None)
        return acted or Fate(Outcome.WAITING, f"attached to {len(fates)} groups")

    def _decide(
        self, group: Group, now_us: int, trigger: TriggerKind, signal_id: SignalId | None
    ) -> Fate:
        decision = decide(
            group, self.memory.facts(group, now_us), self.rules, now_us, Trigger(trigger, signal_id)
        )
        for shadow in decision.shadowed:
            self.memory.withdraw(shadow.mitigation_id, now_us, "shadowed")
        made = self._carry_out(decision, now_us, signal_id)
        after = decision.group
        if made is not None and made not in after.mitigation_ids:
            after = replace(after, mitigation_ids=(*after.mitigation_ids, made))
        look_us = decision.next_look_us
        if after.state is GroupState.HELD:
            retry_us = now_us + HELD_RETRY_US
            look_us = retry_us if look_us is None else min(look_us, retry_us)
        self.memory.keep(after, None if look_us is None else max(look_us, now_us + SOONEST_LOOK_US))
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
                    MitigationId(self.memory.new_id("mitigation")),
                    signal_id or chosen.signal_id,
                    now_us,
                    group_id,
                )
                self.memory.created_us.append(now_us)
                made = self.memory.move(activate(pending, now_us))
                self.memory.note(
                    group_id, Step(now_us, "mitigated", rule_text(made)), decision.group
                )
                return made.mitigation_id
            case Extend(mitigation_id=mitigation_id, expires_at_us=until_us):
                self.memory.move(extend(self.memory.mitigations[mitigation_id], until_us, now_us))
                return mitigation_id
            case Escalate(
                mitigation_id=mitigation_id, rule=rule, step=step, expires_at_us=until_us
            ):
                old = self.memory.mitigations[mitigation_id]
                made = self.memory.move(escalate(old, rule, step, until_us, now_us))
                self.memory.note(
                    group_id, Step(now_us, "escalated", rule_text(made)), decision.group
                )
                return mitigation_id
            case Revise(mitigation_id=mitigation_id, rule=rule, expires_at_us=until_us):
                made = self.memory.move(
                    revise(self.memory.mitigations[mitigation_id], rule, until_us, now_us)
                )
                self.memory.note(group_id, Step(now_us, "revised", rule_text(made)), decision.group)
                return mitigation_id
            case Clear(mitigation_ids=mitigation_ids):
                for mitigation_id in mitigation_ids:
                    self.memory.withdraw(mitigation_id, now_us, "cleared")
                return None
            case _:
                return None

    def _where(self, victim: Prefix) -> Where:
        owner = self.rules.inventory.find(victim)
        if owner is None:
            return Where()
        return Where(
            customer_id=owner.customer.customer_id,
            service_id=None if owner.service is None else owner.service.service_id,
            interface=None if owner.asset is None else owner.asset.interface,
        )
