"""The generic webhook: how elements become signals, and what one cannot do to others."""

import pytest

from prefixd.domain.problem import Problem
from prefixd.domain.signal import Direction, Ignored, Signal, SignalKind
from prefixd.domain.vector import Vector
from prefixd.signals.coerce import time_us
from prefixd.signals.reading import Reading
from prefixd.signals.settings import (
    AuthType,
    Computed,
    Condition,
    FieldSource,
    Reduce,
    RegexExtract,
    UnitConversion,
    VectorMatch,
    WebhookAdapterSettings,
    WebhookAuth,
)
from prefixd.signals.webhook import CompiledAdapter, compile_adapter, read_webhook

NOW = time_us("2031-03-04T10:15:10Z") or 0
READING = Reading(received_at_us=NOW)
AUTH = WebhookAuth(type=AuthType.HMAC, secret_refs=("env:X",))


def path(*texts, **changes):
    return FieldSource(paths=texts, **changes)


def settings(**changes):
    fields = {"victim_ip": path("$.ip"), **changes.pop("fields", {})}
    return WebhookAdapterSettings(name="box", auth=AUTH, fields=fields, **changes)


def compiled(**changes) -> CompiledAdapter:
    made = compile_adapter(settings(**changes))
    assert isinstance(made, CompiledAdapter), made
    return made


def one(body, reading=READING, **changes):
    found = read_webhook({"ip": "198.51.100.24", **body}, compiled(**changes), reading)
    assert isinstance(found, list)
    return found[0]


def test_an_array_at_the_root_is_its_elements():
    found = read_webhook([{"ip": "198.51.100.1"}, {"ip": "x"}], compiled(), READING)
    assert isinstance(found, list)
    assert isinstance(found[0], Signal)
    assert isinstance(found[1], Problem)
    assert (found[1].field, found[1].index) == ("elements[1].victim_ip", 1)
    deeper = read_webhook(
        {"items": [{"ip": "198.51.100.1"}]}, compiled(root_path="$.items"), READING
    )
    assert isinstance(deeper, list)
    assert isinstance(deeper[0], Signal)


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_a_body_without_elements_is_one_problem(body):
    found = read_webhook(body, compiled(), READING)
    assert isinstance(found, Problem)
    assert found.code == "no_elements"


def test_w86_elements_are_bounded():
    found = read_webhook([{"ip": "198.51.100.1"}] * 3, compiled(max_events=2), READING)
    assert isinstance(found, Problem)
    assert found.code == "too_large"


def test_a_greedy_document_spoils_its_own_element_only():
    adapter = compiled(fields={"bps": path("$..deep")})
    wide = {"ip": "198.51.100.1", "x": [[0] * 60] * 60}
    found = read_webhook([wide, {"ip": "198.51.100.2"}], adapter, READING)
    assert isinstance(found, list)
    assert isinstance(found[0], Problem)
    assert isinstance(found[1], Signal)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("198.51.100.24:443", "198.51.100.24/32"),
        ("[2001:DB8::1]:53", "2001:db8::1/128"),
        ("::ffff:198.51.100.7", "198.51.100.7/32"),
        ("198.51.100.24/32", "198.51.100.24/32"),
        ("198.51.100.24@7", "198.51.100.24/32"),
    ],
)
def test_victims_in_several_notations(given, expected):
    assert str(one({"ip": given}).victim) == expected


@pytest.mark.parametrize("given", ["198.51.100.0/24", "host.example", "", None, 7, [], "1.2.3.4:x"])
def test_invalid_victims_are_problems(given):
    assert isinstance(one({"ip": given}), Problem)


def test_prefixes_where_allowed():
    found = one({"ip": "198.51.100.9/24"}, allow_prefixes=True)
    assert str(found.victim) == "198.51.100.0/24"


def test_several_paths_constants_and_reductions():
    fields = {
        "source_id": path("$.none", "$.id"),
        "confidence": FieldSource(const=0.4),
        "bps": path("$.links[*].bps", reduce=Reduce.SUM),
        "pps": path("$.links[*].pps", reduce=Reduce.MAX),
        "top_dst_ports": path("$.links[*].port", reduce=Reduce.JOIN),
        "vector": path("$.kinds[*]", reduce=Reduce.FIRST),
    }
    body = {
        "id": 7, "kinds": ["syn_flood", "udp_flood"],
        "links": [{"bps": 1, "pps": "9", "port": 53}, {"bps": 2, "pps": 4, "port": 443}],
    }  # fmt: skip
    found = one(body, fields=fields)
    assert (found.external_id, found.confidence, found.bps, found.pps) == ("7", 0.4, 3, 9)
    assert (found.dst_ports, found.vector) == ((53, 443), Vector.SYN_FLOOD)


