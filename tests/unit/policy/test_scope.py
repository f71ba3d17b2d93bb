"""From attack and step to the packets a rule names."""

import pytest

from prefixd.domain.inventory import PolicyProfile
from prefixd.domain.rule import (
    Blackhole,
    Discard,
    Fragment,
    Match,
    Police,
    PortRange,
    TcpFlags,
    port_ranges,
)
from prefixd.domain.vector import Vector
from prefixd.policy.escalate import Standing
from prefixd.policy.playbook import Playbook, PolicySettings, PortMode, Step
from prefixd.policy.scope import NotWanted, Wanted, wanted
from prefixd.policy.select import Attack
from tests.kit.builders import (
    VICTIM,
    a_customer,
    a_discard_step,
    a_playbook,
    a_police_step,
    a_prefix,
    a_service,
    an_inventory,
)

STRONG = Standing(confidence=0.95, sources=2, firing=True)
ONE_SOURCE = Standing(confidence=0.95, sources=1, firing=True)
SETTINGS = PolicySettings()
DISCARD = a_playbook(steps=[a_discard_step(confidence=None, persistence_s=None)])
POLICE = a_playbook(steps=[a_police_step()])
BOTH = a_playbook()


def an_attack(
    vector: Vector = Vector.UDP_FLOOD,
    *ports: int,
    victim: str = VICTIM,
    profile=PolicyProfile.NORMAL,
) -> Attack:
    owner = an_inventory(a_customer(profile=profile)).find(a_prefix(victim))
    assert owner is not None
    return Attack(victim=a_prefix(victim), vector=vector, owner=owner, dst_ports=port_ranges(ports))


def rule_for(playbook: Playbook, attack: Attack, standing: Standing = STRONG, step=None) -> Wanted:
    answer = wanted(SETTINGS, playbook, attack, standing, step)
    assert isinstance(answer, Wanted), answer
    return answer


def test_w06_ipv6_victims_get_a_128() -> None:
    match = rule_for(POLICE, an_attack(victim="2001:db8:10::1")).rule.match
    assert str(match.dst) == "2001:db8:10::1/128"
    assert match.protocol == 17


def test_w08_icmp_on_ipv6_is_58() -> None:
    assert rule_for(POLICE, an_attack(Vector.ICMP_FLOOD)).rule.match.protocol == 1
    six = an_attack(Vector.ICMP_FLOOD, victim="2001:db8:10::1")
    assert rule_for(POLICE, six).rule.match.protocol == 58


@pytest.mark.parametrize("vector", [Vector.ICMP_FLOOD, Vector.GRE_FLOOD, Vector.FRAGMENT_FLOOD])
def test_w09_protocols_without_ports_carry_none(vector: Vector) -> None:
    assert rule_for(DISCARD, an_attack(vector, 53, 80)).rule.match.dst_ports == ()


def test_s01_amplification_is_matched_by_the_port_it_comes_from() -> None:
    match = rule_for(DISCARD, an_attack(Vector.NTP_AMPLIFICATION)).rule.match
    assert match.src_ports == (PortRange(123, 123),)
    assert match.protocol == 17
    assert match.dst_ports == (PortRange(0, 52), PortRange(54, 65535))


def test_fragments_are_matched_as_fragments() -> None:
    match = rule_for(DISCARD, an_attack(Vector.FRAGMENT_FLOOD)).rule.match
    assert match.fragments == (Fragment.IS_FRAGMENT, Fragment.FIRST_FRAGMENT)
    assert match.protocol is None


@pytest.mark.parametrize(
    ("vector", "flags"),
    [
        (Vector.SYN_FLOOD, TcpFlags(0x02, 0x12)),
        (Vector.ACK_FLOOD, TcpFlags(0x10, 0x16)),
        (Vector.TCP_RST_FLOOD, TcpFlags(0x04, 0x04)),
        (Vector.TCP_FLOOD, None),
    ],
)
def test_tcp_flags_only_when_the_playbook_says_so(vector: Vector, flags: TcpFlags | None) -> None:
    flagged = a_playbook(steps=[a_police_step()], match_tcp_flags=True)
    assert rule_for(flagged, an_attack(vector)).rule.match.tcp_flags == flags
    assert rule_for(POLICE, an_attack(vector)).rule.match.tcp_flags is None


