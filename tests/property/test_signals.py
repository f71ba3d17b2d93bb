"""Whatever a stranger sends, an adapter answers with values: it never raises, never invents."""

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixd.domain.signal import Signal, SignalKind
from prefixd.signals.alertmanager import read_alertmanager
from prefixd.signals.coerce import MAX_RATE
from prefixd.signals.corroborator import read_corroborator
from prefixd.signals.decoy_formats import decode_json_line, decode_webhook
from prefixd.signals.fastnetmon import read_fastnetmon
from prefixd.signals.jsonpath import BudgetSpent, NodeBudget, PathError, compile_path
from prefixd.signals.native import read_event
from prefixd.signals.reading import Reading
from prefixd.signals.settings import AlertmanagerSettings, DeceptionSettings, FastNetMonSettings
from prefixd.signals.webhook import read_webhook
from tests.kit import detectors

NOW = 1_930_385_710_000_000
READING = Reading(received_at_us=NOW)
ADAPTERS = [detectors.adapter(page) for page in ("kentik", "sightline", "webhook", "akvorado")]

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["198.51.100.24", "2001:db8::1", "ban", "firing", "udp_flood", "4", "alarm",
                       "10.0.0.0/8", "2031-03-04T10:15:00Z", "incoming", "9" * 400])
)  # fmt: skip
KEYS = st.sampled_from(
    ["ip", "action", "alerts", "labels", "victim_ip", "status", "version", "Events", "Type", "data",
     "Details", "Name", "Value", "attributes", "subobject", "attack_details", "source", "vector",
     "bps", "timestamp", "events", "rows", "alarms", "dst", "fields", "topic", "id", "ts",
     "payload",
     "confidence", "total_incoming_traffic", "packet_dump_detailed", "hostgroup_networks",
     "alert_scope", "annotations", "top_dst_ports", "startsAt", "raw_line", "decky", "service"]
)  # fmt: skip
PAYLOADS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(PAYLOADS)
def test_any_payload_is_answered_and_every_signal_is_sound(payload):
    sensor = DeceptionSettings(name="s")
    answers = [
        read_event(payload, READING),
        read_alertmanager(payload, AlertmanagerSettings(allow_instance_fallback=True), READING),
        read_fastnetmon(payload, FastNetMonSettings(allow_prefixes=True), READING),
        *[read_webhook(payload, adapter, READING) for adapter in ADAPTERS],
    ]
    read_corroborator(payload, READING, 300)
    decode_webhook(payload, sensor, NOW)
    decode_json_line(payload, sensor, NOW)
    for answer in answers:
        for one in answer if isinstance(answer, list) else [answer]:
            if isinstance(one, Signal):
                check(one)


def check(signal: Signal) -> None:
    assert signal.external_id
    assert isinstance(signal.kind, SignalKind)
    assert signal.confidence is None or 0 <= signal.confidence <= 1
    for rate in (signal.bps, signal.pps):
        assert rate is None or 0 <= rate <= MAX_RATE
    assert all(1 <= port <= 65535 for port in signal.dst_ports + signal.src_ports)
    assert signal.observed_at_us <= NOW + READING.max_clock_skew_s * 1_000_000


@settings(max_examples=200, deadline=None)
@given(st.text("$.[]'\"*?@abc012:,-!()&|=<> length", max_size=30), PAYLOADS)
def test_any_text_is_a_path_or_refused_and_paths_end(text, payload):
    try:
        path = compile_path("$" + text)
    except PathError:
        return
    try:
        assert isinstance(path.select(payload, NodeBudget()), list)
    except BudgetSpent:
        return


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["", "<134>1 ", "<134>1 2026-11-20T09:15:31Z h "]))
def test_any_line_a_sensor_quotes_is_answered(text, head):
    payload = {"raw_line": head + text, "timestamp": "2026-11-20T09:15:31Z", "fields": {}}
    assert decode_json_line(payload, DeceptionSettings(name="s"), NOW) is not None
