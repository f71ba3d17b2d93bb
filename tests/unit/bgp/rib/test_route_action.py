"""What an action needs of a router, and which of two is stricter."""

import pytest

from prefixd.bgp.rib.route_action import (
    Ability,
    BlackholeAction,
    FlowSpecActions,
    RouteAction,
    abilities_of,
    multiplies_when_split,
    police_rates,
    strictness,
)
from prefixd.bgp.wire.flowspec_action import (
    Accept,
    Action,
    Discard,
    MarkDscp,
    PacketRateLimit,
    RateLimit,
    RedirectToAddress,
    TrafficAction,
    route_target,
)


def flow(*actions: Action) -> FlowSpecActions:
    return FlowSpecActions(actions)


STRICTEST_FIRST: list[RouteAction] = [
    flow(Discard()),
    flow(RateLimit(1e6)),
    flow(RateLimit(2e6)),
    flow(route_target("65000:1")),
    flow(MarkDscp(46)),
    flow(Accept()),
]


def test_strictness_orders_actions() -> None:
    shuffled = STRICTEST_FIRST[::-1]
    assert sorted(shuffled, key=strictness) == STRICTEST_FIRST
    assert strictness(BlackholeAction()) == strictness(flow(Discard()))
    assert strictness(flow(PacketRateLimit(0))) == strictness(flow(Discard()))
    assert strictness(flow(MarkDscp(1), RateLimit(5.0))) == (1, 5.0)


@pytest.mark.parametrize(
    ("action", "needed"),
    [
        (BlackholeAction(), {Ability.BLACKHOLE}),
        (flow(RateLimit(1e6), MarkDscp(1)), {Ability.RATE_BYTES, Ability.MARK}),
        (flow(RedirectToAddress(bytes(4), copy=True)), {Ability.REDIRECT_IP, Ability.COPY}),
        (flow(TrafficAction(sample=True)), {Ability.SAMPLE}),
        (flow(), set()),
    ],
)
def test_abilities(action: RouteAction, needed: set[Ability]) -> None:
    assert abilities_of(action) == needed


def test_only_limits_multiply_when_a_rule_is_split() -> None:
    assert multiplies_when_split(flow(RateLimit(1e6)))
    assert multiplies_when_split(flow(PacketRateLimit(10)))
    assert not multiplies_when_split(flow(PacketRateLimit(0)))
    assert not multiplies_when_split(flow(Discard()))
    assert not multiplies_when_split(BlackholeAction())
    assert police_rates(flow(RateLimit(5.0), MarkDscp(1))) == (5.0,)
    assert police_rates(BlackholeAction()) == ()
