"""Our side's offer, a peer's OPEN, and what both can do: `Negotiated`, or the NOTIFICATION why not.

Structure was the codec's business; here an OPEN is read for meaning: AS number, identifier, hold
time, role, families. Capabilities intersect, they never add up, and a family is in effect only when
both sides named it. ADD-PATH is never offered and therefore never in effect, whatever a peer
offers.
"""

from dataclasses import dataclass
from typing import Final

from prefixd.bgp.wire import capability as cap
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.iana import (
    AS_TRANS,
    IPV4_UNICAST,
    ErrorCode,
    Family,
    OpenSubcode,
    RoleCode,
)
from prefixd.bgp.wire.notification import Notification, printable
from prefixd.bgp.wire.open import Open, two_octet_as


@dataclass(frozen=True, slots=True, kw_only=True)
class GracefulOffer:
    """What capability 64 will say of us (RFC 4724, RFC 8538)."""

    restart_time_s: int
    families: tuple[Family, ...] = ()
    """Families whose rules a router may keep; empty: we only help others."""
    restarting: bool = False
    stale_time_s: int = 0
    """Long-lived stale time (RFC 9494); 0: capability 71 is not offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """All that an OPEN of ours depends on."""

    local_asn: int
    router_id: int
    peer_asns: frozenset[int]
    families: tuple[Family, ...]
    required_families: tuple[Family, ...] = ()
    hold_time_s: int = 90
    min_hold_time_s: int = 3
    keepalive_s: float | None = None
    send_hold_time_s: float | None = None
    graceful: GracefulOffer | None = None
    extended_message: bool = False
    accept_long_messages: bool = False
    """Read what RFC 8654 would have allowed, even from a peer that did not negotiate it."""
    enhanced_refresh: bool = True
    role: RoleCode | None = None
    role_strict: bool = False
    host: bytes = b""
    domain: bytes = b""
    enforce_first_as: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerGraceful:
    """The peer's capabilities 64 and 71."""

    restart_time_s: int
    restarting: bool
    notification: bool
    families: frozenset[Family]
    preserved: frozenset[Family]
    """Those with the F bit."""
    long_lived: tuple[tuple[Family, int], ...] = ()
    """(family, stale time in seconds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """The session's terms, fixed from OPEN to close."""

    local_asn: int
    peer_asn: int
    peer_id: int
    hold_time_s: int
    keepalive_s: float
    """0: no keepalives, the hold time is 0."""
    send_hold_time_s: float
    families: frozenset[Family]
    four_octet_as: bool
    refresh: bool
    """The peer may be asked for ROUTE-REFRESH."""
    enhanced_refresh: bool
    """Both sides offered it: BoRR and EoRR have meaning (RFC 7313)."""
    extended_message: bool
    graceful: PeerGraceful | None
    """None: the peer does not know graceful restart at all."""
    offered_graceful: bool
    """Our own OPEN named families to be kept."""
    notification_restart: bool
    """Both sent the N bit: a NOTIFICATION other than Hard Reset is restartable (RFC 8538)."""
    role: int | None
    hostname: str
    software: str
    our_open: Open
    peer_open: Open
    context: WireContext

    @property
    def internal(self) -> bool:
        return self.local_asn == self.peer_asn

    @property
    def max_message(self) -> int:
        return self.context.max_message


@dataclass(frozen=True, slots=True)
class Refusal:
    notification: Notification
    detail: str


_ROLE_PAIRS: Final = frozenset(
    {
        (RoleCode.PROVIDER, RoleCode.CUSTOMER),
        (RoleCode.CUSTOMER, RoleCode.PROVIDER),
        (RoleCode.ROUTE_SERVER, RoleCode.ROUTE_SERVER_CLIENT),
        (RoleCode.ROUTE_SERVER_CLIENT, RoleCode.ROUTE_SERVER),
        (RoleCode.PEER, RoleCode.PEER),
    }
)
"""(ours, theirs), RFC 9234 table 2."""


