"""AS_PATH and AS4_PATH (RFC 4271 4.3 b, RFC 6793): segments of AS numbers.

    +---------------+---------------+----------------
    | Segment type  |     Count     |  AS numbers, 4 octets each (2 from an old peer) ...
    +---------------+---------------+----------------

A peer without 4-octet AS numbers gets 23456 for those that do not fit, and the truth beside it in
AS4_PATH. `merge_as4_path` puts the two together again on receipt. Whether a path is acceptable
from this peer (confederation segments, first AS, loops) is not decided here.
"""

from dataclasses import dataclass
from struct import pack
from typing import Final

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.iana import AS_TRANS, SegmentType
from prefixd.bgp.wire.reader import Reader

_SEGMENT_TYPES: Final = frozenset(SegmentType)
_CONFEDERATION: Final = frozenset({SegmentType.AS_CONFED_SEQUENCE, SegmentType.AS_CONFED_SET})
_MAX_COUNT: Final = 255


@dataclass(frozen=True, slots=True)
class Segment:
    kind: int
    asns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AsPath:
    segments: tuple[Segment, ...] = ()

    @property
    def first(self) -> int | None:
        """The neighbor's AS number, if the path starts with a sequence (RFC 4271 6.3)."""
        if self.segments and self.segments[0].kind == SegmentType.AS_SEQUENCE:
            return self.segments[0].asns[0]
        return None

    @property
    def has_confederation(self) -> bool:
        return any(each.kind in _CONFEDERATION for each in self.segments)

    def __contains__(self, asn: int) -> bool:
        """Whether the path went through this AS: the loop check (RFC 4271 9.1.2)."""
        return any(asn in each.asns for each in self.segments)

    def __str__(self) -> str:
        return _format(self.segments)


@dataclass(frozen=True, slots=True)
class As4Path:
    segments: tuple[Segment, ...] = ()

    def __str__(self) -> str:
        return _format(self.segments)


def as_sequence(*asns: int) -> AsPath:
    """A path of one sequence; with no AS number at all the empty path of iBGP."""
    return AsPath((Segment(SegmentType.AS_SEQUENCE, asns),)) if asns else AsPath()


def _format(segments: tuple[Segment, ...]) -> str:
    """AS numbers in order; sets in braces, confederation segments in parentheses or brackets."""
    brackets = {
        SegmentType.AS_SET: "{}",
        SegmentType.AS_CONFED_SEQUENCE: "()",
        SegmentType.AS_CONFED_SET: "[]",
    }
    words: list[str] = []
    for segment in segments:
        asns = " ".join(map(str, segment.asns))
        pair = brackets.get(SegmentType(segment.kind))
        words.append(f"{pair[0]}{asns}{pair[1]}" if pair else asns)
    return " ".join(words)


def decode_as_path(reader: Reader, context: WireContext) -> AsPath:
    return AsPath(_decode_segments(reader, 4 if context.four_octet_as else 2))


def decode_as4_path(reader: Reader, _: WireContext) -> As4Path:
    return As4Path(_decode_segments(reader, 4))


def _decode_segments(reader: Reader, width: int) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    read = reader.u32 if width == 4 else reader.u16
    while reader:
        kind = reader.u8("segment type")
        if kind not in _SEGMENT_TYPES:
            raise reader.error(f"segment type {kind}", "segment type")
        count = reader.u8("segment length")
        if count == 0:
            raise reader.error("an empty segment", "segment length")
        if len(reader) < count * width:
            raise reader.error(f"{count} AS numbers in {len(reader)} octets", "segment length")
        segments.append(Segment(kind, tuple(read("AS number") for _ in range(count))))
    return tuple(segments)


def encode_as_path(path: AsPath, context: WireContext) -> bytes:
    """The value of AS_PATH; towards an old peer large AS numbers become 23456 (RFC 6793 4.2.2)."""
    if context.four_octet_as:
        return _encode_segments(path.segments, "I")
    return _encode_segments(
        tuple(
            Segment(each.kind, tuple(asn if asn <= 0xFFFF else AS_TRANS for asn in each.asns))
            for each in path.segments
        ),
        "H",
    )


def encode_as4_path(path: As4Path, _: WireContext) -> bytes:
    return _encode_segments(path.segments, "I")


def _encode_segments(segments: tuple[Segment, ...], letter: str) -> bytes:
    """Segments of more than 255 numbers are written as several, which means the same."""
    octets: list[bytes] = []
    for segment in segments:
        for start in range(0, len(segment.asns), _MAX_COUNT):
            asns = segment.asns[start : start + _MAX_COUNT]
            octets.append(pack(f"!BB{len(asns)}{letter}", segment.kind, len(asns), *asns))
    return b"".join(octets)


def as4_path_for(path: AsPath, context: WireContext) -> As4Path | None:
    """What must go beside `path` to this peer; None when AS_PATH alone says everything.

    Confederation segments stay out of it (RFC 6793 3).
    """
    if context.four_octet_as:
        return None
    if all(asn <= 0xFFFF for segment in path.segments for asn in segment.asns):
        return None
    kept = tuple(each for each in path.segments if each.kind not in _CONFEDERATION)
    return As4Path(kept) if kept else None


def _length(segments: tuple[Segment, ...]) -> int:
    """Path length as route selection counts it: a set is one, confederations are none."""
    total = 0
    for segment in segments:
        if segment.kind == SegmentType.AS_SEQUENCE:
            total += len(segment.asns)
        elif segment.kind == SegmentType.AS_SET:
            total += 1
    return total


def merge_as4_path(path: AsPath, as4_path: As4Path | None) -> AsPath:
    """The real path behind an old peer's AS_PATH (RFC 6793 4.2.3).

    AS4_PATH replaces the tail of AS_PATH; the head, added by speakers that knew nothing of it,
    stays. An AS4_PATH longer than the path cannot be right and is ignored.
    """
    if as4_path is None:
        return path
    real = tuple(each for each in as4_path.segments if each.kind not in _CONFEDERATION)
    missing = _length(path.segments) - _length(real)
    if missing < 0:
        return path
    head: list[Segment] = []
    for segment in path.segments:
        if segment.kind in _CONFEDERATION:
            # Confederations count nothing, but only those in front of the replaced tail survive.
            if missing or not head or head[-1].kind in _CONFEDERATION:
                head.append(segment)
            continue
        if missing == 0:
            break
        if segment.kind == SegmentType.AS_SET:
            head.append(segment)
            missing -= 1
            continue
        asns = segment.asns[:missing]
        head.append(Segment(segment.kind, asns))
        missing -= len(asns)
    return AsPath(_joined((*head, *real)))


def _joined(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Neighboring sequences as one, so that the merged path reads like the real one."""
    joined: list[Segment] = []
    for segment in segments:
        if (
            joined
            and segment.kind == SegmentType.AS_SEQUENCE
            and joined[-1].kind == SegmentType.AS_SEQUENCE
        ):
            joined[-1] = Segment(segment.kind, joined[-1].asns + segment.asns)
        else:
            joined.append(segment)
    return tuple(joined)
