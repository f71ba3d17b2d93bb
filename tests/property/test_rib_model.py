"""Random histories against a model that forgets nothing and optimises nothing.

Peers come and go, are slow, ask for refreshes; rules come, change, expire; policy and budgets
change; the process crashes and starts again from its store. Whatever happened: once everything is
quiet, every router, decoding the octets it was sent, holds exactly what the model computes from the
intents alone. On the way it never holds more than its budget and is never told anything needless.
"""

import random
from dataclasses import dataclass, field, replace

import pytest

from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.export_terms import Budget, ExportPolicy, Pacing, Terms
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.refresh_probe import ProbeSettings
from prefixd.bgp.rib.route import Key, Route, host_nlri, nlri_of, rule_of
from prefixd.bgp.rib.route_action import (
    BlackholeAction,
    FlowSpecActions,
    RouteAction,
    multiplies_when_split,
    strictness,
)
from prefixd.bgp.rib.router_profile import GENERIC, Profile
from prefixd.bgp.rib.split_rule import Unfit, fit
from prefixd.bgp.wire.community import Communities, ExtendedCommunities
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_nlri, encode_rule
from prefixd.bgp.wire.flowspec_action import Discard, RateLimit, encode_actions
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import (
    IPV4_FLOWSPEC,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    Family,
    RefreshSubtype,
)
from prefixd.bgp.wire.message import RouteRefresh, decode_message
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.prefix import Prefix
from prefixd.bgp.wire.update import Update

FAMILIES = frozenset({IPV4_FLOWSPEC, IPV6_FLOWSPEC, IPV4_UNICAST})
TIGHT = replace(GENERIC, name="tight", max_items=2, max_ranges=2, port_with_dport=False)
ACTIONS: tuple[RouteAction, ...] = (
    FlowSpecActions((Discard(),)),
    FlowSpecActions((RateLimit(1e6),)),
    FlowSpecActions((RateLimit(5e6),)),
)
MATCHES = [
    nlri_of(parse_rule(text))
    for text in (
        "dst 192.0.2.1/32",
        "dst 192.0.2.1/32 proto udp",
        "dst 192.0.2.1/32 proto udp dport 53",
        "dst 192.0.2.1/32 proto udp dport 53,123,389,1900,11211",
        "dst 192.0.2.1/32 proto udp dport 53,123",
        "dst 192.0.2.1/32 proto udp port 53 dport 53,80",
        "dst 192.0.2.1/32 proto udp sport 53",
        "dst 192.0.2.2/32 proto tcp tcp-flags =syn&!ack",
        "dst 192.0.2.3/32 length 1-2,4-5,7-8,10-11",
    )
]
MATCHES_V6 = [
    nlri_of(parse_rule(f"dst 2001:db8::{n:x}/128 proto udp dport 53,55,57,59")) for n in range(1, 5)
]
HOSTS = [host_nlri(Prefix.parse(f"203.0.113.{n}")) for n in range(1, 4)]


@dataclass
class Router:
    """The far end: decodes what it is sent and objects to what no speaker should send."""

    terms: Terms
    table: dict[Key, str] = field(default_factory=dict)
    buffer: bytearray = field(default_factory=bytearray)
    end_of_rib: set[Family] = field(default_factory=set)
    refreshing: set[Family] = field(default_factory=set)
    may_repeat: bool = False

    def receive(self, octets: bytes, limit: int | None) -> None:
        context = WireContext(families=self.terms.families, external=not self.terms.internal)
        self.buffer += octets
        while (message := cut_message(self.buffer, context)) is not None:
            value = decode_message(message, context)
            if isinstance(value, RouteRefresh):
                assert value.subtype in (RefreshSubtype.BEGIN, RefreshSubtype.END)
                begins = value.subtype == RefreshSubtype.BEGIN
                (self.refreshing.add if begins else self.refreshing.discard)(value.family)
                continue
            assert isinstance(value, Update)
            self._apply(assess(value, context))
            assert limit is None or len(self.table) <= limit, "more than the budget, for an instant"
        assert not self.buffer, "a chunk ended in the middle of a message"

    def _apply(self, outcome) -> None:  # type: ignore[no-untyped-def]  # because Outcome is checked below
        assert not outcome.faults, outcome.faults
        if outcome.end_of_rib is not None:
            assert outcome.end_of_rib not in self.end_of_rib, "End-of-RIB twice"
            self.end_of_rib.add(outcome.end_of_rib)
        for routes in outcome.withdrawn:
            for nlri in routes.nlri:
                assert self.table.pop(_key(routes.family, nlri), None), "withdrawn, never announced"
        advertised = _words(outcome.attributes)
        for routes in outcome.announced:
            for nlri in routes.nlri:
                key = _key(routes.family, nlri)
                repeated = self.table.get(key) == advertised
                assert not repeated or self.may_repeat or routes.family in self.refreshing
                self.table[key] = advertised


