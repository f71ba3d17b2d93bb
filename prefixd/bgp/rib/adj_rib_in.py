"""Routes received from a peer: nothing is accepted that the operator did not allow.

The default import mode denies everything; `monitor` keeps the rules to look at, for running beside
another controller before replacing it; `accept` checks each rule against what this peer may ask
for and reports those that pass. Memory is bounded per family, whatever the peer sends.

A rule with our own AS number in its path is our own, echoed. It is dropped, but it proves that the
peer holds it, and that is worth reporting.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from prefixd.bgp.rib.route import Key, host_nlri, is_flowspec
from prefixd.bgp.rib.route_action import KIND_OF_ABILITY, FlowSpecActions, abilities_of
from prefixd.bgp.wire.as_path import AsPath
from prefixd.bgp.wire.attribute import Attribute
from prefixd.bgp.wire.community import (
    Communities,
    ExtendedCommunities,
    Ipv6ExtendedCommunities,
)
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_nlri, encode_rule
from prefixd.bgp.wire.flowspec_action import decode_actions
from prefixd.bgp.wire.flowspec_canonical import canonical
from prefixd.bgp.wire.flowspec_match import Kind, PrefixMatch
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.mp_reach import RawNlri
from prefixd.bgp.wire.outcome import Outcome
from prefixd.bgp.wire.prefix import Prefix, mask_octets
from prefixd.bgp.wire.scalar import ClusterList, OriginatorId


class ImportRefusal(StrEnum):
    """Why a received route is not taken."""

    LOOPED = "looped"
    NO_DESTINATION = "no_destination"
    DESTINATION = "destination"
    ACTION = "action"
    COMMUNITY = "community"
    NEVER_MATCHES = "never_matches"
    TOO_MANY = "too_many"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPolicy:
    keep: bool = False
    """Keep the routes that the peer announces."""
    report: bool = False
    """Report rules that pass the checks below."""
    destinations: tuple[Prefix, ...] = ()
    actions: frozenset[str] = frozenset()
    required_communities: frozenset[int] = frozenset()
    max_flowspec: int = 1000
    max_unicast: int = 10_000
    max_items: int = 512
    """Values in one rule; a rule may also be long without naming anything twice."""
    warn_share: float = 0.8
    reset_on_excess: bool = False
    """Whether a peer that sends more than agreed loses its session, or only the excess."""

    def most(self, family: Family) -> int:
        return self.max_flowspec if is_flowspec(family) else self.max_unicast


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One route received from a peer."""

    key: Key
    action: FlowSpecActions | None
    """None for unicast routes."""
    communities: tuple[int, ...]
    refusal: ImportRefusal | None
    since_us: int
    rule: FlowSpecRule | None = None
    """What a FlowSpec route matches: canonical, or as received when no packet can match."""


@dataclass(frozen=True, slots=True)
class Learned:
    received: Received


@dataclass(frozen=True, slots=True)
class Lost:
    key: Key


@dataclass(frozen=True, slots=True)
class Echoed:
    """The peer sent our own rule back: it holds it."""

    key: Key


@dataclass(frozen=True, slots=True)
class Filling:
    """The peer's table has grown past the share that is worth a warning."""

    family: Family
    held: int
    most: int


@dataclass(frozen=True, slots=True)
class Excess:
    """The peer sends more than agreed, and agreed that this ends the session."""

    family: Family
    most: int


ImportEvent = Learned | Lost | Echoed | Filling | Excess


