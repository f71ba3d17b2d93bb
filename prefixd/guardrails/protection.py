"""The traffic that carries our own rules, as flows no rule may touch.

A rule that drops BGP between us and a router can never be withdrawn over BGP again. So for every
session both directions of TCP port 179 are protected, whichever side opened the connection, and
BFD beside it (single hop, echo and multihop: RFC 5881, RFC 5883).
"""

from collections.abc import Iterator
from typing import Final

from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.rule import Match, PortRange, ports_overlap
from prefixd.domain.vector import TCP, UDP
from prefixd.guardrails.limits import ProtectedFlow

BGP_PORT: Final = 179
_BGP: Final = (PortRange(BGP_PORT, BGP_PORT),)
_BFD: Final = (PortRange(3784, 3785), PortRange(4784, 4784))


def session_flows(
    peer: str, peer_address: Address, own_address: Address | None
) -> tuple[ProtectedFlow, ...]:
    """BGP and BFD between us and one peer, as packets to the peer and to us.

    Without our own address only the packets to the peer can be recognized; the safelist's
    infrastructure entries then have to cover us.
    """
    there = peer_address.host()
    here = None if own_address is None else own_address.host()
    flows = list(_towards(there, here, peer))
    if here is not None:
        flows += _towards(here, there, peer)
    return tuple(flows)


def _towards(dst: Prefix, src: Prefix | None, peer: str) -> Iterator[ProtectedFlow]:
    session, bfd = f"the BGP session with {peer}", f"BFD with {peer}"
    yield ProtectedFlow(name=session, src=src, dst=dst, protocol=TCP, dst_ports=_BGP)
    yield ProtectedFlow(name=session, src=src, dst=dst, protocol=TCP, src_ports=_BGP)
    yield ProtectedFlow(name=bfd, src=src, dst=dst, protocol=UDP, dst_ports=_BFD)


def touches(match: Match, flow: ProtectedFlow) -> bool:
    """Whether some packet of the flow would match; what either leaves open matches anything."""
    return (
        _same_protocol(match.protocol, flow.protocol)
        and _may_overlap(match.dst, flow.dst)
        and _may_overlap(match.src, flow.src)
        and ports_overlap(match.dst_ports, flow.dst_ports)
        and ports_overlap(match.src_ports, flow.src_ports)
    )


def _same_protocol(one: int | None, other: int | None) -> bool:
    return one is None or other is None or one == other


def _may_overlap(one: Prefix | None, other: Prefix | None) -> bool:
    return one is None or other is None or one.overlaps(other)
