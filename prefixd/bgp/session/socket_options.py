"""Socket options of a BGP connection: protection, hops, buffers, source.

Everything Linux-specific about a session lives here: TCP MD5 signatures (RFC 2385), TCP-AO
(RFC 5925), TTL security (RFC 5082), user timeout, class of service. Where the kernel lacks what an
operator asked for, a `SocketRefusal` says so in words; a session that was to be protected is never
run unprotected instead.
"""

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network
from struct import pack
from typing import Final

from prefixd.bgp.neighbor_settings import (
    AoKey,
    IPAddress,
    IPNetwork,
    Secret,
)
from prefixd.bgp.settings import PeerSettings
from prefixd.errors import PrefixdError

TCP_MD5SIG: Final = 14
TCP_USER_TIMEOUT: Final = 18
TCP_NOTSENT_LOWAT: Final = 25
TCP_MD5SIG_EXT: Final = 32
TCP_AO_ADD_KEY: Final = 38
TCP_AO_INFO: Final = 40
IP_MINTTL: Final = 21
IPV6_MINHOPCOUNT: Final = 73

CLASS_SELECTOR_6: Final = 0xC0
"""Network control (RFC 4594 3.1)."""
SEND_BUFFER_OCTETS: Final = 256 * 1024
NOT_SENT_OCTETS: Final = 16 * 1024
"""Data should wait in our queue, where it can still be withdrawn, not in the kernel's."""
MAX_HOPS: Final = 255
DEFAULT_MULTIHOP: Final = 64

# struct tcp_md5sig: address, flags, prefix length, key length, interface, key (216 octets)
_MD5: Final = "=128sBBHi80s"
_MD5_FLAG_PREFIX: Final = 1
# struct tcp_ao_add: address, algorithm, interface, flags, reserved, prefix length, SendID, RecvID,
# MAC length, key flags, key length, key (288 octets)
_AO: Final = "=128s64siIHBBBBBB80s"
_AO_CURRENT_AND_NEXT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportStatus:
    """What protects and carries a session, as read back from the kernel where that is possible."""

    local_address: str = ""
    local_port: int = 0
    remote_address: str = ""
    remote_port: int = 0
    incoming: bool = False
    md5: bool = False
    tcp_ao: bool = False
    min_ttl: int = 0


class SocketRefusal(PrefixdError):
    """The kernel would not do what the configuration asks of it."""


@dataclass(frozen=True, slots=True)
class HostAbilities:
    """What this kernel can do, probed once and shown to the operator."""

    md5: bool
    tcp_ao: bool
    md5_note: str = ""
    tcp_ao_note: str = ""


def probe_host() -> HostAbilities:
    md5_note = _probe(TCP_MD5SIG, _md5_value(ip_network("192.0.2.1/32"), b"probe", flags=0))
    key = AoKey(send_id=1, receive_id=1, secret=Secret(b"probe"))
    ao_note = _probe(TCP_AO_ADD_KEY, _ao_value(ip_network("192.0.2.1/32"), key, first=True))
    return HostAbilities(not md5_note, not ao_note, md5_note, ao_note)


def _probe(option: int, value: bytes) -> str:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.IPPROTO_TCP, option, value)
    except OSError as error:
        return f"the kernel answers {errno.errorcode.get(error.errno or 0, error.errno)}"
    return ""


def prepare(sock: socket.socket, peer: PeerSettings, *, internal: bool) -> None:
    """What both a dialled and an accepted connection need before the first octet."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_OCTETS)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_OCTETS)
    set_user_timeout(sock, peer.timers.hold_time_s or 2 * peer.timers.connect_timeout_s)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, CLASS_SELECTOR_6)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, CLASS_SELECTOR_6)
    set_hops(sock, peer, internal=internal)


def prepare_dial(sock: socket.socket, peer: PeerSettings, *, internal: bool) -> None:
    """Before `connect`: keys first, because the SYN is signed already."""
    if peer.md5 is not None:
        set_md5(sock, host_network(peer.address), peer.md5)
    set_ao(sock, host_network(peer.address), peer.tcp_ao)
    prepare(sock, peer, internal=internal)
    if peer.bind_device:
        _try(sock, socket.SOL_SOCKET, socket.SO_BINDTODEVICE, peer.bind_device.encode())
    if peer.local_address is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(socket_address(peer.local_address, 0))


def set_user_timeout(sock: socket.socket, seconds: float) -> None:
    """Unacknowledged data ends the connection after this long, not after a quarter of an hour."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, int(seconds * 1000))


def set_hops(sock: socket.socket, peer: PeerSettings, *, internal: bool) -> None:
    hops = peer.ttl_security_hops
    if hops is not None:
        sent = MAX_HOPS
    elif peer.multihop is not None:
        sent = peer.multihop
    else:
        sent = DEFAULT_MULTIHOP if internal else 1
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, sent)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, sent)
    if hops is not None:
        set_min_hops(sock, hops)


