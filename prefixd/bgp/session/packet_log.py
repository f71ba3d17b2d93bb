"""The last messages of a neighbor, for the support case of whoever built its software.

A ring in memory, read out as a pcap file that any analyser opens. The TCP and IP headers around the
messages are made up (addresses and ports are right, checksums and acknowledgements are not), since
what we keep is the conversation, not the packets.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from struct import pack
from typing import Final

MAX_KEPT_OCTETS: Final = 4096
_PCAP_HEADER: Final = pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)  # 101: raw IP
_PROTOCOL_TCP: Final = 6
_PSH_ACK: Final = 0x18


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    now: float
    """Monotonic seconds."""
    sent: bool
    octets: bytes
    """At most the first MAX_KEPT_OCTETS."""


class PacketLog:
    __slots__ = ("_ring",)

    def __init__(self, messages: int) -> None:
        self._ring: deque[LoggedMessage] = deque(maxlen=messages)

    def add(self, now: float, octets: bytes, *, sent: bool) -> None:
        self._ring.append(LoggedMessage(now, sent, octets[:MAX_KEPT_OCTETS]))

    def __iter__(self) -> Iterator[LoggedMessage]:
        return iter(tuple(self._ring))

    def __len__(self) -> int:
        return len(self._ring)


def to_pcap(
    log: PacketLog,
    *,
    local: tuple[str, int],
    remote: tuple[str, int],
    now: float,
    now_us: int,
) -> bytes:
    """`now` and `now_us` are the same moment on both clocks, to turn one into the other."""
    sequence = {True: 1, False: 1}
    parts = [_PCAP_HEADER]
    for logged in log:
        source, target = (local, remote) if logged.sent else (remote, local)
        tcp = pack(
            "!HHIIBBHHH",
            source[1],
            target[1],
            sequence[logged.sent],
            sequence[not logged.sent],
            5 << 4,
            _PSH_ACK,
            65535,
            0,
            0,
        )
        packet = _ip_header(source[0], target[0], len(tcp) + len(logged.octets)) + tcp
        packet += logged.octets
        sequence[logged.sent] += len(logged.octets)
        at_us = now_us + round((logged.now - now) * 1_000_000)
        parts.append(pack("<IIII", *divmod(at_us, 1_000_000), len(packet), len(packet)))
        parts.append(packet)
    return b"".join(parts)


def _ip_header(source: str, target: str, payload: int) -> bytes:
    from_address, to_address = ip_address(source), ip_address(target)
    if isinstance(from_address, IPv4Address):
        head = pack("!BBHHHBBH", 0x45, 0, 20 + payload, 0, 0, 255, _PROTOCOL_TCP, 0)
    else:
        head = pack("!IHBB", 6 << 28, payload, _PROTOCOL_TCP, 255)
    return head + from_address.packed + to_address.packed
