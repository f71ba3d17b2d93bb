"""Attributes that hold one number, one address, or a flat list of them.

    ORIGIN            1   one octet, 0 to 2          RFC 4271 5.1.1
    NEXT_HOP          3   four octets                RFC 4271 5.1.3
    MULTI_EXIT_DISC   4   four octets                RFC 4271 5.1.4
    LOCAL_PREF        5   four octets                RFC 4271 5.1.5
    ATOMIC_AGGREGATE  6   nothing                    RFC 4271 5.1.6
    AGGREGATOR        7   AS number and address      RFC 4271 5.1.7
    ORIGINATOR_ID     9   four octets                RFC 4456 8
    CLUSTER_LIST     10   four octets, repeated      RFC 4456 8
    AS4_AGGREGATOR   18   AS number and address      RFC 6793 3
    ONLY_TO_CUSTOMER 35   AS number                  RFC 9234 5

A decoder sees exactly the value; that nothing is left over is checked by `attribute.py`.
"""

from dataclasses import dataclass
from struct import pack

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import AS_TRANS, OriginCode
from prefixd.bgp.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class Origin:
    value: int = OriginCode.IGP


@dataclass(frozen=True, slots=True)
class NextHop:
    """Four octets as on the wire; only for IPv4 unicast outside MP_REACH_NLRI."""

    address: bytes


@dataclass(frozen=True, slots=True)
class MultiExitDisc:
    value: int


@dataclass(frozen=True, slots=True)
class LocalPref:
    value: int


@dataclass(frozen=True, slots=True)
class AtomicAggregate:
    pass


@dataclass(frozen=True, slots=True)
class Aggregator:
    asn: int
    address: bytes


@dataclass(frozen=True, slots=True)
class As4Aggregator:
    asn: int
    address: bytes


@dataclass(frozen=True, slots=True)
class OriginatorId:
    value: int


@dataclass(frozen=True, slots=True)
class ClusterList:
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OnlyToCustomer:
    """RFC 9234 5."""

    asn: int


def _four(address: bytes, field: str) -> bytes:
    """An address on its way out. A wrong length would cost the receiver's session, not ours."""
    if len(address) != 4:
        raise WireError(f"{len(address)} octets where 4 belong", field=field)
    return address


def decode_origin(reader: Reader, _: WireContext) -> Origin:
    value = reader.u8("origin")
    if value > OriginCode.INCOMPLETE:
        raise reader.error(f"origin {value}", "origin")
    return Origin(value)


def encode_origin(attribute: Origin, _: WireContext) -> bytes:
    return bytes((attribute.value,))


def decode_next_hop(reader: Reader, _: WireContext) -> NextHop:
    return NextHop(reader.take(4, "next hop"))


def encode_next_hop(attribute: NextHop, _: WireContext) -> bytes:
    return _four(attribute.address, "next hop")


def decode_med(reader: Reader, _: WireContext) -> MultiExitDisc:
    return MultiExitDisc(reader.u32("metric"))


def encode_med(attribute: MultiExitDisc, _: WireContext) -> bytes:
    return pack("!I", attribute.value)


def decode_local_pref(reader: Reader, _: WireContext) -> LocalPref:
    return LocalPref(reader.u32("local preference"))


def encode_local_pref(attribute: LocalPref, _: WireContext) -> bytes:
    return pack("!I", attribute.value)


def decode_atomic_aggregate(_: Reader, __: WireContext) -> AtomicAggregate:
    return AtomicAggregate()


def encode_atomic_aggregate(_: AtomicAggregate, __: WireContext) -> bytes:
    return b""


def decode_aggregator(reader: Reader, context: WireContext) -> Aggregator:
    asn = reader.u32("AS number") if context.four_octet_as else reader.u16("AS number")
    return Aggregator(asn, reader.take(4, "aggregator address"))


def encode_aggregator(attribute: Aggregator, context: WireContext) -> bytes:
    if context.four_octet_as:
        return pack("!I", attribute.asn) + _four(attribute.address, "aggregator address")
    return pack("!H", attribute.asn if attribute.asn <= 0xFFFF else AS_TRANS) + _four(
        attribute.address, "aggregator address"
    )


def decode_as4_aggregator(reader: Reader, _: WireContext) -> As4Aggregator:
    return As4Aggregator(reader.u32("AS number"), reader.take(4, "aggregator address"))


def encode_as4_aggregator(attribute: As4Aggregator, _: WireContext) -> bytes:
    return pack("!I", attribute.asn) + _four(attribute.address, "aggregator address")


def decode_originator_id(reader: Reader, _: WireContext) -> OriginatorId:
    return OriginatorId(reader.u32("originator"))


def encode_originator_id(attribute: OriginatorId, _: WireContext) -> bytes:
    return pack("!I", attribute.value)


def decode_cluster_list(reader: Reader, _: WireContext) -> ClusterList:
    length = len(reader)
    if length == 0 or length % 4:
        raise reader.error(f"{length} octets are not a list of 4", "cluster list")
    return ClusterList(tuple(reader.u32("cluster") for _ in range(length // 4)))


def encode_cluster_list(attribute: ClusterList, _: WireContext) -> bytes:
    if not attribute.values:
        raise WireError("an empty list is malformed", field="cluster list")
    return pack(f"!{len(attribute.values)}I", *attribute.values)


def decode_only_to_customer(reader: Reader, _: WireContext) -> OnlyToCustomer:
    return OnlyToCustomer(reader.u32("AS number"))


def encode_only_to_customer(attribute: OnlyToCustomer, _: WireContext) -> bytes:
    return pack("!I", attribute.asn)