def _key(family: Family, nlri: object) -> Key:
    if isinstance(nlri, FlowSpecRule):
        return Key(family, encode_nlri(encode_rule(nlri)))
    assert isinstance(nlri, Prefix)
    return Key(family, host_nlri(nlri))


def _words(attributes: tuple[object, ...]) -> str:
    return repr([a for a in attributes if isinstance(a, ExtendedCommunities | Communities)])


def _told_as(action: RouteAction, terms: Terms) -> str:
    if isinstance(action, BlackholeAction):
        return _words((Communities(terms.rtbh.communities),))
    return _words((ExtendedCommunities(encode_actions(action.actions)[0]),))


def model(routes: dict[str, Route], terms: Terms) -> dict[Key, str]:
    """What a router with these terms should hold, from the intents alone."""

    def order(route: Route) -> tuple[object, ...]:
        return (-route.priority, *strictness(route.action), -route.since_us, route.route_id)

    winners: dict[Key, Route] = {}
    for route in sorted(routes.values(), key=order):
        winners.setdefault(route.key, route)
    wanted: list[tuple[Route, list[Key]]] = []
    for key, route in winners.items():
        if route.family not in terms.families or terms.policy is None:
            continue
        if terms.policy.owners and route.owner not in terms.policy.owners:
            continue
        keys = [key]
        if route.family != IPV4_UNICAST:
            parts = fit(rule_of(*key), terms.profile)
            if isinstance(parts, Unfit):
                continue
            if len(parts) > 1 and multiplies_when_split(route.action):
                continue
            if len(parts) > 1 or parts[0] != rule_of(*key):
                keys = list(dict.fromkeys(Key(route.family, nlri_of(part)) for part in parts))
        wanted.append((route, keys))
    limit, used, automatic = terms.budget.rules_total, 0, 0
    table: dict[Key, Route] = {}
    for route, keys in sorted(
        wanted, key=lambda w: (-w[0].priority, not w[0].manual, w[0].since_us, w[0].key)
    ):
        if limit is not None:
            share = limit if route.manual else limit - int(limit * 0.1)
            spent = 0 if route.manual else automatic
            if used + len(keys) > limit or spent + len(keys) > share:
                continue
        used += len(keys)
        automatic += 0 if route.manual else len(keys)
        for key in keys:
            if key not in table or order(route) < order(table[key]):
                table[key] = route
    return {key: _told_as(route.action, terms) for key, route in table.items()}


