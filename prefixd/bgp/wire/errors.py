"""What can be wrong with bytes, and how much of the session it costs.

Two types. `WireError` is raised: the bytes cannot be used, and if they came from an established
peer the answer is the NOTIFICATION it carries. It is the only exception that leaves this package's
decoders, whatever the input. `Fault` is returned inside a decoded message: something in it was
wrong but the rest can be used, with the reaction RFC 7606 asks for.

    Reaction          what the receiver does
    IGNORE            counts it
    DISCARD           drops one attribute, uses the rest             (RFC 7606 2)
    WITHDRAW          treats the routes concerned as withdrawn       (RFC 7606 2)
    DISABLE_FAMILY    forgets all routes of one family of this peer  (RFC 7606 2, RFC 4760 7)
    RESET             sends the NOTIFICATION and closes              (always a raised WireError)

Both name the offset in the message, header included, and the field, because the person who reads
them at night has a hex dump and a telephone. Encoders raise `WireError` too when asked for
something that must not be sent; its code is then of no interest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from prefixd.bgp.wire.iana import ErrorCode, Family, UpdateSubcode, error_name


class Reaction(StrEnum):
    IGNORE = "ignore"
    DISCARD = "discard"
    WITHDRAW = "withdraw"
    DISABLE_FAMILY = "disable_family"
    RESET = "reset"


_LADDER = {reaction: rung for rung, reaction in enumerate(Reaction)}


class Reason(StrEnum):
    """Why a fault was recorded: a closed set, so that it can label a counter."""

    ATTRIBUTE_DUPLICATE = "attribute_duplicate"
    ATTRIBUTE_FLAGS = "attribute_flags"
    ATTRIBUTE_MALFORMED = "attribute_malformed"
    ATTRIBUTE_MISSING = "attribute_missing"
    ATTRIBUTE_NOT_EXPECTED = "attribute_not_expected"
    ATTRIBUTE_OVERRUN = "attribute_overrun"
    ATTRIBUTE_UNKNOWN = "attribute_unknown"
    CAPABILITY_LENGTH = "capability_length"
    FAMILY_NOT_NEGOTIATED = "family_not_negotiated"
    FIRST_AS = "first_as"
    FLOWSPEC_ACTION = "flowspec_action"
    NEXT_HOP = "next_hop"
    NLRI_CONTENT = "nlri_content"
    NLRI_EMPTY = "nlri_empty"
    NLRI_FRAMING = "nlri_framing"
    NOTHING_ANNOUNCED = "nothing_announced"


class WireError(Exception):
    """Bytes that cannot be used, or a value that must not become bytes."""

    def __init__(
        self,
        detail: str,
        *,
        offset: int = 0,
        field: str = "",
        code: int = ErrorCode.UPDATE_MESSAGE,
        subcode: int = UpdateSubcode.MALFORMED_ATTRIBUTE_LIST,
        data: bytes = b"",
        answerable: bool = True,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.offset = offset
        self.field = field
        self.code = int(code)
        self.subcode = int(subcode)
        self.data = data
        self.answerable = answerable
        """False for a broken NOTIFICATION: those are never answered (RFC 4271 6.4)."""

    def __str__(self) -> str:
        where = f" in {self.field}" if self.field else ""
        return (
            f"{self.detail}{where} at offset {self.offset} "
            f"({self.code}/{self.subcode} {error_name(self.code, self.subcode)})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong that did not make the whole message useless."""

    reaction: Reaction
    reason: Reason
    detail: str
    offset: int
    field: str
    attribute: int | None = None
    family: Family | None = None
    code: int = ErrorCode.UPDATE_MESSAGE
    subcode: int = UpdateSubcode.MALFORMED_ATTRIBUTE_LIST
    data: bytes = b""
    nlri: bytes | None = None
    """Set when the reaction concerns this one NLRI and not the whole UPDATE."""

    def __str__(self) -> str:
        return f"{self.reaction}: {self.detail} in {self.field} at offset {self.offset}"


MAX_REPEATED_FAULTS = 16
"""Of faults that change nothing beyond themselves, one message records no more than this many."""


def strongest(faults: Iterable[Fault]) -> Reaction | None:
    """The reaction that wins when one message holds several faults; None when there is none."""
    return max((fault.reaction for fault in faults), key=_LADDER.__getitem__, default=None)
