"""The port rule, case by case. The table is the one in docs/policy.md."""

import pytest

from prefixd.domain.rule import PortRange, Ports, port_ranges
from prefixd.policy.playbook import PortMode
from prefixd.policy.ports import (
    ALL_PORTS,
    ServicePortsOnly,
    choose_ports,
    intersect,
    subtract,
    union,
)

PROTECT, REFERENCE = PortMode.PROTECT_ALLOWED, PortMode.REFERENCE
BUT_53 = (PortRange(0, 52), PortRange(54, 65535))


def p(*ports: int) -> Ports:
    return port_ranges(ports)


@pytest.mark.parametrize(
    ("observed", "allowed", "drops", "chosen"),
    [
        pytest.param(p(), p(), True, p(), id="nothing known, dropping: all ports"),
        pytest.param(p(), p(), False, p(), id="nothing known, policing: all ports"),
        pytest.param(p(), p(53), True, BUT_53, id="service known, dropping: all but its ports"),
        pytest.param(p(), p(53), False, p(), id="service known, policing: all ports"),
        pytest.param(p(53, 4000), p(53), True, p(4000), id="some observed: without the service's"),
        pytest.param(p(53, 4000), p(53), False, p(53, 4000), id="some observed, policing: them"),
        pytest.param(p(4000), p(53), True, p(4000), id="other ports: them"),
        pytest.param(p(4000), p(), True, p(4000), id="observed, no service: them"),
        pytest.param(p(53), p(53, 443), False, p(53), id="service under attack, policing: it"),
    ],
)
def test_w01_w02_the_five_cases(
    observed: Ports, allowed: Ports, drops: bool, chosen: Ports
) -> None:
    assert choose_ports(observed, allowed, drops=drops, mode=PROTECT) == chosen


def test_w01_dropping_only_the_services_ports_is_refused_and_never_widened() -> None:
    answer = choose_ports(p(53), p(53, 443), drops=True, mode=PROTECT)
    assert answer == ServicePortsOnly(p(53), p(53, 443))


@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize(
    ("observed", "allowed", "chosen"),
    [(p(), p(), p()), (p(), p(53), p(53)), (p(53, 80), p(53), p(53)), (p(80), p(), p(80))],
)
def test_the_older_reading_narrows_to_the_services_ports(
    observed: Ports, allowed: Ports, chosen: Ports, drops: bool
) -> None:
    assert choose_ports(observed, allowed, drops=drops, mode=REFERENCE) == chosen


def test_w01_the_older_reading_refuses_where_it_used_to_match_everything() -> None:
    answer = choose_ports(p(4000), p(53), drops=False, mode=REFERENCE)
    assert isinstance(answer, ServicePortsOnly)


def test_a_service_on_every_port_leaves_nothing_to_drop() -> None:
    assert isinstance(choose_ports(p(), ALL_PORTS, drops=True, mode=PROTECT), ServicePortsOnly)


def test_ranges_are_cut_where_ports_are_taken_out() -> None:
    ranges = (PortRange(10, 20), PortRange(30, 40))
    assert subtract(ranges, p(10, 15, 40)) == (
        PortRange(11, 14),
        PortRange(16, 20),
        PortRange(30, 39),
    )
    assert subtract(ranges, (PortRange(5, 35),)) == (PortRange(36, 40),)
    assert subtract(ranges, ()) == ranges
    assert subtract((), ranges) == ()


def test_what_both_have() -> None:
    assert intersect((PortRange(10, 20),), (PortRange(15, 30),)) == (PortRange(15, 20),)
    assert intersect(p(1, 2), p(3)) == ()


def test_every_port_joined_with_anything_is_every_port() -> None:
    assert union((), p(53)) == ()
    assert union(p(53), p(54, 80)) == (PortRange(53, 54), PortRange(80, 80))
