"""When a peer refuses our families (NOTIFICATION 2/7): what it wanted, and what to try next.

Off unless the operator asks for it, because a session that came up without a family looks healthy
while that family's rules are nowhere. The order is: everything, FlowSpec only, then one family at a
time; each refusal moves one step on, and the schedule in between is the long one.
"""

from prefixd.bgp.neighbor_settings import FallbackMode
from prefixd.bgp.settings import PeerSettings
from prefixd.bgp.wire.capability import Multiprotocol, decode_capability
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import ErrorCode, Family, OpenSubcode, Safi
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.reader import Reader


def family_sets(families: tuple[Family, ...]) -> list[tuple[Family, ...]]:
    """What to offer, in the order of trying."""
    sets = [families]
    flowspec = tuple(family for family in families if family.safi == Safi.FLOWSPEC)
    if flowspec and flowspec != families:
        sets.append(flowspec)
    sets += [(family,) for family in families if (family,) not in sets]
    return sets


def offered(peer: PeerSettings, refusals: int) -> tuple[Family, ...]:
    """What to offer after that many refusals in a row."""
    if peer.family_fallback is FallbackMode.OFF:
        return peer.families
    sets = family_sets(peer.families)
    return sets[refusals % len(sets)]


def is_refusal(notification: Notification | None) -> bool:
    return (
        notification is not None
        and notification.code == ErrorCode.OPEN_MESSAGE
        and notification.subcode == OpenSubcode.UNSUPPORTED_CAPABILITY
    )


def explain(peer: PeerSettings, notification: Notification) -> str:
    """Both lists side by side: a mismatch is found by looking at it."""
    ours = ", ".join(str(family) for family in peer.families)
    theirs = ", ".join(_wanted(notification.data)) or "nothing readable"
    return f"the peer refuses our families; we offer {ours}; it names {theirs}"


def _wanted(data: bytes) -> list[str]:
    """Its data holds the capabilities it misses (RFC 5492 5), but comes from a stranger."""
    reader = Reader(data, 0, code=ErrorCode.OPEN_MESSAGE, subcode=OpenSubcode.UNSPECIFIC)
    found: list[str] = []
    try:
        while reader:
            capability = decode_capability(reader)
            if isinstance(capability, Multiprotocol):
                found.append(str(capability.family))
            else:
                found.append(type(capability).__name__)
    except WireError:
        found.append("and something unreadable")
    return found
