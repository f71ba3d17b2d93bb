"""A bounded ring of the last messages."""

from prefixd.bgp.session.packet_log import MAX_KEPT_OCTETS, PacketLog


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
