"""Messages made of anything: what is written is read back, and no octets break the reader."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.bgp.wire import capability as cap
from prefixd.bgp.wire.as_path import As4Path, AsPath, Segment, as4_path_for, merge_as4_path
from prefixd.bgp.wire.attribute import Attribute, RawAttribute
from prefixd.bgp.wire.attribute_list import encode_attributes
from prefixd.bgp.wire.community import (
    Communities,
    ExtendedCommunities,
    Ipv6ExtendedCommunities,
    LargeCommunities,
)
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import FAMILY_BY_NAME, IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_UNICAST, Family
from prefixd.bgp.wire.message import (
    Keepalive,
    Message,
    RouteRefresh,
    decode_message,
    encode_message,
)
from prefixd.bgp.wire.mp_reach import MpReach, MpUnreach
from prefixd.bgp.wire.notification import Notification, cease
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.prefix import Prefix
from prefixd.bgp.wire.scalar import (
    Aggregator,
    AtomicAggregate,
    ClusterList,
    LocalPref,
    MultiExitDisc,
    NextHop,
    OnlyToCustomer,
    Origin,
    OriginatorId,
)
from prefixd.bgp.wire.update import Update
from prefixd.dissect.command import layout, split_messages
from prefixd.dissect.dissect import explain
from tests.golden.test_messages import HEX
from tests.kit.rules import prefixes, rules

ALL = frozenset(FAMILY_BY_NAME.values())
BIG = WireContext(families=ALL, extended_messages=True)
CONTEXTS = st.builds(
    WireContext,
    families=st.sampled_from([ALL, frozenset({IPV4_FLOWSPEC}), frozenset({IPV4_UNICAST})]),
    four_octet_as=st.booleans(),
    extended_messages=st.booleans(),
    external=st.booleans(),
    add_path=st.sampled_from([frozenset(), ALL]),
)

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
families = st.builds(Family, u16, u8)
UNREAD_CAPABILITIES = st.sampled_from([0, 3, 4, 7, 66, 67, 72, 74, 129, 255])
UNREAD_ATTRIBUTES = st.sampled_from([0, 11, 13, 22, 23, 26, 29, 40, 128, 255])


def tuples(items: st.SearchStrategy, *, most: int = 4, least: int = 0) -> st.SearchStrategy:
    return st.lists(items, min_size=least, max_size=most).map(tuple)


CAPABILITIES = st.one_of(
    st.builds(cap.Multiprotocol, families),
    st.just(cap.RouteRefreshCapability()),
    st.just(cap.CiscoRouteRefresh()),
    st.just(cap.ExtendedMessage()),
    st.just(cap.EnhancedRouteRefresh()),
    st.builds(cap.ExtendedNextHop, tuples(st.tuples(st.builds(Family, u16, u16), u16))),
    st.builds(cap.Role, u8),
    st.builds(
        cap.GracefulRestart,
        restart_time_s=st.integers(0, 0xFFF),
        restarting=st.booleans(),
        notification=st.booleans(),
        families=tuples(st.builds(cap.GracefulFamily, families, st.booleans())),
    ),
    st.builds(cap.FourOctetAs, u32),
    st.builds(cap.AddPath, tuples(st.builds(cap.AddPathFamily, families, u8))),
    st.builds(
        cap.LongLivedGracefulRestart,
        tuples(st.builds(cap.LongLivedFamily, families, st.integers(0, 0xFFFFFF), st.booleans())),
    ),
    st.builds(cap.Fqdn, st.binary(max_size=63), st.binary(max_size=63)),
    st.builds(cap.SoftwareVersion, st.binary(max_size=64)),
    st.builds(cap.RawCapability, UNREAD_CAPABILITIES, st.binary(max_size=255)),
)
OPENS = st.builds(
    Open,
    my_as=u16,
    hold_time_s=u16,
    bgp_identifier=u32,
    capabilities=tuples(CAPABILITIES, most=8),
)
SEGMENTS = tuples(st.builds(Segment, st.integers(1, 4), tuples(u32, least=1)), most=3)
SCALARS = (
    st.builds(Origin, st.integers(0, 2)),
    st.builds(AsPath, SEGMENTS),
    st.builds(NextHop, st.binary(min_size=4, max_size=4)),
    st.builds(MultiExitDisc, u32),
    st.builds(LocalPref, u32),
    st.just(AtomicAggregate()),
    st.builds(Aggregator, u32, st.binary(min_size=4, max_size=4)),
    st.builds(Communities, tuples(u32, least=1, most=100)),
    st.builds(OriginatorId, u32),
    st.builds(ClusterList, tuples(u32, least=1)),
    st.builds(ExtendedCommunities, tuples(st.binary(min_size=8, max_size=8), least=1, most=40)),
    st.builds(Ipv6ExtendedCommunities, tuples(st.binary(min_size=20, max_size=20), least=1)),
    st.builds(LargeCommunities, tuples(st.tuples(u32, u32, u32), least=1)),
    st.builds(OnlyToCustomer, u32),
    st.builds(
        RawAttribute,
        st.sampled_from([0xC0, 0xE0, 0xD0, 0x80, 0xC5]),
        UNREAD_ATTRIBUTES,
        st.binary(max_size=255),
    ),
)


@st.composite
def multiprotocol(draw: st.DrawFn) -> MpReach | MpUnreach:
    if draw(st.booleans()):
        family, hop = IPV6_UNICAST, draw(st.sampled_from([16, 32]))
        nlri = draw(tuples(prefixes(2)))
    else:
        found = draw(st.lists(rules(), max_size=4))
        family = found[0].family if found else IPV4_FLOWSPEC
        nlri = tuple(rule for rule in found if rule.family == family)
        hop = draw(st.sampled_from([0, 4, 16]))
    if draw(st.booleans()):
        return MpUnreach(family=family, nlri=nlri)
    next_hop = draw(st.binary(min_size=hop, max_size=hop))
    return MpReach(family=family, nlri=nlri, next_hop=next_hop)


@st.composite
def updates(draw: st.DrawFn) -> Update:
    """One of each kind of attribute at most, in the order they are written in."""
    found: list[Attribute] = [draw(each) for each in SCALARS if draw(st.booleans())]
    if draw(st.booleans()):
        found.insert(0, draw(multiprotocol()))
    octets = {encode_attributes([each], BIG)[1]: each for each in found}
    ordered = sorted(octets, key=lambda code: (code not in (14, 15), code))
    return Update(
        withdrawn=draw(tuples(prefixes(1))),
        attributes=tuple(octets[code] for code in ordered),
        nlri=draw(tuples(prefixes(1))),
    )


MESSAGES = st.one_of(
    OPENS,
    updates(),
    st.builds(Notification, u8, u8, st.binary(max_size=300)),
    st.builds(RouteRefresh, families, u8),
    st.just(Keepalive()),
)


def bare(message: Message) -> Message:
    return replace(message, faults=()) if isinstance(message, Open | Update) else message


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_back(message: Message) -> None:
    octets = encode_message(message, BIG)
    buffer = bytearray(octets * 2)
    assert cut_message(buffer, BIG) == octets
    assert bare(decode_message(octets, BIG)) == message


@given(tuples(prefixes(1), least=1), tuples(prefixes(2), least=1), u32)
@settings(max_examples=60, deadline=None)
def test_path_identifiers_survive(
    ipv4: tuple[Prefix, ...], ipv6: tuple[Prefix, ...], path_id: int
) -> None:
    context = replace(BIG, add_path=ALL)
    update = Update(
        attributes=(
            MpReach(
                family=IPV6_UNICAST,
                next_hop=bytes(16),
                nlri=ipv6,
                path_ids=tuple(path_id ^ at for at in range(len(ipv6))),
            ),
        ),
        nlri=ipv4,
        nlri_path_ids=tuple(range(len(ipv4))),
        withdrawn=ipv4,
        withdrawn_path_ids=(path_id,) * len(ipv4),
    )
    assert decode_message(encode_message(update, context), context) == update


@given(st.binary(max_size=120), st.integers(0, 6), CONTEXTS)
@settings(max_examples=400, deadline=None)
def test_any_octets_give_a_message_or_a_wire_error(
    body: bytes, kind: int, context: WireContext
) -> None:
    survives(b"\xff" * 16 + (19 + len(body)).to_bytes(2, "big") + bytes((kind,)) + body, context)


@given(
    st.sampled_from(sorted(HEX.values())),
    st.lists(st.tuples(st.integers(19, 130), u8), max_size=4),
    st.integers(0, 140),
    st.binary(max_size=6),
    CONTEXTS,
)
@settings(max_examples=500, deadline=None)
def test_damaged_messages_give_a_message_or_a_wire_error(
    seed: str, changes: list[tuple[int, int]], cut: int, more: bytes, context: WireContext
) -> None:
    """Octets changed, the end cut off or grown, and the length in the header put right again."""
    octets = bytearray(bytes.fromhex(seed)[: max(19, cut)] + more)
    for at, value in changes:
        if at < len(octets):
            octets[at] = value
    octets[16:18] = len(octets).to_bytes(2, "big")
    survives(bytes(octets), context)


def survives(octets: bytes, context: WireContext) -> None:
    explanation = explain(octets, context)
    assert "".join(layout(explanation))
    shown = b"".join(field.octets for field in explanation.fields)
    assert shown == octets
    try:
        message = decode_message(octets, context)
    except WireError as error:
        failure = error
    else:
        if isinstance(message, Update):
            assess(message, context)
        again = decode_message(encode_message(message, context), context)
        assert bare(again) == bare(message)
        return
    assert 0 <= failure.offset <= len(octets)
    assert str(failure.offset) in str(failure)


@given(st.lists(st.sampled_from(sorted(HEX.values())), max_size=6), st.lists(st.integers(1, 99)))
@settings(max_examples=60, deadline=None)
def test_a_stream_is_cut_the_same_however_it_arrives(seeds: list[str], sizes: list[int]) -> None:
    messages = [bytes.fromhex(seed) for seed in seeds]
    stream = b"".join(messages)
    assert list(split_messages(stream, BIG)) == messages
    buffer, found = bytearray(), []
    for size in [*sizes, len(stream)]:
        buffer += stream[:size]
        stream = stream[size:]
        while (message := cut_message(buffer, BIG)) is not None:
            found.append(message)
    assert found == messages


@given(SEGMENTS)
@settings(max_examples=100, deadline=None)
def test_an_old_peer_hides_no_part_of_the_path(segments: tuple[Segment, ...]) -> None:
    """What goes out in AS_PATH and AS4_PATH comes back as the path it was (RFC 6793 4.2.3)."""
    old = replace(BIG, four_octet_as=False)
    plain = tuple(each for each in segments if each.kind < 3)
    path = AsPath(plain)
    beside = as4_path_for(path, old)
    attributes = [path] if beside is None else [path, beside]
    update = Update(attributes=tuple(attributes))
    decoded = decode_message(encode_message(update, old), old)
    assert isinstance(decoded, Update)
    received = decoded.first(AsPath)
    assert received is not None
    merged = merge_as4_path(received, decoded.first(As4Path))
    assert flat(merged) == flat(path)


def flat(path: AsPath) -> list[int]:
    return [asn for segment in path.segments for asn in segment.asns]


@given(st.text(max_size=300), st.sampled_from([2, 4]))
@settings(max_examples=100, deadline=None)
def test_a_shutdown_text_is_cut_on_a_character(text: str, subcode: int) -> None:
    notification = cease(subcode, text)
    octets = notification.data[1:]
    assert len(octets) <= 255
    assert text.encode(errors="replace").startswith(octets)
    decoded = decode_message(encode_message(notification, BIG), BIG)
    assert isinstance(decoded, Notification)
    assert decoded.text is None or decoded.text.isprintable()
