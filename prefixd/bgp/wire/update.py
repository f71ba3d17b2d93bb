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
from typing import TypeVar

from prefixd.bgp.wire.attribute import Attribute
from prefixd.bgp.wire.errors import Fault
from prefixd.bgp.wire.mp_reach import MpReach, MpUnreach
from prefixd.bgp.wire.iana import IPV4_UNICAST, Family
from prefixd.bgp.wire.prefix import Prefix

_Kind = TypeVar("_Kind")


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