def our_open(offer: Offer) -> Open:
    capabilities: list[cap.Capability] = [cap.Multiprotocol(family) for family in offer.families]
    capabilities.append(cap.RouteRefreshCapability())
    if offer.extended_message:
        capabilities.append(cap.ExtendedMessage())
    if offer.role is not None:
        capabilities.append(cap.Role(offer.role))
    if offer.graceful is not None:
        capabilities.append(_graceful_capability(offer.graceful))
    capabilities.append(cap.FourOctetAs(offer.local_asn))
    if offer.enhanced_refresh:
        capabilities.append(cap.EnhancedRouteRefresh())
    if offer.graceful is not None and offer.graceful.stale_time_s:
        stale_s = offer.graceful.stale_time_s
        capabilities.append(
            cap.LongLivedGracefulRestart(
                tuple(
                    cap.LongLivedFamily(family, stale_s, forwarding=True)
                    for family in offer.graceful.families
                )
            )
        )
    if offer.host:
        capabilities.append(cap.Fqdn(offer.host, offer.domain))
    return Open(
        my_as=two_octet_as(offer.local_asn),
        hold_time_s=offer.hold_time_s,
        bgp_identifier=offer.router_id,
        capabilities=tuple(capabilities),
    )


def _graceful_capability(graceful: GracefulOffer) -> cap.GracefulRestart:
    # F is set for every family we name: a FlowSpec originator forwards nothing itself, the state
    # to be preserved is in the router, and a receiver drops its stale rules when F is clear
    # (RFC 4724 4.2).
    return cap.GracefulRestart(
        restart_time_s=graceful.restart_time_s,
        restarting=graceful.restarting,
        notification=True,
        families=tuple(cap.GracefulFamily(family, forwarding=True) for family in graceful.families),
    )


def negotiate(offer: Offer, theirs: Open) -> Negotiated | Refusal:
    refusal = (
        _refuse_as(offer, theirs)
        or _refuse_identifier(offer, theirs)
        or _refuse_hold_time(offer, theirs)
        or _refuse_role(offer, theirs)
        or _refuse_families(offer, theirs)
    )
    return refusal or _agree(offer, theirs)


def _refuse(subcode: OpenSubcode, detail: str, data: bytes = b"") -> Refusal:
    return Refusal(Notification(ErrorCode.OPEN_MESSAGE, subcode, data), detail)


def _refuse_as(offer: Offer, theirs: Open) -> Refusal | None:
    # A peer whose field and capability disagree is refused as well: one of them is not the AS we
    # have to expect (RFC 6793 4.2.3).
    claims = {each.asn for each in theirs.all(cap.FourOctetAs)}
    if not claims:
        if theirs.my_as == AS_TRANS:
            return _refuse(OpenSubcode.BAD_PEER_AS, "AS 23456 without the 4-octet AS capability")
        claims = {theirs.my_as}
    if theirs.my_as != AS_TRANS:
        claims.add(theirs.my_as)
    if len(claims) > 1:
        return _refuse(OpenSubcode.BAD_PEER_AS, f"the OPEN names several AS: {sorted(claims)}")
    (asn,) = claims
    if asn == 0 or asn not in offer.peer_asns:
        wanted = " or ".join(str(each) for each in sorted(offer.peer_asns))
        return _refuse(OpenSubcode.BAD_PEER_AS, f"the peer is AS {asn}, configured is {wanted}")
    return None


def _refuse_identifier(offer: Offer, theirs: Open) -> Refusal | None:
    if theirs.bgp_identifier == 0:
        return _refuse(OpenSubcode.BAD_BGP_IDENTIFIER, "BGP identifier 0")
    # RFC 6286 2.1: identifiers need to differ within one AS only.
    if theirs.bgp_identifier == offer.router_id and theirs.asn == offer.local_asn:
        return _refuse(OpenSubcode.BAD_BGP_IDENTIFIER, "the peer has our own BGP identifier")
    return None


def _refuse_hold_time(offer: Offer, theirs: Open) -> Refusal | None:
    theirs_s = theirs.hold_time_s
    if theirs_s in (1, 2) or 0 < theirs_s < offer.min_hold_time_s:
        detail = f"hold time {theirs_s} is below {max(3, offer.min_hold_time_s)}"
        return _refuse(OpenSubcode.UNACCEPTABLE_HOLD_TIME, detail)
    return None


def _refuse_role(offer: Offer, theirs: Open) -> Refusal | None:
    roles = {each.role for each in theirs.all(cap.Role)}
    if len(roles) > 1:
        return _refuse(OpenSubcode.ROLE_MISMATCH, "the peer claims several roles")
    if offer.role is None:
        return None
    if not roles:
        if offer.role_strict:
            return _refuse(OpenSubcode.ROLE_MISMATCH, "the peer names no role, ours is strict")
        return None
    (role,) = roles
    if (offer.role, role) not in _ROLE_PAIRS:
        return _refuse(OpenSubcode.ROLE_MISMATCH, f"role {role} does not pair with ours")
    return None


