"""How long to wait before the next attempt: by cause, growing, with jitter handed in.

One schedule for all failures would be wrong in both directions. A router that reboots refuses TCP
for a minute and should find us back within seconds; a router whose OPEN we refuse will be refused
again until an operator edits a file; and one whose operator shut the session down does not want to
hear from us. So each cause has its own counter and its own steps, in multiples of the configured
retry time (5 s unless changed). Jitter of a quarter either way keeps fifty peers from knocking at
the same moment.
"""

from enum import StrEnum
from typing import Final, assert_never

from prefixd.bgp.fsm.state import DownKind, DownReason, is_cease
from prefixd.bgp.wire.iana import CeaseSubcode, ErrorCode, OpenSubcode

OSCILLATING_AFTER: Final = 5
"""Flaps or refusals in a row from which on we also refuse the peer's own connections."""


class Cause(StrEnum):
    UNREACHABLE = "unreachable"
    """TCP did not come up."""
    REJECTED = "rejected"
    """The OPEN exchange failed."""
    FLAP = "flap"
    """An established session was lost."""
    LONG = "long"
    """A person has to change something first."""
    IMMEDIATE = "immediate"
    """Either side asked for a fresh session; once in a row this costs no waiting."""


_STEPS: Final = {
    Cause.UNREACHABLE: (1, 2, 4, 6),
    Cause.REJECTED: (1, 2, 4, 8, 16, 32, 60),
    Cause.FLAP: (1, 2, 4, 8, 16, 32, 60),
    Cause.LONG: (12, 24, 48, 60),
    Cause.IMMEDIATE: (0, 1, 2, 4, 8, 16, 32, 60),
}

_LONG_CEASE: Final = (
    CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED,
    CeaseSubcode.ADMINISTRATIVE_SHUTDOWN,
    CeaseSubcode.PEER_DE_CONFIGURED,
)
_FRESH_CEASE: Final = (
    CeaseSubcode.ADMINISTRATIVE_RESET,
    CeaseSubcode.OTHER_CONFIGURATION_CHANGE,
    CeaseSubcode.HARD_RESET,
)


def classify(reason: DownReason, *, established: bool) -> Cause:
    """Which schedule the loss of a connection belongs to."""
    note = reason.notification
    if is_cease(note, *_LONG_CEASE) and reason.kind is DownKind.PEER_NOTIFIED:
        return Cause.LONG
    if is_cease(note, CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED):
        return Cause.LONG  # ours: the peer would send as many again
    if (
        note is not None
        and note.code == ErrorCode.OPEN_MESSAGE
        and note.subcode == OpenSubcode.UNSUPPORTED_CAPABILITY
    ):
        return Cause.LONG
    if is_cease(note, *_FRESH_CEASE):
        return Cause.IMMEDIATE
    if is_cease(note, CeaseSubcode.CONNECTION_COLLISION_RESOLUTION):
        return Cause.UNREACHABLE
    return Cause.FLAP if established else Cause.REJECTED


class Backoff:
    """Counters of failures in a row, one per cause."""

    __slots__ = ("_counts", "retry_s")

    def __init__(self, retry_s: float) -> None:
        self.retry_s = retry_s
        self._counts = dict.fromkeys(Cause, 0)

    def next_delay(self, cause: Cause, jitter: float) -> float:
        """Seconds to wait; `jitter` in [0, 1) spreads them between 75 and 125 percent."""
        steps = _STEPS[cause]
        count = self._counts[cause]
        self._counts[cause] = count + 1
        return steps[min(count, len(steps) - 1)] * self.retry_s * (0.75 + 0.5 * jitter)

    def reset(self) -> None:
        """The session has been stable: earlier failures are forgotten."""
        self._counts = dict.fromkeys(Cause, 0)

    def reached(self) -> None:
        """TCP came up: the peer is there, whatever it sends next."""
        self._counts[Cause.UNREACHABLE] = 0

    @property
    def oscillating(self) -> bool:
        return any(
            self._counts[cause] >= OSCILLATING_AFTER for cause in (Cause.REJECTED, Cause.FLAP)
        )

    def count(self, cause: Cause) -> int:
        return self._counts[cause]


def describe(cause: Cause) -> str:
    match cause:
        case Cause.UNREACHABLE:
            return "TCP does not come up"
        case Cause.REJECTED:
            return "the OPEN exchange fails"
        case Cause.FLAP:
            return "the session was lost"
        case Cause.LONG:
            return "the peer or its configuration has to change first"
        case Cause.IMMEDIATE:
            return "a fresh session was asked for"
        case _:
            assert_never(cause)
