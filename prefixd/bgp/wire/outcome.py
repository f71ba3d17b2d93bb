"""What an UPDATE does to the routes of a peer, once RFC 7606 has weighed its faults.

`update.py` says what is there; here it is asked whether that is allowed: are the mandatory
attributes present, does the path begin where the peer stands, can the actions be read. The answer
is a list of routes to withdraw and a list to install, in that order: a route in both is installed
(RFC 4271 4.3). Treat-as-withdraw moves announcements into the first list, so a caller that applies
the two lists has done what the RFC asks and needs to know nothing of faults, except to count them.

It knows one UPDATE and what was negotiated. Loops, limits, validation against unicast routes and
import policy need more than that and are decided where the tables are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from prefixd.bgp.wire.as_path import As4Path, AsPath, merge_as4_path
from prefixd.bgp.wire.attribute import Attribute, RawAttribute
from prefixd.bgp.wire.community import ExtendedCommunities, Ipv6ExtendedCommunities
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Fault, Reaction, Reason, strongest
from prefixd.bgp.wire.flowspec_action import RedirectToNextHop, decode_actions
from prefixd.bgp.wire.iana import (
    AS_TRANS,
    IPV4_UNICAST,
    AttributeCode,
    Family,
    Safi,
    UpdateSubcode,
    attribute_name,
)
from prefixd.bgp.wire.mp_reach import MpReach, MpUnreach, Nlri, RawNlri
from prefixd.bgp.wire.scalar import Aggregator, As4Aggregator, LocalPref, NextHop, Origin
from prefixd.bgp.wire.update import Update

_MULTIPROTOCOL: Final = frozenset({AttributeCode.MP_REACH_NLRI, AttributeCode.MP_UNREACH_NLRI})


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Routes of one family that share everything else."""

    family: Family
    nlri: tuple[Nlri, ...]
    path_ids: tuple[int, ...] = ()
    next_hop: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Apply `withdrawn`, then `announced`, then forget the families in `disabled`."""

    withdrawn: tuple[Routes, ...] = ()
    announced: tuple[Routes, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    """Of the announced routes, without MP_REACH_NLRI; AS4_PATH is already part of AS_PATH."""
    disabled: frozenset[Family] = frozenset()
    end_of_rib: Family | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def reaction(self) -> Reaction | None:
        """The strongest reaction to any fault; None for a clean UPDATE."""
        return strongest(self.faults)


def assess(update: Update, context: WireContext) -> Outcome:
    end_of_rib = update.end_of_rib
    if end_of_rib is not None:
        return Outcome(end_of_rib=end_of_rib)
    withdrawn = _withdrawn(update, context)
    announced = _announced(update, context)
    faults = list(update.faults)
    if announced:
        faults += _check_attributes(update, announced, context)
        faults += _check_next_hops(announced)
        faults += _check_actions(update, announced)
    elif not withdrawn and not faults:
        faults.append(_nothing_announced())
    if any(each.reaction is Reaction.WITHDRAW and each.nlri is None for each in faults):
        withdrawn, announced = withdrawn + announced, []
    else:
        announced = [kept for each in announced if (kept := _without_broken(each, withdrawn))]
    return Outcome(
        withdrawn=tuple(withdrawn),
        announced=tuple(announced),
        attributes=_usable_attributes(update, context) if announced else (),
        disabled=frozenset(
            each.family
            for each in faults
            if each.family is not None and each.reaction is Reaction.DISABLE_FAMILY
        ),
        faults=tuple(faults),
    )


def _withdrawn(update: Update, context: WireContext) -> list[Routes]:
    routes: list[Routes] = []
    if update.withdrawn and IPV4_UNICAST in context.families:
        routes.append(
            Routes(family=IPV4_UNICAST, nlri=update.withdrawn, path_ids=update.withdrawn_path_ids)
        )
    unreach = update.first(MpUnreach)
    if unreach is not None and unreach.nlri:
        routes.append(Routes(family=unreach.family, nlri=unreach.nlri, path_ids=unreach.path_ids))
    return routes


def _announced(update: Update, context: WireContext) -> list[Routes]:
    routes: list[Routes] = []
    if update.nlri and IPV4_UNICAST in context.families:
        next_hop = update.first(NextHop)
        routes.append(
            Routes(
                family=IPV4_UNICAST,
                nlri=update.nlri,
                path_ids=update.nlri_path_ids,
                next_hop=b"" if next_hop is None else next_hop.address,
            )
        )
    reach = update.first(MpReach)
    if reach is not None and reach.nlri:
        routes.append(
            Routes(
                family=reach.family,
                nlri=reach.nlri,
                path_ids=reach.path_ids,
                next_hop=reach.next_hop,
            )
        )
    return routes


def _without_broken(routes: Routes, withdrawn: list[Routes]) -> Routes | None:
    """NLRI that could not be read go to the withdrawals, under their octets."""
    if not any(isinstance(each, RawNlri) for each in routes.nlri):
        return routes
    broken = [at for at, each in enumerate(routes.nlri) if isinstance(each, RawNlri)]
    whole = [at for at, each in enumerate(routes.nlri) if not isinstance(each, RawNlri)]
    withdrawn.append(_pick(routes, broken))
    return _pick(routes, whole) if whole else None


def _pick(routes: Routes, places: list[int]) -> Routes:
    return replace(
        routes,
        nlri=tuple(routes.nlri[at] for at in places),
        path_ids=tuple(routes.path_ids[at] for at in places) if routes.path_ids else (),
    )


def _fault(
    reaction: Reaction, reason: Reason, detail: str, code: int, subcode: UpdateSubcode
) -> Fault:
    """A fault of the whole UPDATE: there is no one offset to point at."""
    return Fault(
        reaction=reaction,
        reason=reason,
        detail=detail,
        offset=0,
        field=attribute_name(code),
        attribute=code,
        subcode=subcode,
        data=bytes((code,)),
    )


def _check_attributes(
    update: Update, announced: list[Routes], context: WireContext
) -> Iterable[Fault]:
    """Mandatory attributes (RFC 7606 3 d), and AS_PATH against the peer it came from."""
    present = {type(each) for each in update.attributes}
    broken = {each.attribute for each in update.faults}
    mandatory: list[tuple[AttributeCode, type[Attribute]]] = [
        (AttributeCode.ORIGIN, Origin),
        (AttributeCode.AS_PATH, AsPath),
    ]
    if any(each.family == IPV4_UNICAST for each in announced) and update.nlri:
        mandatory.append((AttributeCode.NEXT_HOP, NextHop))
    if not context.external:
        mandatory.append((AttributeCode.LOCAL_PREF, LocalPref))
    for code, kind in mandatory:
        if kind not in present and code not in broken:
            yield _fault(
                Reaction.WITHDRAW,
                Reason.ATTRIBUTE_MISSING,
                f"{attribute_name(code)} is missing",
                code,
                UpdateSubcode.MISSING_WELL_KNOWN_ATTRIBUTE,
            )
    path = update.first(AsPath)
    if path is None or not context.external:
        return
    if path.has_confederation:
        yield _fault(
            Reaction.WITHDRAW,
            Reason.ATTRIBUTE_MALFORMED,
            "confederation segments from an external peer",
            AttributeCode.AS_PATH,
            UpdateSubcode.MALFORMED_AS_PATH,
        )
    elif context.enforce_first_as and path.first != _as_seen(context):
        yield _fault(
            Reaction.WITHDRAW,
            Reason.FIRST_AS,
            f"the path begins with AS {path.first}, not with the peer's {context.peer_as}",
            AttributeCode.AS_PATH,
            UpdateSubcode.MALFORMED_AS_PATH,
        )


def _as_seen(context: WireContext) -> int:
    """The peer's AS number as its own AS_PATH can show it."""
    if context.four_octet_as or context.peer_as <= 0xFFFF:
        return context.peer_as
    return AS_TRANS


