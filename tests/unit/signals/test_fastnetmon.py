"""What FastNetMon's format gets wrong when read carelessly."""

from prefixd.domain.problem import Problem
from prefixd.domain.signal import Direction, Ignored, Signal, SignalKind
from prefixd.signals.coerce import time_us
from prefixd.signals.fastnetmon import read_fastnetmon, text_document
from prefixd.signals.reading import Reading
from prefixd.signals.settings import FastNetMonSettings

NOW = time_us("2031-03-04T10:15:10Z") or 0
READING = Reading(received_at_us=NOW)


def fastnetmon(action="ban", **details):
    payload = {"ip": "198.51.100.24", "action": action, "attack_details": details}
    found = read_fastnetmon(payload, FastNetMonSettings(), READING)
    assert isinstance(found, list)
    return found[0]


def test_s31_partial_unblock_clears_and_an_unknown_word_is_refused():
    assert fastnetmon("partial_unblock").kind is SignalKind.CLEARED
    refused = read_fastnetmon(
        {"ip": "198.51.100.24", "action": "banish"}, FastNetMonSettings(), READING
    )
    assert isinstance(refused, Problem)
    assert "partial_unblock" in refused.reason


def test_s32_bytes_are_not_bits_and_outgoing_is_not_incoming():
    found = fastnetmon(total_incoming_traffic=1000, attack_direction="outgoing",
                       total_outgoing_traffic=515_000_000)  # fmt: skip
    assert found.direction is Direction.OUTGOING
    assert found.bps == 4_120_000_000


def test_w49_an_alert_is_believed_less_than_a_ban():
    assert fastnetmon("alert").confidence < fastnetmon("ban").confidence


def test_the_text_report_of_the_community_script():
    report = (
        "IP: 198.51.100.24\nAttack type: syn_flood\nAttack direction: incoming\n"
        "Attack protocol: tcp\nTotal incoming traffic: 412 mbps\n"
        "Total incoming pps: 118000 packets per second\nSome new line: whatever\n"
    )
    document = text_document(
        address="198.51.100.24", direction="incoming", power="118000", action="ban", report=report
    )
    (found,) = read_fastnetmon(document, FastNetMonSettings(), READING)
    assert isinstance(found, Signal)
    assert (found.vector, found.bps, found.pps) == ("syn_flood", 412_000_000, 118_000)
    assert found.external_id.startswith("auto:")
    unban = text_document(
        address="198.51.100.24", direction="outgoing", power="", action="unban", report=""
    )
    (cleared,) = read_fastnetmon(unban, FastNetMonSettings(), READING)
    assert (cleared.kind, cleared.direction) == (SignalKind.CLEARED, Direction.OUTGOING)


def test_a_host_group_needs_permission():
    group = {"action": "ban", "alert_scope": "hostgroup", "hostgroup_networks": ["198.51.100.0/24"]}
    (found,) = read_fastnetmon(group, FastNetMonSettings(), READING)
    assert isinstance(found, Ignored)
    (found,) = read_fastnetmon(group, FastNetMonSettings(allow_prefixes=True), READING)
    assert str(found.victim) == "198.51.100.0/24"
