"""A message taken apart for a person: every field with its offset, then what it all amounts to.

The fields are those the decoders themselves asked for (`trace.py`), so what is shown is what the
daemon saw. FlowSpec rules are read by tables and leave no trace; their octets are walked here once
more, by operators and values, without judging them. The conclusion says what the daemon would do:
routes in and out, faults and their price, or the NOTIFICATION it would send.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, assert_never

from prefixd.bgp.wire.attribute import Attribute
from prefixd.bgp.wire.community import ExtendedCommunities, Ipv6ExtendedCommunities
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Fault, WireError
from prefixd.bgp.wire.flowspec import FlowSpecRule, split_bodies
from prefixd.bgp.wire.flowspec_action import decode_actions
from prefixd.bgp.wire.flowspec_match import BITMASK_KINDS, PREFIX_KINDS, Kind
from prefixd.bgp.wire.flowspec_text import KIND_NAMES, format_rule
from prefixd.bgp.wire.header import HEADER_LENGTH, message_length
from prefixd.bgp.wire.iana import Afi, ErrorCode, Family, HeaderSubcode, MessageType, Safi
from prefixd.bgp.wire.message import Keepalive, Message, RouteRefresh, decode_body
from prefixd.bgp.wire.mp_reach import Nlri, RawNlri
from prefixd.bgp.wire.notification import Notification, notification_for
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.outcome import Outcome, Routes, assess
from prefixd.bgp.wire.prefix import Prefix
from prefixd.bgp.wire.update import Update
from prefixd.dissect.meaning import format_action, format_next_hop, meaning
from prefixd.dissect.trace import Field, TracingReader

_VALUE_WIDTHS: Final = (1, 2, 4, 8)
_END_OF_LIST: Final = 0x80


@dataclass(frozen=True, slots=True)
class Explanation:
    fields: tuple[Field, ...]
    conclusion: tuple[str, ...]
    fatal: bool = False
    """The session would have ended here."""


def explain(octets: bytes, context: WireContext) -> Explanation:
    """Never raises, whatever the octets: what is wrong with them is the explanation."""
    reader = TracingReader(octets)
    try:
        message = _decode(reader, octets, context)
    except WireError as error:
        return Explanation(tuple(_readings(reader)), tuple(_conclude_error(error)), True)
    return Explanation(tuple(_readings(reader)), tuple(_conclude(message, context)))


def _decode(reader: TracingReader, octets: bytes, context: WireContext) -> Message:
    length = None
    if len(octets) >= HEADER_LENGTH:
        reader.take(16, "marker")
        reader.u16("length")
        reader.u8("type")
        length = message_length(octets, 0, context)
    if length != len(octets):
        wanted = f"a header has {HEADER_LENGTH}" if length is None else f"the header gives {length}"
        raise WireError(
            f"{len(octets)} octets, {wanted}",
            offset=len(octets),
            field="length",
            code=ErrorCode.MESSAGE_HEADER,
            subcode=HeaderSubcode.BAD_MESSAGE_LENGTH,
            answerable=False,
        )
    return decode_body(MessageType(octets[HEADER_LENGTH - 1]), reader, context)


def _readings(reader: TracingReader) -> Iterator[Field]:
    """Fields by offset, each octet once: the later reading of the same octets wins."""
    by_offset: dict[int, Field] = {}
    for field in reader.fields:
        if field.octets or field.offset not in by_offset:
            by_offset[field.offset] = field
    end = 0
    family = Family(Afi.IPV4, Safi.FLOWSPEC)
    for offset in sorted(by_offset):
        field = by_offset[offset]
        if offset < end:
            continue  # inside something that was read again as a whole
        if offset > end:
            yield Field(end, "not read", reader.data[end:offset], field.depth)
        end = offset + len(field.octets)
        if field.name == "AFI":
            family = Family(field.number, family.safi)
        elif field.name == "SAFI":
            family = Family(family.afi, field.number)
        if field.name == "FlowSpec NLRI":
            yield from _walk_rules(field, family)
        elif field.octets:
            yield field
    if end < len(reader.data):
        yield Field(end, "not read", reader.data[end:], 0)


def _walk_rules(field: Field, family: Family) -> Iterator[Field]:
    """The rules of one list, component by component; what cannot be walked stays in one piece."""
    try:
        bodies = split_bodies(field.octets)
    except WireError:
        yield field
        return
    before = 0
    for start, body in bodies:
        length = field.octets[before:start]
        yield Field(field.offset + before, "NLRI length", length, field.depth)
        before = start + len(body)
        reader = TracingReader(body)
        try:
            _walk_components(reader, family)
            inside: Iterable[Field] = reader.fields
        except WireError:
            done = sum(len(each.octets) for each in reader.fields)
            rest = Field(done, "not readable", body[done:], 0)
            inside = [*reader.fields, rest] if rest.octets else reader.fields
        for each in inside:
            yield replace(each, offset=field.offset + start + each.offset, depth=field.depth + 1)


def _walk_components(reader: TracingReader, family: Family) -> None:
    if family.safi == Safi.FLOWSPEC_VPN:
        reader.take(8, "route distinguisher")
    while reader:
        kind = reader.u8("component")
        if kind in PREFIX_KINDS:
            bits = reader.u8("prefix length")
            if family.afi == Afi.IPV6:
                bits -= reader.u8("prefix offset")
            reader.take((bits + 7) // 8, "prefix")
            continue
        name = "bitmask" if kind in BITMASK_KINDS else "comparison"
        while True:
            operator = reader.u8(name)
            reader.take(_VALUE_WIDTHS[operator >> 4 & 3], "value")
            if operator & _END_OF_LIST:
                break


def _conclude(message: Message, context: WireContext) -> Iterator[str]:
    match message:
        case Open():
            yield f"OPEN of AS {message.asn}, {len(message.capabilities)} capabilities"
            yield from map(str, message.faults)
        case Update():
            yield from _conclude_update(message, context)
        case Notification():
            yield f"NOTIFICATION {message}"
        case Keepalive():
            yield "KEEPALIVE"
        case RouteRefresh():
            yield f"ROUTE-REFRESH for {message.family}"
        case _:
            assert_never(message)


def _conclude_update(update: Update, context: WireContext) -> Iterator[str]:
    outcome = assess(update, context)
    if outcome.end_of_rib is not None:
        yield f"End-of-RIB of {outcome.end_of_rib}"
    for routes in outcome.withdrawn:
        yield from (f"withdraw {each}" for each in _format_routes(routes))
    for routes in outcome.announced:
        then = _format_then(routes, outcome)
        yield from (f"announce {each}{then}" for each in _format_routes(routes))
    yield from (f"forget every route of {family}" for family in sorted(outcome.disabled))
    yield from map(format_fault, outcome.faults)


def _format_routes(routes: Routes) -> Iterator[str]:
    for place, nlri in enumerate(routes.nlri):
        path = f" path {routes.path_ids[place]}" if routes.path_ids else ""
        yield f"{routes.family} {_format_nlri(nlri)}{path}"


def _format_then(routes: Routes, outcome: Outcome) -> str:
    """What happens to the traffic: actions of a rule, the next hop of a prefix."""
    if routes.family.safi == Safi.UNICAST:
        return f" via {format_next_hop(routes.next_hop)}"
    values: dict[type[Attribute], tuple[bytes, ...]] = {
        type(each): each.values
        for each in outcome.attributes
        if isinstance(each, ExtendedCommunities | Ipv6ExtendedCommunities)
    }
    decoded = decode_actions(
        values.get(ExtendedCommunities, ()), values.get(Ipv6ExtendedCommunities, ())
    )
    return f" then {', '.join(map(format_action, decoded.actions))}"


def _format_nlri(nlri: Nlri) -> str:
    match nlri:
        case Prefix():
            return str(nlri)
        case FlowSpecRule():
            return format_rule(nlri)
        case RawNlri(octets):
            return f"(unreadable) {octets.hex()}"
        case _:
            assert_never(nlri)


def format_fault(fault: Fault) -> str:
    return f"fault {fault} [{fault.reason}]"


def _conclude_error(error: WireError) -> Iterator[str]:
    yield f"error {error}"
    if error.answerable:
        yield f"answer NOTIFICATION {notification_for(error)}, then close"
    else:
        yield "answer nothing"


def field_words(field: Field) -> str:
    """The meaning of a field, with the FlowSpec names this module adds."""
    if field.name == "component":
        kinds = {int(kind): KIND_NAMES[kind] for kind in Kind}
        return kinds.get(field.number, "unknown")
    if field.name in ("comparison", "bitmask"):
        return _operator_words(field)
    return meaning(field)


def _operator_words(field: Field) -> str:
    operator = field.number
    words = ["and"] if operator & 0x40 else []
    if field.name == "bitmask":
        words.append("not" if operator & 2 else "")
        words.append("all of" if operator & 1 else "any of")
    else:
        signs = ("false", "==", ">", ">=", "<", "<=", "!=", "true")
        words.append(signs[operator & 7])
    if operator & _END_OF_LIST:
        words.append("(last)")
    return " ".join(filter(None, words))
