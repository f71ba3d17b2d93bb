"""AS_PATH and AS4_PATH: widths, merging (RFC 6793 4.2.3), and the questions asked of a path."""

import pytest

from prefixd.bgp.wire.as_path import (
    As4Path,
    AsPath,
    Segment,
    as4_path_for,
    as_sequence,
    decode_as_path,
    encode_as_path,
    merge_as4_path,
)
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.iana import AS_TRANS, SegmentType
from prefixd.bgp.wire.reader import Reader

NEW = WireContext()
OLD = WireContext(four_octet_as=False)
BIG = 4200000001


def seq(*asns: int) -> Segment:
    return Segment(SegmentType.AS_SEQUENCE, asns)


def aset(*asns: int) -> Segment:
    return Segment(SegmentType.AS_SET, asns)


def confed(*asns: int) -> Segment:
    return Segment(SegmentType.AS_CONFED_SEQUENCE, asns)


@pytest.mark.parametrize(
    ("context", "octets"),
    [(NEW, "02020000fde9fa56ea01" + "010100000001"), (OLD, "0202fde95ba0" + "01010001")],
)
def test_both_widths(context: WireContext, octets: str) -> None:
    path = AsPath((seq(65001, BIG), aset(1)))
    assert encode_as_path(path, context).hex() == octets
    decoded = decode_as_path(Reader(bytes.fromhex(octets)), context)
    assert decoded == (path if context is NEW else AsPath((seq(65001, AS_TRANS), aset(1))))


def test_a_very_long_sequence_is_written_as_several() -> None:
    path = as_sequence(*range(1, 601))
    decoded = decode_as_path(Reader(encode_as_path(path, NEW)), NEW)
    assert [len(each.asns) for each in decoded.segments] == [255, 255, 90]
    assert [asn for each in decoded.segments for asn in each.asns] == list(range(1, 601))


def test_as4_path_goes_beside_only_where_needed() -> None:
    path = AsPath((confed(64512), seq(65001, BIG)))
    assert as4_path_for(path, NEW) is None
    assert as4_path_for(as_sequence(65001), OLD) is None
    assert as4_path_for(path, OLD) == As4Path((seq(65001, BIG),))
    assert as4_path_for(AsPath((confed(BIG),)), OLD) is None


@pytest.mark.parametrize(
    ("path", "as4_path", "merged"),
    [
        pytest.param((seq(1, 2),), None, (seq(1, 2),), id="no AS4_PATH"),
        pytest.param((seq(AS_TRANS),), (seq(BIG),), (seq(BIG),), id="all replaced"),
        pytest.param(
            (seq(3, 2, AS_TRANS),), (seq(BIG),), (seq(3, 2, BIG),), id="old speakers in front"
        ),
        pytest.param((seq(1),), (seq(BIG, BIG),), (seq(1),), id="AS4_PATH too long: ignored"),
        pytest.param(
            (seq(5, AS_TRANS), aset(7, 8)),
            (seq(BIG), aset(7, 8)),
            (seq(5, BIG), aset(7, 8)),
            id="a set counts one",
        ),
        pytest.param(
            (aset(5, 6), seq(AS_TRANS)),
            (seq(BIG),),
            (aset(5, 6), seq(BIG)),
            id="a set in front stays",
        ),
        pytest.param(
            (confed(64512), seq(AS_TRANS)),
            (confed(9), seq(BIG)),
            (confed(64512), seq(BIG)),
            id="confederations of AS4_PATH are dropped, ours stay",
        ),
    ],
)
def test_merge(
    path: tuple[Segment, ...],
    as4_path: tuple[Segment, ...] | None,
    merged: tuple[Segment, ...],
) -> None:
    beside = None if as4_path is None else As4Path(as4_path)
    assert merge_as4_path(AsPath(path), beside) == AsPath(merged)


def test_questions() -> None:
    path = AsPath((seq(65001, 65002), aset(65003)))
    assert path.first == 65001
    assert 65003 in path
    assert 65004 not in path
    assert not path.has_confederation
    assert AsPath((confed(1),)).has_confederation
    assert AsPath((aset(1),)).first is None
    assert AsPath().first is None
    assert as_sequence() == AsPath()


def test_text() -> None:
    path = AsPath((confed(64512), seq(65001, 65002), aset(1, 2)))
    assert str(path) == "(64512) 65001 65002 {1 2}"
    assert str(As4Path((Segment(SegmentType.AS_CONFED_SET, (1,)),))) == "[1]"
