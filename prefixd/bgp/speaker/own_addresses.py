"""Addresses that no rule may touch because they are ours, as they are now.

The configuration names few of them: a session without `local_address` uses what routing chose, and
a dynamic neighbor is known when it connects. So the kernel is asked for the addresses of its
interfaces, and every session for both of its ends.
"""

import contextlib
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from prefixd.bgp.neighbor_settings import IPAddress
from prefixd.bgp.peer.peer import Peer
from prefixd.bgp.settings import SpeakerSettings

_GET_ADDRESSES: Final = 22
_NEW_ADDRESS: Final = 20
_DONE: Final = 3
_ERROR: Final = 2
_REQUEST_DUMP: Final = 0x301
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ADDRESS: Final = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_ADDRESS_OF_INTERFACE: Final = (2, 1)
"""IFA_LOCAL, and IFA_ADDRESS where it is missing: on a point-to-point link that is the peer's."""
_NETLINK_ROUTE: Final = 0
_ANSWER_OCTETS: Final = 65536


class OwnAddresses:
    """`known` has a reason for each address, in words."""

    __slots__ = ("_of_interfaces", "known")

    def __init__(self) -> None:
        self._of_interfaces: tuple[IPAddress, ...] = ()
        self.known: dict[IPAddress, str] = {}

    def look(self, settings: SpeakerSettings, peers: Iterable[Peer]) -> bool:
        """Whether anything has changed. What the kernel does not tell now stays as it was."""
        # Without a descriptor, or without netlink in a sandbox, the sessions still count.
        with contextlib.suppress(OSError):
            self._of_interfaces = tuple(interface_addresses())
        known = dict.fromkeys(self._of_interfaces, "our address on an interface")
        for listen in settings.listen:
            if not listen.address.is_unspecified:
                known.setdefault(listen.address, "our BGP address")
        for peer in peers:
            local = peer.local_address
            if local is not None:
                known.setdefault(local, f"our address towards {peer.name}")
            if peer.dynamic:
                known.setdefault(peer.settings.address, f"dynamic neighbor {peer.name}")
        changed = known != self.known
        self.known = known
        return changed


def interface_addresses() -> Iterator[IPAddress]:
    """Of every interface but loopback, link-local ones excluded; from the kernel (rtnetlink(7))."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as kernel:
        kernel.settimeout(1.0)
        size = _HEADER.size + _ADDRESS.size
        request = _HEADER.pack(size, _GET_ADDRESSES, _REQUEST_DUMP, 1, 0)
        kernel.send(request + _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
        answers: list[bytes] = []
        while not answers or not _is_last(answers[-1]):
            answers.append(kernel.recv(_ANSWER_OCTETS))
    for answer in answers:
        for kind, body in _messages(answer):
            address = _address_of(body) if kind == _NEW_ADDRESS else None
            if address is not None and not (address.is_loopback or address.is_link_local):
                yield address


def _messages(octets: bytes) -> Iterator[tuple[int, bytes]]:
    while len(octets) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(octets)
        if length < _HEADER.size:
            return
        yield kind, octets[_HEADER.size : length]
        octets = octets[(length + 3) & ~3 :]


def _is_last(answer: bytes) -> bool:
    return not answer or any(kind in (_DONE, _ERROR) for kind, _ in _messages(answer))


def _address_of(body: bytes) -> IPAddress | None:
    family = body[0]
    found: dict[int, bytes] = {}
    rest = body[_ADDRESS.size :]
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = rest[_ATTRIBUTE.size : length]
        rest = rest[(length + 3) & ~3 :]
    octets = next((found[kind] for kind in _ADDRESS_OF_INTERFACE if kind in found), b"")
    if family == socket.AF_INET and len(octets) == 4:
        return IPv4Address(octets)
    if family == socket.AF_INET6 and len(octets) == 16:
        return IPv6Address(octets)
    return None
