"""What a decision weighs: the rules in force, and the case of one group at one moment.

`Rules` is everything configured, as one value: with it, a group, the facts and a moment, a decision
is complete, so live traffic, timers, previews and replays hand in different bundles and run the
same code. `Case` adds everything looked up about the group.

Gathering is done once and in one place, so that the deciding code reads like the decision itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from prefixd.correlation.assess import assess
from prefixd.correlation.assessment import Assessment, Origin
from prefixd.correlation.settings import CorrelationSettings
from prefixd.correlation.weigh import standing
from prefixd.decision.decision import Trigger, TriggerKind
from prefixd.domain.agreement import Agreement
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, Group
from prefixd.domain.inventory import EMPTY_INVENTORY, Inventory, Owner
from prefixd.domain.mitigation import ON_THE_WIRE, Mitigation
from prefixd.domain.rule import port_ranges
from prefixd.domain.vector import UNSPECIFIC, Vector
from prefixd.guardrails.facts import Facts
from prefixd.guardrails.limits import Limits
from prefixd.policy.escalate import SOURCES_TO_DROP_WHEN_STRICT, Standing
from prefixd.policy.playbook import Playbook, PolicySettings
from prefixd.policy.select import Attack, select_playbook

DEFAULT_CORRELATION: Final = CorrelationSettings()
DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    pop: str
    policy: PolicySettings
    correlation: CorrelationSettings = DEFAULT_CORRELATION
    limits: Limits = DEFAULT_LIMITS
    inventory: Inventory = EMPTY_INVENTORY
    dry_run: bool = False
    config_version: int = 0


_BRINGS_NEWS = frozenset({TriggerKind.SIGNAL, TriggerKind.CORROBORATOR, TriggerKind.OPERATOR})


class Case(Struct, frozen=True, kw_only=True):
    group: Group
    facts: Facts
    rules: Rules
    now_us: int
    trigger: Trigger
    owner: Owner
    attack: Attack
    playbook: Playbook | None
    assessment: Assessment
    standing: Standing
    firing: tuple[Evidence, ...]  # of primary sources, fresh
    live: tuple[Mitigation, ...]  # of this POP, in force, of this victim or around it

    @property
    def met(self) -> bool:
        return self.assessment.met

    @property
    def brings_news(self) -> bool:
        """Whether there is a new report, or only time went by."""
        return self.trigger.kind in _BRINGS_NEWS

    @property
    def keeps_something(self) -> bool:
        """Whether a live rule is there because of this group."""
        return any(self.is_ours(mitigation) for mitigation in self.live)

    def is_ours(self, mitigation: Mitigation) -> bool:
        """Whether this group made or already keeps the mitigation."""
        return (
            mitigation.group_id == self.group.group_id
            or mitigation.mitigation_id in self.group.mitigation_ids
        )


def open_case(
    group: Group, owner: Owner, facts: Facts, rules: Rules, now_us: int, trigger: Trigger
) -> Case:
    firing = _firing(group, rules, now_us)
    attack = _attack(group, owner, firing)
    playbook = select_playbook(rules.policy.playbooks, attack)
    assessment = assess(group, rules.correlation, _agreements(playbook, owner), now_us)
    sources = assessment.sources
    if assessment.forced or assessment.bypass:
        sources = max(sources, SOURCES_TO_DROP_WHEN_STRICT)
    live = [
        mitigation
        for mitigation in facts.mitigations or ()
        if mitigation.status in ON_THE_WIRE and mitigation.pop == rules.pop
    ]
    return Case(
        group=group,
        facts=facts,
        rules=rules,
        now_us=now_us,
        trigger=trigger,
        owner=owner,
        attack=attack,
        playbook=playbook,
        assessment=assessment,
        standing=Standing(
            confidence=assessment.confidence,
            sources=sources,
            firing=assessment.representative is not None,
        ),
        firing=tuple(firing),
        live=tuple(live),
    )


def playbook_for(group: Group, owner: Owner, rules: Rules, now_us: int) -> Playbook | None:
    """The playbook that answers the group's attack as it is reported now."""
    attack = _attack(group, owner, _firing(group, rules, now_us))
    return select_playbook(rules.policy.playbooks, attack)


def _firing(group: Group, rules: Rules, now_us: int) -> list[Evidence]:
    """What primary sources report and have not let go stale."""
    return [
        item
        for item in group.evidence
        if item.role is EvidenceRole.PRIMARY
        and standing(item, rules.correlation, now_us) is EvidenceState.FIRING
    ]


def _attack(group: Group, owner: Owner, firing: Sequence[Evidence]) -> Attack:
    """All that is reported now, put together. A source that names no ports says nothing of them."""
    ports: set[int] = set()
    bps: int | None = None
    pps: int | None = None
    for item in firing:
        ports.update(item.dst_ports)
        if item.bps is not None and (bps is None or item.bps > bps):
            bps = item.bps
        if item.pps is not None and (pps is None or item.pps > pps):
            pps = item.pps
    return Attack(
        victim=group.victim,
        vector=_vector(group, firing),
        owner=owner,
        dst_ports=port_ranges(ports),
        bps=bps,
        pps=pps,
    )


def _vector(group: Group, firing: Sequence[Evidence]) -> Vector:
    """The group's vector; in a group made by family, the one reported last."""
    if group.key == group.vector:
        return group.vector
    named = [item for item in firing if item.vector not in UNSPECIFIC]
    if not named:
        return group.vector
    return max(named, key=lambda item: (item.last_seen_us, item.vector)).vector


def _agreements(playbook: Playbook | None, owner: Owner) -> list[tuple[Origin, Agreement]]:
    found: list[tuple[Origin, Agreement]] = []
    if playbook is not None and playbook.correlation is not None:
        found.append((Origin.PLAYBOOK, playbook.correlation))
    if owner.customer.correlation is not None:
        found.append((Origin.CUSTOMER, owner.customer.correlation))
    return found
