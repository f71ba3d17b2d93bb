"""A cursor over received bytes that cannot leave its window.

Every decoder of this package reads through it, so bounds are checked in one place and an offset in
an error is always an offset in the whole message. A window narrows the end for a field that says
its own length; what is read inside can never reach the bytes behind it (RFC 7606 4: the framing of
a message must not depend on the sanity of its content).

The reader knows no field of BGP. The names it is given serve its errors and `trace.TracingReader`;
the error code that running out of bytes means comes from the caller, which alone knows whether this
is an OPEN or an attribute.
"""

from struct import Struct
from typing import Self

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import ErrorCode, UpdateSubcode

_U16 = Struct("!H").unpack_from
_U24 = Struct("!BH").unpack_from
_U32 = Struct("!I").unpack_from


class Reader:
    """`data[offset:end]` of a message, consumed from the left."""

    __slots__ = ("_code", "_subcode", "data", "end", "offset")

    def __init__(
        self,
        data: bytes,
        offset: int = 0,
        end: int | None = None,
        *,
        code: int = ErrorCode.UPDATE_MESSAGE,
        subcode: int = UpdateSubcode.MALFORMED_ATTRIBUTE_LIST,
    ) -> None:
        self.data = data
        self.offset = offset
        self.end = len(data) if end is None else end
        self._code = code
        self._subcode = subcode
        if not 0 <= offset <= self.end <= len(data):
            raise self.error(f"a window of {offset}..{self.end} in {len(data)} octets", "window")

    def __len__(self) -> int:
        """Octets left."""
        return self.end - self.offset

    def __bool__(self) -> bool:
        return self.offset < self.end

    def blame(self, code: int, subcode: int) -> None:
        """From here on, running out of octets means this error."""
        self._code = code
        self._subcode = subcode

    def error(self, detail: str, field: str, *, data: bytes = b"") -> WireError:
        """The error that something wrong at this place means; the caller raises it."""
        return WireError(
            detail,
            offset=self.offset,
            field=field,
            code=self._code,
            subcode=self._subcode,
            data=data,
        )

    def _short(self, wanted: int, field: str) -> WireError:
        return self.error(f"{wanted} octets expected, {self.end - self.offset} left", field)

    def u8(self, field: str) -> int:
        offset = self.offset
        if offset >= self.end:
            raise self._short(1, field)
        self.offset = offset + 1
        return self.data[offset]

    def u16(self, field: str) -> int:
        offset = self.offset
        if self.end - offset < 2:
            raise self._short(2, field)
        self.offset = offset + 2
        value: int = _U16(self.data, offset)[0]
        return value

    def u24(self, field: str) -> int:
        offset = self.offset
        if self.end - offset < 3:
            raise self._short(3, field)
        self.offset = offset + 3
        high, low = _U24(self.data, offset)
        return int(high) << 16 | int(low)

    def u32(self, field: str) -> int:
        offset = self.offset
        if self.end - offset < 4:
            raise self._short(4, field)
        self.offset = offset + 4
        value: int = _U32(self.data, offset)[0]
        return value

    def take(self, length: int, field: str) -> bytes:
        """The next `length` octets."""
        offset = self.offset
        if length < 0 or self.end - offset < length:
            raise self._short(length, field)
        self.offset = offset + length
        return self.data[offset : offset + length]

    def rest(self, field: str) -> bytes:
        """Everything up to the end of the window."""
        octets = self.data[self.offset : self.end]
        self.offset = self.end
        return octets

    def peek(self, ahead: int = 0) -> int | None:
        """The octet `ahead` of the cursor without consuming it; None beyond the window."""
        place = self.offset + ahead
        return self.data[place] if self.offset <= place < self.end else None

    def since(self, start: int) -> bytes:
        """The octets from `start` up to the cursor, for errors that quote what they complain of."""
        return self.data[start : self.offset]

    def window(self, length: int, field: str, *, subcode: int | None = None) -> Self:
        """A reader of the next `length` octets only; this one moves behind them."""
        offset = self.offset
        if length < 0 or self.end - offset < length:
            raise self._short(length, field)
        self.offset = offset + length
        return type(self)(
            self.data,
            offset,
            offset + length,
            code=self._code,
            subcode=self._subcode if subcode is None else subcode,
        )

    def expect_end(self, field: str) -> None:
        if self.offset != self.end:
            raise self.error(f"{self.end - self.offset} octets too many", field)
