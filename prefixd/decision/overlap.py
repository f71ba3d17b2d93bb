"""What lives already, compared with what is wanted.

Rules pile up when every report makes its own. So a wanted rule is first compared with each live
one for the victim: the same packets (extend it), a part of them (the live rule does more: extend
it), more of them (widen it), some of them (join the ports), or none (a rule of its own). A
comparison counts only where it cannot weaken anything: a live rule "covers" a wanted one only if it
acts at least as hard, and is only widened by one that does.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from prefixd.decision.decision import Shadowed
from prefixd.decision.inputs import Case
from prefixd.domain.mitigation import Mitigation, Origin
from prefixd.domain.rule import Match, Rule, format_match
from prefixd.policy.playbook import Playbook
from prefixd.policy.ports import union
from prefixd.policy.relation import Relation, contains, hardness, relate
from prefixd.policy.scope import NotWanted, Wanted, wanted

_ORDER: Final = (Relation.EXACT, Relation.SUBSET, Relation.SUPERSET, Relation.OVERLAP)


class Held(Struct, frozen=True):
    """A live mitigation that the wanted rule has to do with; `target` is what both become."""

    mitigation: Mitigation
    wanted: Wanted
    relation: Relation
    target: Rule

    @property
    def same_playbook(self) -> bool:
        return self.mitigation.playbook == self.wanted.playbook.name

    @property
    def covers(self) -> bool:
        """The live rule does all that is wanted already."""
        return self.target is self.mitigation.rule


def find_held(case: Case, playbook: Playbook, first: Wanted) -> Held | None:
    """The live mitigation to keep or change; None when the wanted rule stands alone."""
    if not case.live:
        return None
    found = [
        held
        for mitigation in case.live
        if (held := _compare(case, playbook, first, mitigation)) is not None
    ]
    return min(
        found,
        key=lambda held: (
            _ORDER.index(held.relation),
            held.mitigation.created_at_us,
            held.mitigation.mitigation_id,
        ),
        default=None,
    )


def is_ours_to_change(mitigation: Mitigation) -> bool:
    """What people made or pinned is kept alive, but never changed or withdrawn by a decision."""
    return mitigation.origin is Origin.DETECTOR and not mitigation.pinned


def shadowed_by(rule: Rule, live: Iterable[Mitigation], but: Mitigation | None) -> list[Mitigation]:
    """Live rules that would do nothing any more beside `rule`."""
    return [
        mitigation
        for mitigation in live
        if mitigation is not but
        and is_ours_to_change(mitigation)
        and hardness(mitigation.rule.action) <= hardness(rule.action)
        and contains(rule.match, mitigation.rule.match)
    ]


def shadow(rule: Rule, live: Iterable[Mitigation], but: Mitigation | None) -> tuple[Shadowed, ...]:
    return tuple(
        Shadowed(
            mitigation.mitigation_id,
            f"covered by the rule for {format_match(rule.match)}",
        )
        for mitigation in shadowed_by(rule, live, but)
    )


def in_the_way(
    match: Match, live: Iterable[Mitigation], but: Mitigation | None
) -> Mitigation | None:
    """A live rule for exactly these packets that may not be withdrawn: routers hold one of them."""
    for mitigation in live:
        if mitigation is but or mitigation.rule.match != match:
            continue
        if not is_ours_to_change(mitigation):
            return mitigation
    return None


def _compare(case: Case, playbook: Playbook, first: Wanted, mitigation: Mitigation) -> Held | None:
    asked = first
    same_playbook = mitigation.playbook == playbook.name
    if same_playbook and mitigation.step != first.step and mitigation.step < len(playbook.steps):
        # Compare like with like: what the playbook wants at the step already taken.
        there = wanted(case.rules.policy, playbook, case.attack, case.standing, mitigation.step)
        asked = first if isinstance(there, NotWanted) else there
    relation = relate(asked.rule.match, mitigation.rule.match)
    target = _target(relation, asked.rule, mitigation, same_playbook=same_playbook)
    return None if target is None else Held(mitigation, asked, relation, target)


def _target(
    relation: Relation, asked: Rule, mitigation: Mitigation, *, same_playbook: bool
) -> Rule | None:
    """The rule that serves both; None when each has to stand on its own."""
    held = mitigation.rule
    harder = hardness(asked.action) > hardness(held.action)
    changeable = is_ours_to_change(mitigation)
    match relation:
        case Relation.EXACT:
            # One action per match: of two playbooks that want the same packets, the harder wins.
            return asked if harder and changeable and not same_playbook else held
        case Relation.SUBSET:
            return held if same_playbook or not harder else None
        case Relation.SUPERSET:
            kindred = same_playbook and hardness(asked.action) >= hardness(held.action)
            return asked if kindred and changeable else None
        case Relation.OVERLAP:
            joined = _joined(asked, held)
            return joined if same_playbook and changeable else None
        case Relation.DISJOINT:
            return None


def _joined(asked: Rule, held: Rule) -> Rule | None:
    """Both lists of destination ports in one rule, when nothing else tells them apart."""
    if asked.action != held.action:
        return None
    if replace(asked.match, dst_ports=()) != replace(held.match, dst_ports=()):
        return None
    ports = union(asked.match.dst_ports, held.match.dst_ports)
    return Rule(replace(held.match, dst_ports=ports), held.action)
