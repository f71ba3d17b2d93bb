"""Which of two connections to the same neighbor lives (RFC 4271 6.8, RFC 6286 2.3).

Both sides must come to the same answer without talking about it, so the answer may depend only on
what both know: who opened each connection, and the identifiers. The connection opened by the side
with the higher BGP identifier survives; if they are equal, which RFC 6286 allows between different
AS, the higher AS number decides.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never


class Origin(StrEnum):
    OUTGOING = "outgoing"
    INCOMING = "incoming"


class Stage(StrEnum):
    """How far a connection has come, seen from the neighbor."""

    WAITING = "waiting"
    """Our OPEN is out, theirs is not here."""
    HELD = "held"
    """Their OPEN is here, but the other connection should win; nothing more is sent meanwhile."""
    CONFIRMED = "confirmed"
    ESTABLISHED = "established"


class Verdict(StrEnum):
    NEW_LIVES = "new_lives"
    OLD_LIVES = "old_lives"
    WAIT = "wait"
    """The old one should win but has not proved itself alive yet."""
    NEW_REPLACES = "new_replaces"
    """As NEW_LIVES, but the old one is closed without NOTIFICATION (RFC 4724 5)."""


@dataclass(frozen=True, slots=True)
class Identities:
    local_id: int
    local_asn: int
    peer_id: int
    peer_asn: int


@dataclass(frozen=True, slots=True)
class Revival:
    """Signs that an established connection is a corpse the peer no longer knows."""

    restarting: bool = False
    """Graceful restart was negotiated on it, and the new OPEN has the R bit."""
    silent: bool = False
    """Nothing was received on it for more than a third of the hold time."""
    authenticated: bool = False
    """The new connection passed TCP MD5, TCP-AO or GTSM."""

    @property
    def convincing(self) -> bool:
        return self.restarting or (self.silent and self.authenticated)


NO_REVIVAL: Final = Revival()


def surviving_origin(ids: Identities) -> Origin:
    """The direction, seen from us, in which the surviving connection was opened."""
    if (ids.local_id, ids.local_asn) > (ids.peer_id, ids.peer_asn):
        return Origin.OUTGOING
    return Origin.INCOMING


def judge(ids: Identities, new: Origin, old: Origin, old_stage: Stage, revival: Revival) -> Verdict:
    """A valid OPEN has arrived on `new` while `old` exists."""
    match old_stage:
        case Stage.ESTABLISHED:
            return Verdict.NEW_REPLACES if revival.convincing else Verdict.OLD_LIVES
        case Stage.HELD:
            return Verdict.NEW_LIVES
        case Stage.WAITING | Stage.CONFIRMED:
            # Twice from the same side is no race: that side has given up on its first attempt.
            if new is old or surviving_origin(ids) is new:
                return Verdict.NEW_LIVES
            return Verdict.WAIT if old_stage is Stage.WAITING else Verdict.OLD_LIVES
        case _:
            assert_never(old_stage)