def _common_families(offer: Offer, theirs: Open) -> frozenset[Family]:
    # RFC 4760 8: no Multiprotocol capability at all means IPv4 unicast and nothing else.
    return frozenset(offer.families) & (theirs.families or frozenset({IPV4_UNICAST}))


def _refuse_families(offer: Offer, theirs: Open) -> Refusal | None:
    common = _common_families(offer, theirs)
    missing = tuple(family for family in offer.required_families if family not in common)
    if not common:
        missing = offer.families
    if not missing:
        return None
    data = b"".join(cap.encode_capability(cap.Multiprotocol(family)) for family in missing)
    names = ", ".join(str(family) for family in missing)
    return _refuse(OpenSubcode.UNSUPPORTED_CAPABILITY, f"the peer lacks {names}", data)


def _agree(offer: Offer, theirs: Open) -> Negotiated:
    families = _common_families(offer, theirs)
    hold_time_s = min(offer.hold_time_s, theirs.hold_time_s)
    four_octet_as = theirs.first(cap.FourOctetAs) is not None
    extended = offer.extended_message and theirs.first(cap.ExtendedMessage) is not None
    graceful = _peer_graceful(theirs)
    fqdn = theirs.first(cap.Fqdn)
    software = theirs.first(cap.SoftwareVersion)
    role = theirs.first(cap.Role)
    return Negotiated(
        local_asn=offer.local_asn,
        peer_asn=theirs.asn,
        peer_id=theirs.bgp_identifier,
        hold_time_s=hold_time_s,
        keepalive_s=_keepalive_s(offer, hold_time_s),
        send_hold_time_s=_send_hold_s(offer, hold_time_s),
        families=families,
        four_octet_as=four_octet_as,
        refresh=_has_refresh(theirs),
        enhanced_refresh=offer.enhanced_refresh
        and theirs.first(cap.EnhancedRouteRefresh) is not None,
        extended_message=extended,
        graceful=graceful,
        offered_graceful=offer.graceful is not None and bool(offer.graceful.families),
        notification_restart=offer.graceful is not None
        and graceful is not None
        and graceful.notification,
        role=None if role is None else role.role,
        hostname="" if fqdn is None else _full_name(fqdn),
        software="" if software is None else printable(software.text),
        our_open=our_open(offer),
        peer_open=theirs,
        context=WireContext(
            four_octet_as=four_octet_as,
            extended_messages=extended,
            families=families,
            external=theirs.asn != offer.local_asn,
            peer_as=theirs.asn,
            enforce_first_as=offer.enforce_first_as,
        ),
    )


def _has_refresh(theirs: Open) -> bool:
    return (
        theirs.first(cap.RouteRefreshCapability) is not None
        or theirs.first(cap.CiscoRouteRefresh) is not None
    )


def _keepalive_s(offer: Offer, hold_time_s: int) -> float:
    if hold_time_s == 0:
        return 0.0
    third = hold_time_s / 3
    return third if offer.keepalive_s is None else min(offer.keepalive_s, third)


def _send_hold_s(offer: Offer, hold_time_s: int) -> float:
    if offer.send_hold_time_s is not None:
        return offer.send_hold_time_s
    # Below RFC 9687's eight minutes: a mitigation channel that is stuck is worth an early end.
    return max(30.0, 2.0 * (hold_time_s or offer.hold_time_s))


def _peer_graceful(theirs: Open) -> PeerGraceful | None:
    graceful = theirs.last(cap.GracefulRestart)
    if graceful is None:
        return None
    long_lived = theirs.last(cap.LongLivedGracefulRestart)
    return PeerGraceful(
        restart_time_s=graceful.restart_time_s,
        restarting=graceful.restarting,
        notification=graceful.notification,
        families=frozenset(each.family for each in graceful.families),
        preserved=frozenset(each.family for each in graceful.families if each.forwarding),
        long_lived=()
        if long_lived is None
        else tuple((each.family, each.stale_time_s) for each in long_lived.families),
    )


def _full_name(fqdn: cap.Fqdn) -> str:
    parts = (printable(fqdn.host), printable(fqdn.domain))
    return ".".join(part for part in parts if part)