class History:
    """One random life of the daemon."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 1000.0
        self.store: dict[str, Route] = {}
        self.routers: dict[str, Router] = {}
        self.slow: set[str] = set()
        self.serial = 0
        self.start()

    def start(self) -> None:
        self.loc = LocRib()
        self.distribution = Distribution(self.loc)
        self.distribution.at_once = self.chance.choice((0, 3, 250))
        self.loc.replace(self.store.values())
        self.distribution.ready()
        self.routers.clear()

    def terms(self) -> Terms:
        chance = self.chance
        return Terms(
            families=chance.choice((FAMILIES, FAMILIES - {IPV6_FLOWSPEC})),
            local_as=65000,
            internal=chance.random() < 0.7,
            profile=chance.choice((TIGHT, replace(GENERIC, budget_total=None), _NO_LIMIT)),
            policy=ExportPolicy(owners=chance.choice((frozenset(), frozenset({"a"})))),
            budget=Budget(rules_total=chance.choice((None, None, 4, 10, 20))),
            pacing=Pacing(rules_per_second=chance.choice((0, 0, 7))),
            names=frozenset(),
        )

    def a_route(self, route_id: str) -> Route:
        chance = self.chance
        self.serial += 1
        kind = chance.random()
        if kind < 0.15:
            place = (IPV4_UNICAST, chance.choice(HOSTS), BlackholeAction())
        elif kind < 0.35:
            place = (IPV6_FLOWSPEC, chance.choice(MATCHES_V6), chance.choice(ACTIONS))
        else:
            place = (IPV4_FLOWSPEC, chance.choice(MATCHES), chance.choice(ACTIONS))
        family, nlri, action = place
        return Route(
            route_id=route_id,
            family=family,
            nlri=nlri,
            action=action,
            priority=chance.choice((0, 0, 5)),
            owner=chance.choice("ab"),
            manual=chance.random() < 0.2,
            since_us=self.serial,
            expires_at_us=chance.choice((0, int((self.now + 20) * 1e6))),
        )

    def step(self) -> None:
        chance = self.chance
        self.now += chance.choice((0.0, 0.001, 0.03, 1.0))
        move = chance.random()
        names = list(self.routers)
        if move < 0.30:
            route = self.a_route(f"r{chance.randint(0, 14)}")
            self.store[route.route_id] = route
            self.touch(self.loc.put([route]))
        elif move < 0.42 and self.store:
            route_id = chance.choice(list(self.store))
            del self.store[route_id]
            self.touch(self.loc.remove([route_id]))
        elif move < 0.47:
            self.now += 10
            now_us = int(self.now * 1e6)
            gone, keys = self.loc.expire(now_us)
            for route_id in gone:
                assert self.store.pop(route_id).expires_at_us <= now_us
            self.touch(keys)
        elif move < 0.57:
            name, terms = chance.choice("xyzw"), self.terms()
            self.routers[name] = Router(terms)
            self.distribution.peer_up(name, terms, ProbeSettings(), probe_usable=False)
        elif move < 0.62 and names:
            name = chance.choice(names)
            self.distribution.peer_down(name)
            del self.routers[name]
        elif move < 0.68 and names:
            name = chance.choice(names)
            family = chance.choice(list(FAMILIES))
            self.distribution.refresh_requested(name, family, self.now, enhanced=True)
        elif move < 0.73 and names:
            name = chance.choice(names)
            router = self.routers[name]
            router.terms = replace(
                self.terms(), families=router.terms.families, internal=router.terms.internal
            )
            self.distribution.terms_changed(name, router.terms, self.now)
            router.may_repeat = True
        elif move < 0.75:
            self.start()
        elif move < 0.78 and self.store:
            kept = dict(list(self.store.items())[::2])
            self.store = kept
            drift, keys = self.loc.replace(kept.values())
            assert not drift.missing
            self.touch(keys)
        elif move < 0.82:
            self.slow ^= set(chance.choice("xyzw"))
        else:
            self.poll(self.slow)

    def touch(self, keys: set[Key]) -> None:
        before = self.loc.revision
        self.distribution.changed(keys, self.now)
        assert self.loc.revision == before

    def poll(self, skip: set[str]) -> None:
        self.distribution.detach_slow(self.now)
        names = [name for name in self.routers if name not in skip]
        self.chance.shuffle(names)
        for name in names:
            router = self.routers[name]
            limit = None if router.may_repeat else router.terms.budget.rules_total
            for _ in range(self.chance.randint(1, 4)):
                chunk = self.distribution.next_chunk(name, self.now)
                if chunk is None:
                    break
                router.receive(chunk.octets, limit)
            assert self.distribution.synced_revision(name) <= self.loc.revision

    def settle(self) -> None:
        for _ in range(400):
            self.now += 0.5
            self.poll(set())
            times = [self.distribution.wake_at(name, self.now) for name in self.routers]
            if all(time is None for time in times):
                return
        raise AssertionError("never quiet")

    def check(self) -> None:
        for name, router in self.routers.items():
            expected = model(self.store, router.terms)
            assert router.table == expected, name
            assert not router.refreshing
            assert router.end_of_rib == router.terms.families
            advertised = {
                Key(f, n) for f, table in self.distribution.advertised(name).items() for n in table
            }
            assert advertised == set(expected)
            assert self.distribution.synced_revision(name) == self.loc.revision
        assert self.distribution.self_check(self.now) == 0
        assert {route.key for route in self.loc.routes()} == {r.key for r in self.store.values()}
        for route_id in self.store:
            route = self.loc.get(route_id)
            assert route is not None
            winner = self.loc.winner(route.key)
            assert winner is route or self.loc.shadowed_by(route_id) == winner.route_id
        again = LocRib()
        again.replace(self.store.values())
        for family in FAMILIES:
            assert dict(again.table(family)) == dict(self.loc.table(family))


_NO_LIMIT: Profile = replace(GENERIC, name="wide", budget_total=None, max_items=99)


@pytest.mark.parametrize("seed", range(60))
def test_every_router_ends_with_what_the_intents_say(seed: int) -> None:
    history = History(seed)
    for _ in range(4):
        for _ in range(60):
            history.step()
        history.settle()
        history.check()
