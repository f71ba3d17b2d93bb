import struct

import pytest

from prefixd.bgp.session.packet_log import MAX_KEPT_OCTETS, PacketLog, to_pcap


def test_a_ring_of_the_last_messages() -> None:
    log = PacketLog(2)
    for number in range(3):
        log.add(float(number), bytes((number,)), sent=True)
    assert [each.octets for each in log] == [b"\x01", b"\x02"]
    assert len(log) == 2


def test_long_messages_are_cut() -> None:
    log = PacketLog(1)
    log.add(0.0, bytes(70_000), sent=False)
    assert [len(each.octets) for each in log] == [MAX_KEPT_OCTETS]


@pytest.mark.parametrize(
    ("local", "remote", "head"), [("10.0.0.1", "10.0.0.2", 20), ("2001:db8::1", "2001:db8::2", 40)]
)
def test_a_pcap_any_analyser_opens(local: str, remote: str, head: int) -> None:
    log = PacketLog(8)
    log.add(99.0, b"OPEN", sent=True)
    log.add(99.5, b"KEEPALIVE", sent=False)
    octets = to_pcap(
        log, local=(local, 40_000), remote=(remote, 179), now=100.0, now_us=2_000_000_000_000
    )
    magic, major, minor, _, _, _, link = struct.unpack_from("<IHHiIII", octets)
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 101)
    position, found = 24, []
    while position < len(octets):
        seconds, microseconds, length, whole = struct.unpack_from("<IIII", octets, position)
        assert length == whole
        packet = octets[position + 16 : position + 16 + length]
        ports = struct.unpack_from("!HH", packet, head)
        found.append((seconds + microseconds / 1e6, ports, packet[head + 20 :]))
        position += 16 + length
    assert found == [
        (1_999_999.0, (40_000, 179), b"OPEN"),
        (1_999_999.5, (179, 40_000), b"KEEPALIVE"),
    ]
