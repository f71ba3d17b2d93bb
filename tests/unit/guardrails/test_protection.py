"""The sessions that carry our rules, as flows: every packet of them, and nothing else."""

import pytest

from prefixd.domain.rule import Match, PortRange
from prefixd.domain.vector import TCP, UDP
from prefixd.guardrails.limits import ProtectedFlow
from prefixd.guardrails.protection import session_flows, touches
from tests.kit.builders import a_prefix, an_address

OURS, THEIRS = a_prefix("192.0.2.1/32"), a_prefix("192.0.2.2/32")
BGP = (PortRange(179, 179),)
BFD = (PortRange(3784, 3785), PortRange(4784, 4784))
SESSION, LIVENESS = "the BGP session with edge1", "BFD with edge1"


def flows(*, own: bool = True) -> tuple[ProtectedFlow, ...]:
    ours = an_address("192.0.2.1") if own else None
    return session_flows("edge1", an_address("192.0.2.2"), ours)


def test_both_directions_and_both_sides_of_the_connection_are_protected() -> None:
    """RFC 4271: port 179 at whichever end listens. RFC 5881 and 5883: BFD to ports 3784, 4784."""
    directions = [(THEIRS, OURS), (OURS, THEIRS)]
    assert flows() == tuple(
        flow
        for dst, src in directions
        for flow in (
            ProtectedFlow(name=SESSION, dst=dst, src=src, protocol=TCP, dst_ports=BGP),
            ProtectedFlow(name=SESSION, dst=dst, src=src, protocol=TCP, src_ports=BGP),
            ProtectedFlow(name=LIVENESS, dst=dst, src=src, protocol=UDP, dst_ports=BFD),
        )
    )


def test_without_our_address_what_goes_to_the_router_is_protected_from_any_source() -> None:
    assert [(flow.dst, flow.src) for flow in flows(own=False)] == [(THEIRS, None)] * 3


TO_THE_ROUTER = flows()[0]


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        (Match(dst=THEIRS), True),
        (Match(dst=a_prefix("192.0.2.0/24"), protocol=TCP), True),
        (Match(dst=None, protocol=TCP, dst_ports=(PortRange(100, 200),)), True),
        (Match(dst=THEIRS, protocol=UDP), False),
        (Match(dst=THEIRS, protocol=TCP, dst_ports=(PortRange(180, 65535),)), False),
        (Match(dst=OURS, protocol=TCP), False),
        (Match(dst=THEIRS, src=OURS), True),
        (Match(dst=THEIRS, src=a_prefix("203.0.113.0/24")), False),
        (Match(dst=THEIRS, src=a_prefix("192.0.2.0/24"), src_ports=(PortRange(5, 5),)), True),
    ],
)
def test_a_rule_touches_a_flow_when_one_packet_may_be_of_both(match: Match, hit: bool) -> None:
    assert touches(match, TO_THE_ROUTER) is hit


def test_the_answer_of_a_router_that_was_dialed_comes_from_port_179() -> None:
    answers = flows()[1]
    assert touches(Match(dst=THEIRS, protocol=TCP, src_ports=BGP), answers)
    assert not touches(Match(dst=THEIRS, protocol=TCP, src_ports=(PortRange(80, 80),)), answers)
