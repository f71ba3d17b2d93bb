"""FlowSpec actions as a few words: `discard`, `limit 1000000 bit/s`, `redirect to 65001:100`.

One direction only: operators write actions in their own terms, this is how the wire's are shown.
"""

from typing import assert_never

from prefixd.bgp.wire.ext_community import format_administrator
from prefixd.bgp.wire.flowspec_action import (
    Accept,
    Action,
    Discard,
    InterfaceSet,
    MarkDscp,
    PacketRateLimit,
    RateLimit,
    RedirectToAddress,
    RedirectToNextHop,
    RedirectToVrf,
    RedirectToVrfIpv6,
    TrafficAction,
)
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6, format_address


def format_action(action: Action) -> str:
    match action:
        case Accept():
            return "accept"
        case Discard():
            return "discard"
        case RateLimit(rate_bps=rate_bps):
            return f"limit {_plain(rate_bps)} bit/s"
        case PacketRateLimit(rate_pps=rate_pps):
            return f"limit {_plain(rate_pps)} packets/s"
        case TrafficAction(sample=sample, continue_matching=continue_matching):
            words = ("sample" if sample else "", "continue matching" if continue_matching else "")
            return ", ".join(filter(None, words)) or "no sample, stop matching"
        case RedirectToVrf(form=form, target=target):
            return f"redirect to {format_administrator(form, target)}"
        case RedirectToVrfIpv6(address=address, value=value):
            return f"redirect to {format_address(AFI_IPV6, address)}:{value}"
        case RedirectToAddress(address=address, copy=copy):
            afi = AFI_IPV4 if len(address) == 4 else AFI_IPV6
            return f"{_verb(copy=copy)} to {format_address(afi, address)}"
        case RedirectToNextHop(copy=copy):
            return f"{_verb(copy=copy)} to the next hop"
        case MarkDscp(dscp=dscp):
            return f"mark DSCP {dscp}"
        case InterfaceSet():
            return _format_interface_set(action)
        case _:
            assert_never(action)


def _plain(rate: float) -> str:
    """All digits: an exponent is where people lose a zero."""
    return f"{rate:.0f}" if rate >= 1 else f"{rate:g}"


def _verb(*, copy: bool) -> str:
    return "copy" if copy else "redirect"


def _format_interface_set(action: InterfaceSet) -> str:
    directions = ("in" if action.inbound else "", "out" if action.outbound else "")
    words = " and ".join(filter(None, directions)) or "neither direction"
    scope = "" if action.transitive else ", not transitive"
    return f"only interface group {action.group} of AS {action.asn}, {words}{scope}"
