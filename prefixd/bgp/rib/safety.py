"""Rules that must never be announced: they would cut the sessions that could withdraw them.

A FlowSpec rule that matches our own BGP sessions cannot be taken back over BGP. On 2020-08-30 such
a rule took a large carrier off the air: sessions died, came back, learned the rule again and died.
So what is checked here is not policy but survival: the sessions themselves, BFD that guards them,
prefixes declared untouchable, and matches so wide that they can only be a mistake.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prefixd.bgp.rib.overlap import may_share_a_packet
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_match import Kind, PrefixMatch, numeric_match, prefix_match
from prefixd.bgp.wire.iana import Family, Safi
from prefixd.bgp.wire.prefix import AFI_IPV4, Prefix, mask_octets

_TCP: Final = (6, 6)
_UDP: Final = (17, 17)
_BFD_PORTS: Final = ((3784, 3785), (4784, 4784))


@dataclass(frozen=True, slots=True)
class OwnSession:
    """Addresses of both ends and the port the listening end uses."""

    ours: Prefix | None
    """None: whatever address the system chose."""
    theirs: Prefix
    port: int = 179


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyNet:
    sessions: tuple[OwnSession, ...] = ()
    untouchable: tuple[Prefix, ...] = ()
    """Management, name and time servers, router loopbacks."""
    own: frozenset[Prefix] = frozenset()
    """Our own addresses and those of dynamic neighbors, as they are now: hosts."""
    min_length_v4: int = 24
    min_length_v6: int = 48
    endpoints: frozenset[Prefix] = field(init=False, repr=False)
    """Both ends of all sessions: nearly every rule is for a host that is none of them."""

    def __post_init__(self) -> None:
        ends = {end for s in self.sessions for end in (s.ours, s.theirs) if end is not None}
        object.__setattr__(self, "endpoints", frozenset(ends))

    def objection(self, rule: FlowSpecRule) -> str | None:
        """Why this rule must not leave; None when nothing speaks against it."""
        return (
            self._too_wide(rule)
            or self._hits_a_session(rule)
            or self._hits_the_untouchable(rule)
            or self._hits_us(rule)
        )

    def objection_to_blackhole(self, destination: Prefix) -> str | None:
        """The same for a blackhole route: it takes everything that goes to a prefix."""
        for prefix in self.untouchable:
            if _overlap(prefix, destination):
                return f"it touches {prefix}, which is declared untouchable"
        for end in self.endpoints | self.own:
            if _covers(destination, end):
                return f"it touches {end}, an address of a BGP session or of this host"
        return None

    def _too_wide(self, rule: FlowSpecRule) -> str | None:
        prefixes = [c for c in rule.components if isinstance(c, PrefixMatch)]
        if not prefixes:
            return "neither a destination nor a source"
        minimum = self.min_length_v4 if rule.family.afi == AFI_IPV4 else self.min_length_v6
        for match in prefixes:
            if match.kind is Kind.DST_PREFIX and match.length - match.offset < minimum:
                return f"a destination of /{match.length}, at least /{minimum} is required"
        return None

    def _hits_a_session(self, rule: FlowSpecRule) -> str | None:
        match = rule.component(Kind.DST_PREFIX)
        if isinstance(match, PrefixMatch) and match.length - match.offset == len(match.pattern) * 8:
            host = Prefix(rule.family.afi, match.length, match.pattern)
            if host.is_host and host not in self.endpoints:
                return None
        for session in self.sessions:
            if session.theirs.afi != rule.family.afi:
                continue
            for packets, what in _control_traffic(session, rule.family):
                if may_share_a_packet(rule, packets):
                    return f"it matches {what} with {session.theirs}"
        return None

    def _hits_the_untouchable(self, rule: FlowSpecRule) -> str | None:
        for prefix in self.untouchable:
            if prefix.afi != rule.family.afi:
                continue
            for kind in (Kind.DST_PREFIX, Kind.SRC_PREFIX):
                if rule.component(kind) is None:
                    continue
                protected = FlowSpecRule(rule.family, (prefix_match(kind, prefix),))
                if may_share_a_packet(rule, protected):
                    return f"it touches {prefix}, which is declared untouchable"
        return None

    def _hits_us(self, rule: FlowSpecRule) -> str | None:
        for match in rule.components:
            if not isinstance(match, PrefixMatch):
                continue
            for host in self._hosts_in(match, rule.family):
                return f"it touches {host}, an address of a BGP session or of this host"
        return None

    def _hosts_in(self, match: PrefixMatch, family: Family) -> Iterator[Prefix]:
        if match.offset:  # IPv6 may leave out the first bits (RFC 8956 3.1)
            pattern = FlowSpecRule(family, (match,))
            for host in self.own:
                one = FlowSpecRule(family, (prefix_match(match.kind, host),))
                if host.afi == family.afi and may_share_a_packet(pattern, one):
                    yield host
            return
        prefix = Prefix(family.afi, match.length, match.pattern)
        if prefix.is_host:
            if prefix in self.own:
                yield prefix
        else:
            yield from (host for host in self.own if _covers(prefix, host))


def _covers(wide: Prefix, narrow: Prefix) -> bool:
    return (
        wide.afi == narrow.afi
        and wide.length <= narrow.length
        and mask_octets(narrow.octets, wide.length) == wide.octets
    )


def _overlap(one: Prefix, other: Prefix) -> bool:
    return _covers(one, other) or _covers(other, one)


def _control_traffic(session: OwnSession, family: Family) -> list[tuple[FlowSpecRule, str]]:
    """Both directions of the session, and BFD towards either end."""
    found: list[tuple[FlowSpecRule, str]] = []
    ends = ((session.ours, session.theirs), (session.theirs, session.ours))
    for source, destination in ends:
        place = [
            prefix_match(kind, prefix)
            for kind, prefix in ((Kind.DST_PREFIX, destination), (Kind.SRC_PREFIX, source))
            if prefix is not None
        ]
        flow = Family(family.afi, Safi.FLOWSPEC)
        tcp = numeric_match(Kind.PROTOCOL, [_TCP])
        port = [(session.port, session.port)]
        found += [
            (FlowSpecRule(flow, (*place, tcp, numeric_match(kind, port))), "BGP")
            for kind in (Kind.DST_PORT, Kind.SRC_PORT)
        ]
        udp = numeric_match(Kind.PROTOCOL, [_UDP])
        bfd = numeric_match(Kind.DST_PORT, _BFD_PORTS)
        found.append((FlowSpecRule(flow, (*place, udp, bfd)), "BFD"))
    return found


NO_SAFETY_NET: Final = SafetyNet(min_length_v4=0, min_length_v6=0)
