"""The NOTIFICATION at the end of a session that we end."""

from prefixd.bgp.peer.shutdown import OLD_TEXT_OCTETS, shutdown, signed
from prefixd.bgp.wire.iana import CeaseSubcode, ErrorCode
from tests.kit.speaking import a_neighbor


def test_the_text_names_the_operator_and_the_reason() -> None:
    note = shutdown(a_neighbor(), signed("alice", "maintenance"))
    assert (note.code, note.subcode) == (ErrorCode.CEASE, CeaseSubcode.ADMINISTRATIVE_SHUTDOWN)
    assert b"prefixd: alice: maintenance" in note.data


def test_old_peers_get_128_octets_and_no_half_character() -> None:
    text = "ä" * 100
    short = shutdown(a_neighbor(short_shutdown_text=True), "x" + text)
    assert len(short.data) - 1 <= OLD_TEXT_OCTETS
    assert short.data[1:].decode() == "x" + "ä" * 63
    assert len(shutdown(a_neighbor(), text).data) == 201