def test_a_path_with_several_nodes_and_no_reduction_has_no_value():
    assert one({"bps": [1, 2]}, fields={"bps": path("$.bps[*]")}).bps is None


@pytest.mark.parametrize(
    ("match", "word", "expected"),
    [
        (VectorMatch.EXACT, "UDP", Vector.UDP_FLOOD),
        (VectorMatch.EXACT, "udp", Vector.TOTAL_TRAFFIC),
        (VectorMatch.CASEFOLD, "udp", Vector.UDP_FLOOD),
        (VectorMatch.CASEFOLD_SUBSTRING, "a tcp syn thing", Vector.SYN_FLOOD),
        (VectorMatch.CASEFOLD_SUBSTRING, "some tcp thing", Vector.ACK_FLOOD),
        (VectorMatch.REGEX, "UDP", Vector.UDP_FLOOD),
        (VectorMatch.EXACT, "icmp_flood", Vector.ICMP_FLOOD),
    ],
)
def test_vector_maps(match, word, expected):
    found = one(
        {"v": word}, fields={"vector": path("$.v")}, vector_match=match,
        default_vector="total_traffic",
        vector_map={"TCP": "ack_flood", "TCP SYN": "syn_flood", "UDP": "udp_flood"},
    )  # fmt: skip
    assert found.vector is expected


def test_transforms_extract_convert_and_compute():
    found = one(
        {"m": "attack=udp; x", "mb": "4.12", "bytes": 100, "rate": 1000, "c": 5},
        fields={
            "vector": path("$.m"), "bps": path("$.mb"), "pps": path("$.none"),
            "confidence": path("$.c"),
        },
        transforms={
            "vector": RegexExtract(pattern="attack=(\\w+)", group=1),
            "bps": UnitConversion(multiplier=1e6),
            "pps": Computed(paths=("$.bytes", "$.rate"), scale=0.5),
            "confidence": UnitConversion(multiplier=10),
        },
        vector_map={"udp": "udp_flood"}, confidence_scale=100,
    )  # fmt: skip
    assert (found.vector, found.bps, found.pps, found.confidence) == (
        Vector.UDP_FLOOD, 4_120_000, 50_000, 0.5,
    )  # fmt: skip


def test_a_unit_in_the_text_goes_before_a_conversion():
    found = one({"b": "4 Gbps"}, fields={"bps": path("$.b")},
                transforms={"bps": UnitConversion(multiplier=1e6)})  # fmt: skip
    assert found.bps == 4_000_000_000


@pytest.mark.parametrize(
    ("action", "expected"),
    [(None, SignalKind.FIRING), (True, SignalKind.FIRING), (False, SignalKind.CLEARED),
     ("unban", SignalKind.CLEARED), (2, None), ("gone", None)],
)  # fmt: skip
def test_action_maps_and_unmapped_words(action, expected):
    found = one({"a": action}, fields={"action": path("$.a")},
                action_map={"true": "ban", "false": "unban"})  # fmt: skip
    if expected is None:
        assert isinstance(found, Problem)
    else:
        assert found.kind is expected


def test_conditions_must_all_hold():
    when = (
        Condition(path="$.t", one_of=("1", "dos")),
        Condition(path="$.n", equals="null"),
        Condition(path="$.test", exists=False),
    )
    assert isinstance(one({"t": 1, "n": None}, when=when), Signal)
    assert isinstance(one({"t": 2, "n": None}, when=when), Ignored)
    assert isinstance(one({"t": "dos", "n": 0}, when=when), Ignored)
    assert isinstance(one({"t": 1, "n": None, "test": False}, when=when), Ignored)


def test_times_of_observation_age_and_times_of_start_do_not():
    fields = {"timestamp": path("$.t")}
    old = {"t": "2031-03-04T09:00:00Z"}
    assert one(old, fields=fields).stale
    assert not one(old, fields=fields, timestamp_is_start=True).stale
    bad = one({"t": "soon"}, fields=fields)
    assert isinstance(bad, Problem)
    assert bad.field == "elements[0].timestamp"


def test_outgoing_is_kept_as_outgoing():
    found = one({"d": "Outgoing"}, fields={"direction": path("$.d")})
    assert found.direction is Direction.OUTGOING
