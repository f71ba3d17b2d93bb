"""UPDATE (RFC 4271 4.3): withdrawn prefixes, attributes, announced prefixes.

    +-----------------------------------------------------+
    |   Withdrawn routes length (2)  |  Withdrawn routes  |
    +-----------------------------------------------------+
    |   Path attributes length (2)   |  Path attributes   |
    +-----------------------------------------------------+
    |   Network layer reachability information, the rest  |
    +-----------------------------------------------------+

A decoded UPDATE says what is there, with the faults met on the way. What it means for the routes of
a peer, after RFC 7606 has had its say, is `outcome.assess`.
"""

from dataclasses import dataclass
from struct import pack
from typing import TypeVar

from prefixd.bgp.wire.attribute import Attribute, RawAttribute
from prefixd.bgp.wire.attribute_list import decode_attributes, encode_attributes
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import Fault, Reaction, Reason, WireError
from prefixd.bgp.wire.iana import IPV4_UNICAST, Afi, AttributeCode, Family, UpdateSubcode
from prefixd.bgp.wire.mp_reach import MpReach, MpUnreach, encode_nlri_list, read_prefixes
from prefixd.bgp.wire.prefix import Prefix
from prefixd.bgp.wire.reader import Reader

_Kind = TypeVar("_Kind")
_ROUTES = frozenset({AttributeCode.MP_REACH_NLRI, AttributeCode.MP_UNREACH_NLRI})


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    withdrawn: tuple[Prefix, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    nlri: tuple[Prefix, ...] = ()
    withdrawn_path_ids: tuple[int, ...] = ()
    nlri_path_ids: tuple[int, ...] = ()
    faults: tuple[Fault, ...] = ()

    def first(self, kind: type[_Kind]) -> _Kind | None:
        """The attribute of this type, if the UPDATE has a usable one."""
        for each in self.attributes:
            if isinstance(each, kind):
                return each
        return None

    @property
    def end_of_rib(self) -> Family | None:
        """The family whose initial routes are complete (RFC 4724 2), if this is such a marker."""
        if self.withdrawn or self.nlri or self.faults:
            return None
        match self.attributes:
            case ():
                return IPV4_UNICAST
            case (MpUnreach(family=family, nlri=()),):
                return family
            case _:
                return None


def decode_update(reader: Reader, context: WireContext) -> Update:
    add_path = IPV4_UNICAST in context.add_path
    withdrawn_field = reader.window(reader.u16("withdrawn routes length"), "withdrawn routes")
    attributes_field = reader.window(reader.u16("path attributes length"), "path attributes")
    nlri_field = reader.window(
        len(reader), "network layer reachability", subcode=UpdateSubcode.INVALID_NETWORK_FIELD
    )
    withdrawn, withdrawn_path_ids = read_prefixes(withdrawn_field, Afi.IPV4, add_path=add_path)
    faults: list[Fault] = []
    attributes = decode_attributes(attributes_field, context, faults)
    nlri_offset = nlri_field.offset
    nlri, nlri_path_ids = read_prefixes(nlri_field, Afi.IPV4, add_path=add_path)
    if (withdrawn or nlri) and IPV4_UNICAST not in context.families:
        faults.append(_not_negotiated(nlri_offset))
    update = Update(
        withdrawn=withdrawn,
        attributes=attributes,
        nlri=nlri,
        withdrawn_path_ids=withdrawn_path_ids,
        nlri_path_ids=nlri_path_ids,
        faults=tuple(faults),
    )
    if faults:
        _reset_if_nothing_was_read(update)
    return update


def _not_negotiated(offset: int) -> Fault:
    return Fault(
        reaction=Reaction.IGNORE,
        reason=Reason.FAMILY_NOT_NEGOTIATED,
        detail=f"routes of {IPV4_UNICAST}, which was not negotiated",
        offset=offset,
        field="network layer reachability",
        family=IPV4_UNICAST,
    )


def _reset_if_nothing_was_read(update: Update) -> None:
    """Treat-as-withdraw needs routes to withdraw (RFC 7606 5.2).

    With none in sight it is not known which routes the broken attribute was meant for. A list of
    withdrawals counts as routes here: it was read completely, and a reset would cost more.
    """
    if update.nlri or update.withdrawn:
        return
    for attribute in update.attributes:
        if isinstance(attribute, MpReach | MpUnreach) or (
            isinstance(attribute, RawAttribute) and attribute.code in _ROUTES
        ):
            return
    reactions = {fault.reaction for fault in update.faults}
    if Reaction.DISABLE_FAMILY in reactions:
        return
    for fault in update.faults:
        if fault.reaction is Reaction.WITHDRAW:
            raise WireError(fault.detail, offset=fault.offset, field=fault.field, data=b"")


def encode_update(update: Update, context: WireContext) -> bytes:
    """The body. What belongs together in one UPDATE is the caller's decision (RFC 7606 5.1)."""
    withdrawn = encode_nlri_list(update.withdrawn, update.withdrawn_path_ids)
    attributes = encode_attributes(update.attributes, context)
    nlri = encode_nlri_list(update.nlri, update.nlri_path_ids)
    if len(withdrawn) > 0xFFFF or len(attributes) > 0xFFFF:
        raise WireError("more octets than a length field can say", field="UPDATE")
    return b"".join(
        (pack("!H", len(withdrawn)), withdrawn, pack("!H", len(attributes)), attributes, nlri)
    )