def test_w02_a_discard_spares_the_services_ports() -> None:
    assert rule_for(DISCARD, an_attack(Vector.UDP_FLOOD, 53, 4000)).rule == (
        rule_for(DISCARD, an_attack(Vector.UDP_FLOOD, 4000)).rule
    )


def test_w01_attack_on_the_service_alone_takes_the_police_step() -> None:
    answer = rule_for(BOTH, an_attack(Vector.UDP_FLOOD, 53), step=1)
    assert answer.step == 0
    assert answer.softened == "service_ports_only"
    assert answer.rule.action == Police(10_000_000)
    assert answer.rule.match.dst_ports == port_ranges([53])


def test_w01_without_a_police_step_it_is_refused() -> None:
    answer = wanted(SETTINGS, DISCARD, an_attack(Vector.UDP_FLOOD, 53), STRONG)
    assert isinstance(answer, NotWanted)
    assert answer.code == "service_ports_only"
    assert "no police step" in answer.sentence


def test_the_older_reading_refuses_and_takes_no_softer_step() -> None:
    reference = a_playbook(ports=PortMode.REFERENCE)
    answer = wanted(SETTINGS, reference, an_attack(Vector.UDP_FLOOD, 4000), STRONG)
    assert isinstance(answer, NotWanted)
    assert answer.code == "service_ports_only"
    unknown = an_attack(Vector.UNKNOWN, 4000)
    assert rule_for(reference, unknown).rule.match.dst_ports == port_ranges([4000])


def test_an_attack_without_a_protocol_spares_the_ports_of_both() -> None:
    owner = an_inventory(
        a_customer(services=(a_service(allowed_udp=(53,), allowed_tcp=(443,)),))
    ).find(a_prefix(VICTIM))
    assert owner is not None
    attack = Attack(
        victim=a_prefix(VICTIM),
        vector=Vector.TOTAL_TRAFFIC,
        owner=owner,
        dst_ports=port_ranges([53, 443, 9]),
    )
    assert (
        rule_for(DISCARD, attack).rule == rule_for(DISCARD, an_attack(Vector.TOTAL_TRAFFIC, 9)).rule
    )


def test_a_blackhole_is_for_the_host_and_nothing_else() -> None:
    playbook = a_playbook(steps=[Step(action=Blackhole(), ttl_s=60)])
    answer = rule_for(playbook, an_attack(Vector.UDP_FLOOD, 4000))
    assert answer.rule.match == Match(dst=a_prefix(VICTIM))


def test_strict_with_one_source_takes_the_police_step() -> None:
    strict = an_attack(profile=PolicyProfile.STRICT)
    discard_first = a_playbook(
        steps=[a_discard_step(confidence=None, persistence_s=None), a_police_step()]
    )
    softened = rule_for(discard_first, strict, ONE_SOURCE)
    assert (softened.step, softened.softened) == (1, "strict_profile")
    assert rule_for(discard_first, strict, STRONG).rule.action == Discard()
    refused = wanted(SETTINGS, DISCARD, strict, ONE_SOURCE)
    assert isinstance(refused, NotWanted)
    assert refused.code == "strict_needs_two_sources"


def test_relaxed_with_certainty_discards_at_once() -> None:
    relaxed = an_attack(profile=PolicyProfile.RELAXED)
    assert rule_for(BOTH, relaxed).step == 1
    doubtful = Standing(confidence=0.6, sources=1, firing=True)
    assert rule_for(BOTH, relaxed, doubtful).step == 0


def test_a_step_without_a_ttl_takes_the_default() -> None:
    assert rule_for(a_playbook(steps=[a_police_step(ttl_s=0)]), an_attack()).ttl_s == 120
