"""What the OPEN of a neighbor says, made from its settings."""

from dataclasses import replace
from ipaddress import IPv4Address

from prefixd.bgp.fsm.negotiate import GracefulOffer
from prefixd.bgp.neighbor_settings import RestartPolicy, RestartSettings, RoleName
from prefixd.bgp.session.offer import offer_of
from prefixd.bgp.settings import SpeakerSettings
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, RoleCode
from tests.kit.speaking import a_neighbor

SPEAKER = SpeakerSettings(
    local_asn=65000, router_id=IPv4Address("10.0.0.1"), hostname="control", domain="example.net"
)


def test_the_offer_has_the_values_of_the_settings() -> None:
    offer = offer_of(SPEAKER, a_neighbor(), restarting=False)
    assert (offer.local_asn, offer.router_id) == (65000, int(IPv4Address("10.0.0.1")))
    assert offer.families == a_neighbor().families
    assert (offer.host, offer.domain) == (b"control", b"example.net")
    assert offer_of(SPEAKER, a_neighbor(local_asn=65009), restarting=False).local_asn == 65009


def test_fewer_families_when_the_peer_would_not_take_them_all() -> None:
    offer = offer_of(SPEAKER, a_neighbor(), restarting=False, families=(IPV4_FLOWSPEC,))
    assert offer.families == (IPV4_FLOWSPEC,)
    assert offer.graceful is not None
    assert offer.graceful.families == (IPV4_FLOWSPEC,)


def test_restart_policies() -> None:
    def graceful(policy: RestartPolicy) -> GracefulOffer:
        peer = a_neighbor(restart=RestartSettings(policy=policy))
        found = offer_of(SPEAKER, peer, restarting=True).graceful
        assert found is not None
        return found

    fail_open, bridge, hold = map(graceful, RestartPolicy)
    assert (fail_open.families, fail_open.restart_time_s) == ((), 0)
    assert (bridge.restarting, bridge.stale_time_s) == (True, 0)
    assert hold.stale_time_s == RestartSettings().llgr_stale_time_s


def test_a_role_is_for_external_neighbors_only() -> None:
    external = a_neighbor(asn=65001, role=RoleName.PROVIDER)
    assert offer_of(SPEAKER, external, restarting=False).role is RoleCode.PROVIDER
    internal = replace(external, peer_asns=frozenset({65000}))
    assert offer_of(SPEAKER, internal, restarting=False).role is None


def test_names_are_left_out_on_request() -> None:
    offer = offer_of(SPEAKER, a_neighbor(announce_hostname=False), restarting=False)
    assert (offer.host, offer.domain) == (b"", b"")
