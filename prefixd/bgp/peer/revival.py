"""Whether an established connection looks like one the peer no longer knows of."""

from typing import Final

from prefixd.bgp.fsm.collision import NO_REVIVAL, Revival
from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.settings import PeerSettings

TWIN_S: Final = 30.0
"""Two OPENs with the R bit within this time come from one restart: a collision, not a second one.
FRR sets the bit whenever its process is young."""


def revival_of(
    peer: PeerSettings,
    old: Negotiated | None,
    new: Negotiated,
    *,
    age_s: float,
    silent_s: float,
) -> Revival:
    """`old`: the terms of the established session, if there is one; `age_s` and `silent_s`: how
    long it has been up, and how long nothing was heard on it."""
    if old is None:
        return NO_REVIVAL
    return Revival(
        restarting=old.graceful is not None
        and new.graceful is not None
        and new.graceful.restarting
        and not (old.graceful.restarting and age_s < TWIN_S),
        silent=old.hold_time_s > 0 and silent_s > old.hold_time_s / 3,
        authenticated=peer.md5 is not None
        or bool(peer.tcp_ao)
        or peer.ttl_security_hops is not None,
    )