def set_min_hops(sock: socket.socket, hops: int) -> None:
    """RFC 5082: what has crossed more than `hops` links is dropped by the kernel."""
    least = MAX_HOPS + 1 - hops
    if sock.family == socket.AF_INET6:
        _try(sock, socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT, least)
    else:
        _try(sock, socket.IPPROTO_IP, IP_MINTTL, least)


def set_md5(sock: socket.socket, network: IPNetwork, secret: Secret) -> None:
    """On a listener before a peer calls, on a dialling socket before it does. A host entry beats a
    prefix entry; the key of a live connection is replaced at once, at both ends or not at all."""
    host = network.prefixlen == network.max_prefixlen
    option = TCP_MD5SIG if host else TCP_MD5SIG_EXT
    _try(
        sock,
        socket.IPPROTO_TCP,
        option,
        _md5_value(network, secret.value, 0 if host else _MD5_FLAG_PREFIX),
    )


def clear_md5(sock: socket.socket, network: IPNetwork) -> None:
    """Deleting a key that is not there is no error."""
    host = network.prefixlen == network.max_prefixlen
    option = TCP_MD5SIG if host else TCP_MD5SIG_EXT
    value = _md5_value(network, b"", 0 if host else _MD5_FLAG_PREFIX)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise SocketRefusal(f"TCP MD5 key of {network}: {error.strerror}") from error


def set_ao(sock: socket.socket, network: IPNetwork, keys: Iterable[AoKey]) -> None:
    for index, key in enumerate(keys):
        value = _ao_value(network, key, first=index == 0)
        _try(sock, socket.IPPROTO_TCP, TCP_AO_ADD_KEY, value)


def host_network(address: IPAddress) -> IPNetwork:
    return ip_network(address)


def transport_status(sock: socket.socket, peer: PeerSettings, *, incoming: bool) -> TransportStatus:
    """What is in effect on a connected socket; the kernel is asked where it answers."""
    local, remote = _name(sock.getsockname()), _name(sock.getpeername())
    return TransportStatus(
        local_address=local[0],
        local_port=local[1],
        remote_address=remote[0],
        remote_port=remote[1],
        incoming=incoming,
        md5=peer.md5 is not None,
        tcp_ao=_ao_in_effect(sock),
        min_ttl=_least_hops(sock),
    )


def _name(address: tuple[str, int] | tuple[str, int, int, int]) -> tuple[str, int]:
    return address[0], address[1]


def _ao_in_effect(sock: socket.socket) -> bool:
    try:
        sock.getsockopt(socket.IPPROTO_TCP, TCP_AO_INFO, 128)
    except OSError:
        # Either no TCP-AO in this kernel or none on this socket; both mean it is not in effect.
        return False
    return True


def _least_hops(sock: socket.socket) -> int:
    if sock.family == socket.AF_INET6:
        return sock.getsockopt(socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT)
    return sock.getsockopt(socket.IPPROTO_IP, IP_MINTTL)


def _sockaddr(address: IPAddress) -> bytes:
    if isinstance(address, IPv4Address):
        return pack("=H", socket.AF_INET) + pack("!H", 0) + address.packed
    scope = _scope(address)
    return pack("=H", socket.AF_INET6) + pack("!HI", 0, 0) + address.packed + pack("=I", scope)


def socket_address(address: IPAddress, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """As the socket module wants it; a link-local address carries its interface by number."""
    if isinstance(address, IPv4Address):
        return str(address), port
    return str(IPv6Address(int(address))), port, 0, _scope(address)


def _scope(address: IPv6Address) -> int:
    return socket.if_nametoindex(address.scope_id) if address.scope_id else 0


def _md5_value(network: IPNetwork, key: bytes, flags: int) -> bytes:
    address = _sockaddr(network.network_address)
    return pack(_MD5, address, flags, network.prefixlen if flags else 0, len(key), 0, key)


def _ao_value(network: IPNetwork, key: AoKey, *, first: bool) -> bytes:
    return pack(
        _AO,
        _sockaddr(network.network_address),
        key.algorithm.value.encode(),
        0,
        _AO_CURRENT_AND_NEXT if first else 0,
        0,
        network.prefixlen,
        key.send_id,
        key.receive_id,
        key.mac_octets,
        0,
        len(key.secret.value),
        key.secret.value,
    )


_WORDS: Final = {
    TCP_MD5SIG: "TCP MD5",
    TCP_MD5SIG_EXT: "TCP MD5 with a prefix key",
    TCP_AO_ADD_KEY: "TCP-AO",
    IP_MINTTL: "TTL security",
    IPV6_MINHOPCOUNT: "TTL security",
    socket.SO_BINDTODEVICE: "binding to a device",
}


def _try(sock: socket.socket, level: int, option: int, value: int | bytes) -> None:
    try:
        sock.setsockopt(level, option, value)
    except OSError as error:
        what = _WORDS.get(option, f"socket option {option}")
        raise SocketRefusal(f"this kernel refuses {what}: {error.strerror}") from error