@dataclass(slots=True)
class AdjRibIn:
    policy: ImportPolicy
    local_as: int
    router_id: int
    tables: dict[Family, dict[bytes, Received]] = field(
        default_factory=dict[Family, dict[bytes, Received]]
    )
    stale: dict[Family, dict[bytes, None]] = field(default_factory=dict[Family, dict[bytes, None]])
    """What the peer has to confirm; beside the tables, so that marking one costs no row."""
    ignored: dict[ImportRefusal, int] = field(default_factory=dict[ImportRefusal, int])
    filling: set[Family] = field(default_factory=set[Family])
    """Families that were reported as filling; reported again only after they emptied."""

    def __len__(self) -> int:
        return sum(map(len, self.tables.values()))

    def routes(self) -> Iterator[Received]:
        for table in self.tables.values():
            yield from table.values()

    def apply(self, outcome: Outcome, now_us: int) -> list[ImportEvent]:
        """What an UPDATE changes, in order."""
        events: list[ImportEvent] = []
        for routes in outcome.withdrawn:
            for nlri in routes.nlri:
                self._forget(_identity(routes.family, nlri)[0], events)
        looped = _has_looped(outcome.attributes, self.local_as, self.router_id)
        action, communities = _route_action(outcome.attributes)
        wanted = looped or self.policy.keep
        for routes in outcome.announced if wanted else ():
            for nlri in routes.nlri:
                key, rule = _identity(routes.family, nlri)
                if looped:
                    self._count(ImportRefusal.LOOPED)
                    self._forget(key, events)
                    events.append(Echoed(key))
                else:
                    held = action if is_flowspec(routes.family) else None
                    received = Received(
                        key=key,
                        action=held,
                        communities=communities,
                        refusal=self._refusal(nlri, rule, held, communities),
                        since_us=now_us,
                        rule=nlri if rule is None and isinstance(nlri, FlowSpecRule) else rule,
                    )
                    self._keep(received, events)
        for family in outcome.disabled:
            self.forget_family(family, events)
        return events

    def _keep(self, received: Received, events: list[ImportEvent]) -> None:
        key, refusal = received.key, received.refusal
        table = self.tables.setdefault(key.family, {})
        known = table.get(key.nlri)
        if known is None and len(table) >= self.policy.most(key.family):
            self._count(ImportRefusal.TOO_MANY)
            if self.policy.reset_on_excess and not any(isinstance(e, Excess) for e in events):
                events.append(Excess(key.family, self.policy.most(key.family)))
            return
        if refusal is not None:
            self._count(refusal)
        table[key.nlri] = received
        self._confirmed(key)
        self._note_filling(key.family, events)
        if not self.policy.report:
            return
        if refusal is None:
            events.append(Learned(received))
        elif known is not None and known.refusal is None:
            events.append(Lost(key))

    def _note_filling(self, family: Family, events: list[ImportEvent]) -> None:
        held, most = len(self.tables[family]), self.policy.most(family)
        if held < self.policy.warn_share * most:
            self.filling.discard(family)
        elif family not in self.filling:
            self.filling.add(family)
            events.append(Filling(family, held, most))

    def _refusal(
        self,
        nlri: FlowSpecRule | Prefix | RawNlri,
        rule: FlowSpecRule | None,
        action: FlowSpecActions | None,
        communities: tuple[int, ...],
    ) -> ImportRefusal | None:
        policy = self.policy
        if not policy.required_communities <= set(communities):
            return ImportRefusal.COMMUNITY
        if action is not None and policy.actions:
            words = {KIND_OF_ABILITY.get(a, a.value) for a in abilities_of(action)}
            if not words <= policy.actions:
                return ImportRefusal.ACTION
        destination = nlri if isinstance(nlri, Prefix) else None
        if isinstance(nlri, FlowSpecRule):
            match = nlri.component(Kind.DST_PREFIX)
            if not isinstance(match, PrefixMatch) or match.offset:
                return ImportRefusal.NO_DESTINATION
            destination = Prefix(nlri.family.afi, match.length, match.pattern)
            if _items(nlri) > policy.max_items:
                return ImportRefusal.TOO_LONG
            if rule is None:
                return ImportRefusal.NEVER_MATCHES
        if destination is None or not _inside(destination, policy.destinations):
            return ImportRefusal.DESTINATION
        return None

    def _confirmed(self, key: Key) -> None:
        if stale := self.stale.get(key.family):
            stale.pop(key.nlri, None)

    def _forget(self, key: Key, events: list[ImportEvent]) -> None:
        self._confirmed(key)
        known = self.tables.get(key.family, {}).pop(key.nlri, None)
        if known is not None and known.refusal is None and self.policy.report:
            events.append(Lost(key))

    def forget_family(self, family: Family, events: list[ImportEvent]) -> None:
        for nlri in tuple(self.tables.get(family, ())):
            self._forget(Key(family, nlri), events)

    def mark_stale(self, families: Iterable[Family]) -> None:
        """The session is gone, the peer may come back and confirm (RFC 4724 4.2)."""
        for family in families:
            self.stale[family] = dict.fromkeys(self.tables.get(family, ()))

    def sweep(self, families: Iterable[Family]) -> list[ImportEvent]:
        """Forget what was not confirmed."""
        events: list[ImportEvent] = []
        for family in families:
            for nlri in self.stale.pop(family, ()):
                self._forget(Key(family, nlri), events)
        return events

    def _count(self, refusal: ImportRefusal) -> None:
        self.ignored[refusal] = self.ignored.get(refusal, 0) + 1


def _identity(
    family: Family, nlri: FlowSpecRule | Prefix | RawNlri
) -> tuple[Key, FlowSpecRule | None]:
    """The key, and the canonical form of a rule that some packet can match.

    Foreign spellings of one rule share a key; a rule without canonical form keeps its own.
    """
    if isinstance(nlri, RawNlri):
        return Key(family, nlri.octets), None
    if isinstance(nlri, Prefix):
        return Key(family, host_nlri(nlri)), None
    try:
        rule = canonical(nlri)
        return Key(family, encode_nlri(encode_rule(rule))), rule
    except WireError:
        return Key(family, encode_nlri(encode_rule(nlri))), None


def _items(rule: FlowSpecRule) -> int:
    return sum(
        1 if isinstance(component, PrefixMatch) else len(component.items)
        for component in rule.components
    )


def _has_looped(attributes: Iterable[Attribute], local_as: int, router_id: int) -> bool:
    for attribute in attributes:
        if isinstance(attribute, AsPath) and any(
            local_as in segment.asns for segment in attribute.segments
        ):
            return True
        if isinstance(attribute, OriginatorId) and attribute.value == router_id:
            return True
        if isinstance(attribute, ClusterList) and router_id in attribute.values:
            return True
    return False


def _route_action(attributes: Iterable[Attribute]) -> tuple[FlowSpecActions, tuple[int, ...]]:
    extended: tuple[bytes, ...] = ()
    ipv6: tuple[bytes, ...] = ()
    communities: tuple[int, ...] = ()
    for attribute in attributes:
        if isinstance(attribute, ExtendedCommunities):
            extended = attribute.values
        elif isinstance(attribute, Ipv6ExtendedCommunities):
            ipv6 = attribute.values
        elif isinstance(attribute, Communities):
            communities = attribute.values
    return FlowSpecActions(decode_actions(extended, ipv6).actions), communities


def _inside(prefix: Prefix, allowed: tuple[Prefix, ...]) -> bool:
    return any(
        each.afi == prefix.afi
        and each.length <= prefix.length
        and mask_octets(prefix.octets, each.length) == each.octets
        for each in allowed
    )
