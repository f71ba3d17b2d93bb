"""One winner per key, shadows that take over, drift, and the last line of expiry."""

from dataclasses import replace

from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.route import Key, Route
from prefixd.bgp.rib.route_action import FlowSpecActions
from prefixd.bgp.wire.flowspec_action import Accept, MarkDscp, RateLimit, route_target
from tests.kit.speaking import DISCARD, a_route

VICTIM = "dst 192.0.2.1/32 proto udp"


def limit(rate_bps: float) -> FlowSpecActions:
    return FlowSpecActions((RateLimit(rate_bps),))


def winner(loc: LocRib, route: Route) -> str | None:
    found = loc.winner(route.key)
    return None if found is None else found.route_id


def test_spellings_of_one_match_share_a_key() -> None:
    loc = LocRib()
    loc.put([a_route("dst 192.0.2.1/32 dport 53,54", "a")])
    loc.put([a_route("dst 192.0.2.1/32 dport 53-54", "b")])
    assert loc.shadowed_by("a") == "b" or loc.shadowed_by("b") == "a"


def test_priority_then_strictness_then_age_decide() -> None:
    ladder = [
        a_route(VICTIM, "first", action=FlowSpecActions((Accept(),)), priority=9),
        a_route(VICTIM, "discard newer", action=DISCARD, since_us=2),
        a_route(VICTIM, "discard older", action=DISCARD, since_us=1),
        a_route(VICTIM, "slow", action=limit(1e6)),
        a_route(VICTIM, "fast", action=limit(9e6)),
        a_route(VICTIM, "redirect", action=FlowSpecActions((route_target("65000:1"),))),
        a_route(VICTIM, "mark", action=FlowSpecActions((MarkDscp(8),))),
        a_route(VICTIM, "accept", action=FlowSpecActions((Accept(),))),
    ]
    loc = LocRib()
    loc.put(reversed(ladder))
    for route in ladder:
        assert winner(loc, route) == route.route_id
        shadows = {each.route_id: loc.shadowed_by(each.route_id) for each in loc.routes()}
        assert shadows.pop(route.route_id) is None
        assert set(shadows.values()) <= {route.route_id}
        assert loc.remove([route.route_id]) == {route.key}
    assert len(loc) == 0


def test_a_shadow_that_leaves_touches_nothing() -> None:
    loc = LocRib()
    loc.put([a_route(VICTIM, "a", priority=1), a_route(VICTIM, "b", action=limit(1e6))])
    before = loc.revision
    assert loc.remove(["b", "unknown"]) == set()
    assert loc.revision == before


def test_a_changed_match_moves_the_route() -> None:
    loc = LocRib()
    old, new = a_route(VICTIM, "a"), a_route("dst 192.0.2.2/32", "a")
    loc.put([old])
    assert loc.put([new]) == {old.key, new.key}
    assert winner(loc, old) is None
    assert winner(loc, new) == "a"


def test_an_extension_changes_only_the_expiry() -> None:
    loc = LocRib()
    route = a_route(VICTIM, "a", expires_at_us=10_000_000)
    assert loc.put([route])
    assert loc.put([replace(route, expires_at_us=20_000_000)]) == set()
    assert loc.expire(15_000_000) == ((), set())
    assert loc.expire(19_999_999) == ((), set())
    assert loc.expire(20_000_000) == (("a",), {route.key})
    assert loc.expire(1 << 60) == ((), set())


def test_a_route_without_end_never_expires() -> None:
    loc = LocRib()
    loc.put([a_route(VICTIM, "a")])
    assert loc.expire(1 << 60) == ((), set())


def test_replace_says_what_differed() -> None:
    loc = LocRib()
    kept, changed, gone = (a_route(f"dst 192.0.2.{n}/32", f"r{n}") for n in (1, 2, 3))
    loc.put([kept, changed, gone])
    new = a_route("dst 192.0.2.4/32", "r4")
    drift, keys = loc.replace([kept, replace(changed, action=limit(1e6)), new])
    assert (drift.missing, drift.surplus, drift.changed) == (("r4",), ("r3",), ("r2",))
    assert keys == {changed.key, gone.key, new.key}
    again, keys = loc.replace(loc.routes())
    assert not again
    assert keys == set()


def test_actions_are_shared() -> None:
    loc = LocRib()
    loc.put(a_route(f"dst 192.0.2.{n}/32", action=limit(5e6)) for n in range(1, 50))
    assert len({id(route.action) for route in loc.routes()}) == 1


def test_rules_that_differ_in_one_late_octet_stay_apart() -> None:
    loc = LocRib()
    loc.put(a_route(f"{VICTIM} dport 53 length {size}", f"r{size}") for size in range(300))
    [family] = loc.families
    assert len(loc.table(family)) == 300
    loc.remove(["r7"])
    assert a_route(f"{VICTIM} dport 53 length 7").nlri not in loc.table(family)
    assert loc.winner(Key(family, a_route(f"{VICTIM} dport 53 length 8").nlri)) is not None
