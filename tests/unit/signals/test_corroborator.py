"""The strict rules of evidence without a victim."""

import pytest

from prefixd.domain.signal import Corroboration, Polarity, SignalKind
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import time_us
from prefixd.signals.corroborator import read_corroborator
from prefixd.signals.reading import Reading

NOW = time_us("2031-03-04T10:15:10Z") or 0
BODY = {
    "source": "edge-snmp", "vector": "udp_flood", "customer_id": "cust-17", "pop": "ams2",
    "service_id": None, "interface": "edge1:et-0/0/3", "confidence": 0.6,
    "raw_details": {"in_util": 0.97},
}  # fmt: skip


def read(**changes):
    return read_corroborator({**BODY, **changes}, Reading(received_at_us=NOW), 300)


def test_the_whole_shape():
    found = read(router="edge1", protocol="udp", victim_ip="::ffff:198.51.100.7",
                 victim_prefix="198.51.100.0/24")  # fmt: skip
    assert isinstance(found, Corroboration)
    assert (found.source, found.vector, found.confidence) == ("edge-snmp", Vector.UDP_FLOOD, 0.6)
    assert (found.customer_id, found.pop, found.interface) == ("cust-17", "ams2", "edge1:et-0/0/3")
    assert (found.router, found.protocol, found.service_id) == ("edge1", 17, None)
    assert (str(found.victim_ip), str(found.victim_prefix)) == ("198.51.100.7", "198.51.100.0/24")
    assert (found.kind, found.polarity) == (SignalKind.FIRING, Polarity.FOR)
    assert found.expires_at_us == NOW + 300_000_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"confidence": 50}, "confidence"),
        ({"confidence": -0.1}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"confidence": "0.5"}, "confidence"),
        ({"source": ""}, "source"),
        ({"source": None}, "source"),
        ({"customer_id": "x" * 257}, "customer_id"),
        ({"interface": 7}, "interface"),
        ({"vector": "laser"}, "vector"),
        ({"victim_ip": "198.51.100.0/24"}, "victim_ip"),
        ({"victim_prefix": "198.51.100.0/33"}, "victim_prefix"),
        ({"protocol": 256}, "protocol"),
        ({"protocol": "ipx"}, "protocol"),
        ({"kind": "boiling"}, "kind"),
        ({"polarity": "maybe"}, "polarity"),
    ],
)
def test_w83_every_field_has_its_rule(changes, field):
    found = read(**changes)
    assert isinstance(found, tuple)
    assert field in [problem.field for problem in found]


def test_without_an_id_the_same_place_is_the_same_evidence():
    first, again, other = read(), read(confidence=0.9), read(interface="edge1:et-0/0/4")
    assert isinstance(first, Corroboration)
    assert isinstance(again, Corroboration)
    assert isinstance(other, Corroboration)
    assert first.external_id == again.external_id != other.external_id
    named = read(external_id="poll-1")
    assert isinstance(named, Corroboration)
    assert named.external_id == "poll-1"


@pytest.mark.parametrize("payload", [None, [], "x", 4])
def test_a_body_of_another_shape(payload):
    assert isinstance(read_corroborator(payload, Reading(received_at_us=NOW), 300), tuple)