def _check_next_hops(announced: list[Routes]) -> Iterable[Fault]:
    """An address no packet can be sent to (RFC 4271 6.3); FlowSpec has no use for one."""
    for routes in announced:
        if routes.family.safi == Safi.UNICAST and routes.next_hop:
            first = routes.next_hop[:16]
            multicast = 0xE0 <= first[0] <= 0xEF if len(first) == 4 else first[0] == 0xFF
            if multicast or not any(first):
                yield _fault(
                    Reaction.WITHDRAW,
                    Reason.NEXT_HOP,
                    f"next hop {first.hex()} cannot be reached",
                    AttributeCode.NEXT_HOP,
                    UpdateSubcode.INVALID_NEXT_HOP_ATTRIBUTE,
                )


def _check_actions(update: Update, announced: list[Routes]) -> Iterable[Fault]:
    """Actions that cannot be read condemn the rule: without them it would say something else."""
    flowspec = [each for each in announced if each.family.safi != Safi.UNICAST]
    if not flowspec:
        return
    communities = update.first(ExtendedCommunities)
    ipv6_communities = update.first(Ipv6ExtendedCommunities)
    decoded = decode_actions(
        () if communities is None else communities.values,
        () if ipv6_communities is None else ipv6_communities.values,
    )
    yield from decoded.faults
    redirects = any(isinstance(each, RedirectToNextHop) for each in decoded.actions)
    if redirects and not any(any(each.next_hop) for each in flowspec):
        yield _fault(
            Reaction.IGNORE,
            Reason.FLOWSPEC_ACTION,
            "a redirect to a next hop that is not there",
            AttributeCode.EXTENDED_COMMUNITIES,
            UpdateSubcode.OPTIONAL_ATTRIBUTE_ERROR,
        )


def _nothing_announced() -> Fault:
    return Fault(
        reaction=Reaction.IGNORE,
        reason=Reason.NOTHING_ANNOUNCED,
        detail="attributes that belong to no route",
        offset=0,
        field="UPDATE",
    )


def _usable_attributes(update: Update, context: WireContext) -> tuple[Attribute, ...]:
    """Without the lists of routes, and with the path an old peer could not write in full."""
    attributes = [
        each
        for each in update.attributes
        if not isinstance(each, MpReach | MpUnreach)
        and not (isinstance(each, RawAttribute) and each.code in _MULTIPROTOCOL)
    ]
    if context.four_octet_as:
        return tuple(attributes)
    path, as4_path = update.first(AsPath), update.first(As4Path)
    aggregator, as4_aggregator = update.first(Aggregator), update.first(As4Aggregator)
    if as4_aggregator is not None and aggregator is not None and aggregator.asn != AS_TRANS:
        as4_path = as4_aggregator = None  # an old speaker aggregated later (RFC 6793 4.2.3)
    merged: list[Attribute] = []
    for each in attributes:
        if isinstance(each, As4Path | As4Aggregator):
            continue
        if path is not None and each is path:
            each = merge_as4_path(path, as4_path)
        elif each is aggregator and as4_aggregator is not None:
            each = Aggregator(as4_aggregator.asn, as4_aggregator.address)
        merged.append(each)
    return tuple(merged)
