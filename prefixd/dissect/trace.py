"""A reader that remembers what it was asked for.

The decoders name every field they read. Given this reader instead of the plain one they leave a
list of fields with offsets behind, so that explaining a message needs no second decoder that could
disagree with the first. It is for people with a hex dump; nothing on the live path uses it.
"""

from dataclasses import dataclass
from typing import Self

from prefixd.bgp.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class Field:
    """Octets a decoder read under one name. `depth` counts the windows around them."""

    offset: int
    name: str
    octets: bytes
    depth: int

    @property
    def number(self) -> int:
        return int.from_bytes(self.octets, "big")


class TracingReader(Reader):
    """Same bounds, same errors, and `fields` in the order of reading.

    A decoder that steps back and reads again (to keep a capability raw, say) leaves both readings;
    the last word on an offset is the later one.
    """

    __slots__ = ("depth", "fields")

    fields: list[Field]
    depth: int

    def __init__(
        self,
        data: bytes,
        offset: int = 0,
        end: int | None = None,
        *,
        code: int = 3,
        subcode: int = 1,
    ) -> None:
        self.fields = []
        self.depth = 0
        super().__init__(data, offset, end, code=code, subcode=subcode)

    def _remember(self, start: int, name: str) -> None:
        self.fields.append(Field(start, name, self.since(start), self.depth))

    def u8(self, field: str) -> int:
        start = self.offset
        value = super().u8(field)
        self._remember(start, field)
        return value

    def u16(self, field: str) -> int:
        start = self.offset
        value = super().u16(field)
        self._remember(start, field)
        return value

    def u24(self, field: str) -> int:
        start = self.offset
        value = super().u24(field)
        self._remember(start, field)
        return value

    def u32(self, field: str) -> int:
        start = self.offset
        value = super().u32(field)
        self._remember(start, field)
        return value

    def take(self, length: int, field: str) -> bytes:
        start = self.offset
        octets = super().take(length, field)
        self._remember(start, field)
        return octets

    def rest(self, field: str) -> bytes:
        start = self.offset
        octets = super().rest(field)
        self._remember(start, field)
        return octets

    def window(self, length: int, field: str, *, subcode: int | None = None) -> Self:
        inner = super().window(length, field, subcode=subcode)
        inner.fields = self.fields
        inner.depth = self.depth + 1
        return inner
