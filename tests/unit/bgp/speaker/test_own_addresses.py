"""Addresses that are ours are known without being configured."""

import errno
import socket
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from prefixd.bgp.neighbor_settings import Direction
from prefixd.bgp.settings import DynamicRange, ListenAddress
from prefixd.bgp.speaker import own_addresses
from prefixd.bgp.speaker.events import OwnAddressesChanged
from prefixd.bgp.speaker.own_addresses import OwnAddresses, interface_addresses
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.bgp.speaker.status import RuleStage
from tests.kit.bgp import a_speaker
from tests.kit.fake_router import fake_router
from tests.kit.flooding import Caller
from tests.kit.speaking import a_neighbor, a_route, speaking

OURS = ip_address("198.51.100.77")
TO_US = "dst 198.51.100.77/32 proto tcp tcp-flags =syn"


def test_the_kernel_names_addresses_that_can_be_bound() -> None:
    found = list(interface_addresses())
    for address in found:
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((str(address), 0))
        assert not address.is_loopback


def test_what_the_kernel_does_not_tell_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    own = OwnAddresses()
    monkeypatch.setattr(own_addresses, "interface_addresses", lambda: [OURS])
    assert own.look(a_speaker(), ())
    assert not own.look(a_speaker(), ()), "nothing has changed"

    def exhausted() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(own_addresses, "interface_addresses", exhausted)
    assert not own.look(a_speaker(), ())
    assert own.known == {OURS: "our address on an interface"}


def test_listeners_are_ours() -> None:
    own = OwnAddresses()
    own.look(a_speaker(listen=(ListenAddress(OURS), ListenAddress(ip_address("::")))), ())
    assert own.known[OURS] == "our BGP address"
    assert ip_address("::") not in own.known


def stage(speaker: Speaker, route_id: str, peer: str) -> RuleStage:
    state = speaker.state(route_id, peer)
    assert state is not None
    return state.stage


@pytest.mark.parametrize(
    "rule",
    [TO_US, "dst 198.51.100.0/24", "src 198.51.100.77/32", "src 198.51.0.0/16 dst 192.0.2.1/32"],
)
async def test_a_rule_for_an_address_of_ours_is_withheld(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_addresses, "interface_addresses", lambda: [OURS])
    async with fake_router() as router, speaking(a_neighbor(port=router.port)) as at_work:
        at_work.speaker.replace([a_route(rule, "bad"), a_route("dst 203.0.113.9/32", "good")])
        at_work.speaker.start()
        await router.until(lambda each: len(each.rules) == 1)
        assert stage(at_work.speaker, "bad", "router") is RuleStage.WITHHELD


async def test_an_address_that_becomes_ours_leaves_the_router(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prefixd.bgp.speaker.speaker.EXPIRY_CHECK_S", 0.01)
    monkeypatch.setattr(own_addresses, "interface_addresses", list)
    async with fake_router() as router, speaking(a_neighbor(port=router.port)) as at_work:
        at_work.speaker.replace([a_route(TO_US, "bad")])
        at_work.speaker.start()
        await router.until(lambda each: each.rules)
        monkeypatch.setattr(own_addresses, "interface_addresses", lambda: [OURS])
        await router.until(lambda each: not each.rules)
        [event] = [
            e for e in at_work.events if isinstance(e, OwnAddressesChanged) and OURS in e.addresses
        ]
        assert event.addresses[OURS] == "our address on an interface"


async def test_our_end_of_a_session_without_local_address_is_known() -> None:
    """As routing chose it: here the loopback address that no interface list contains."""
    async with fake_router() as router, speaking(a_neighbor(port=router.port)) as at_work:
        at_work.speaker.replace([a_route("dst 127.0.0.1/32", "bad")])
        at_work.speaker.start()
        await at_work.until_synced("router")
        assert not router.rules
        assert stage(at_work.speaker, "bad", "router") is RuleStage.WITHHELD


async def test_a_dynamic_neighbor_is_known_from_the_moment_it_is_up() -> None:
    template = replace(a_neighbor("x", "127.0.9.0"), direction=Direction.PASSIVE)
    found = DynamicRange(name="lab", prefix=ip_network("127.0.9.0/24"), template=template)
    listen = (ListenAddress(ip_address("127.0.0.1"), 0),)
    async with (
        fake_router() as router,
        speaking(a_neighbor(port=router.port), dynamic=(found,), listen=listen) as at_work,
    ):
        at_work.speaker.replace([a_route("dst 127.0.9.4/32", "bad")])
        at_work.speaker.start()
        await router.until(lambda each: each.rules)
        caller = Caller("127.0.9.4", at_work.speaker.registry.ports[0])
        caller.connect()
        await router.until(lambda each: not each.rules)
        assert (
            at_work.speaker.own_addresses[ip_address("127.0.9.4")]
            == "dynamic neighbor lab-127.0.9.4"
        )
        caller.close()
