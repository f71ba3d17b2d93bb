"""What the pages print works: configuration loads, samples become signals."""

import re

import pytest

from prefixd.config.correlation_file import CorrelationFile
from prefixd.correlation.corroborator import admit_corroboration
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Corroboration, Signal
from prefixd.signals.alertmanager import read_alertmanager
from prefixd.signals.coerce import time_us
from prefixd.signals.corroborator import read_corroborator
from prefixd.signals.decoy import Observation, hint
from prefixd.signals.decoy_formats import decode_report
from prefixd.signals.fastnetmon import read_fastnetmon
from prefixd.signals.native import read_event
from prefixd.signals.reading import Reading
from prefixd.signals.webhook import read_webhook
from tests.kit import detectors

NOW = time_us("2031-03-04T10:15:10Z") or 0
READING = Reading(received_at_us=NOW)
MAPPED = [
    page.stem
    for page in sorted(detectors.PAGES.glob("*.md"))
    if "webhook_adapters" in page.read_text() and page.stem != "README"
]


@pytest.mark.parametrize("page", MAPPED)
def test_a_mapping_and_its_sample_fit(page):
    (sample,) = detectors.samples(page)
    found = read_webhook(sample, detectors.adapter(page), READING)
    assert not isinstance(found, Problem), found
    (signal,) = found
    assert isinstance(signal, Signal), signal
    assert str(signal.victim) == "198.51.100.24/32"
    assert signal.vector.value != "unknown"
    assert signal.warnings == ()


def test_the_sample_of_the_generic_page_is_read_as_described():
    (sample,) = detectors.samples("webhook")
    (signal,) = read_webhook(sample, detectors.adapter("webhook"), READING)
    assert isinstance(signal, Signal)
    assert (signal.bps, signal.pps, signal.confidence, signal.external_id, signal.dst_ports) == (
        4_120_000_000, 1_180_000, 0.93, "b-7", (443,),
    )  # fmt: skip


def test_the_own_formats_print_working_samples():
    (native,) = detectors.samples("native")
    assert isinstance(read_event(native, READING), Signal)
    settings = detectors.configuration("alertmanager").signals.alertmanager
    (alerts,) = detectors.samples("alertmanager")
    (signal,) = read_alertmanager(alerts, settings, READING)
    assert isinstance(signal, Signal)
    (ban,) = detectors.samples("fastnetmon")
    (signal,) = read_fastnetmon(
        ban, detectors.configuration("fastnetmon").signals.fastnetmon, READING
    )
    assert isinstance(signal, Signal)
    assert signal.bps == 4_120_000_000


def test_the_corroborator_page_prints_a_working_sample():
    (sample,) = detectors.samples("corroborators")
    found = read_corroborator(sample, READING, 300)
    assert isinstance(found, Corroboration)
    assert admit_corroboration(found, detectors.configuration("corroborators").correlation) is None


def test_the_decoy_page_prints_a_working_sample():
    (sample,) = detectors.samples("decoys")
    (sensor,) = detectors.configuration("decoys").signals.deception
    seen = decode_report(sample, sensor, NOW)
    assert isinstance(seen, Observation)
    found = hint([seen], sensor, NOW)
    assert found is not None
    assert (found.confidence, found.src_ports, str(found.victim_ip)) == (
        pytest.approx(0.5, abs=0.01), (53,), "198.51.100.24",
    )  # fmt: skip


def test_every_page_is_in_the_index():
    index = (detectors.PAGES / "README.md").read_text()
    for page in detectors.PAGES.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index
    assert isinstance(detectors.configuration("akvorado"), CorrelationFile)


@pytest.mark.parametrize(
    "page", [page for page in sorted(detectors.PAGES.glob("*.md")) if page.stem != "README"],
    ids=lambda page: page.stem,
)  # fmt: skip
def test_a_page_begins_with_the_token_or_the_secret(page):
    text = page.read_text()
    first, rest = re.findall(r"```sh\n(.*?)```(.*)", text, re.DOTALL)[0]
    assert text.index("```") == text.index("```sh")
    token = re.match(r"prefixdctl tokens create (\S+) ingest --source (\S+)", first)
    secret = re.match(r'echo "(\w+)=', first)
    if token is not None:
        assert token[1] == token[2]
    else:
        assert secret is not None
        assert secret[1] in rest
