"""From an operator's settings to what the OPEN will say."""

from prefixd.bgp.fsm.negotiate import GracefulOffer, Offer
from prefixd.bgp.neighbor_settings import RestartPolicy, RoleName
from prefixd.bgp.settings import (
    PeerSettings,
    SpeakerSettings,
    is_internal,
    local_asn,
    reads_long_messages,
)
from prefixd.bgp.wire.iana import Family, RoleCode

_ROLES = {
    RoleName.PROVIDER: RoleCode.PROVIDER,
    RoleName.ROUTE_SERVER: RoleCode.ROUTE_SERVER,
    RoleName.ROUTE_SERVER_CLIENT: RoleCode.ROUTE_SERVER_CLIENT,
    RoleName.CUSTOMER: RoleCode.CUSTOMER,
    RoleName.PEER: RoleCode.PEER,
}


def offer_of(
    speaker: SpeakerSettings,
    peer: PeerSettings,
    *,
    restarting: bool,
    families: tuple[Family, ...] | None = None,
) -> Offer:
    """`families`: a part of the configured ones, when the peer would not take them all."""
    timers = peer.timers
    offered = peer.families if families is None else families
    return Offer(
        local_asn=local_asn(speaker, peer),
        router_id=int(speaker.router_id),
        peer_asns=peer.peer_asns,
        families=offered,
        required_families=peer.required_families,
        hold_time_s=timers.hold_time_s,
        min_hold_time_s=timers.min_hold_time_s,
        keepalive_s=timers.keepalive_s,
        send_hold_time_s=timers.send_hold_time_s,
        graceful=_graceful(peer, offered, restarting=restarting),
        extended_message=peer.extended_message,
        accept_long_messages=reads_long_messages(peer),
        enhanced_refresh=peer.enhanced_refresh,
        role=None if peer.role is None or is_internal(speaker, peer) else _ROLES[peer.role],
        role_strict=peer.role_strict,
        host=speaker.hostname.encode()[:64] if peer.announce_hostname else b"",
        domain=speaker.domain.encode()[:64] if peer.announce_hostname else b"",
        enforce_first_as=peer.accept.enforce_first_as,
    )


def _graceful(
    peer: PeerSettings, families: tuple[Family, ...], *, restarting: bool
) -> GracefulOffer:
    restart = peer.restart
    if restart.policy is RestartPolicy.FAIL_OPEN:
        # No families: "I understand End-of-RIB and help others, keep nothing of mine."
        return GracefulOffer(restart_time_s=0)
    hold = restart.policy is RestartPolicy.HOLD
    return GracefulOffer(
        restart_time_s=restart.restart_time_s,
        families=families,
        restarting=restarting,
        stale_time_s=restart.llgr_stale_time_s if hold else 0,
    )
