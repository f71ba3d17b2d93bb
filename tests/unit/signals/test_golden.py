"""Payloads of real detectors beside what they must become.

Each case names only the fields it is about. Generic-webhook cases run through the configuration
printed on the tool's page in docs/detectors, so the page and the sample cannot drift apart.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from prefixd.domain.problem import Problem
from prefixd.domain.signal import Ignored, Signal
from prefixd.signals.alertmanager import read_alertmanager
from prefixd.signals.coerce import time_us
from prefixd.signals.fastnetmon import read_fastnetmon
from prefixd.signals.native import read_event
from prefixd.signals.reading import Heartbeat, Reading
from prefixd.signals.settings import AlertmanagerSettings, FastNetMonSettings
from prefixd.signals.webhook import read_webhook
from tests.kit import detectors

GOLDEN = Path(__file__).parents[2] / "golden" / "signals"
FILES = {path.stem: json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))}
CASES = [
    pytest.param(stem, case, id=f"{stem}: {case['name']}")
    for stem, document in FILES.items()
    for case in document["cases"]
]
ARRIVAL = "2031-03-04T10:15:10Z"


def read(document: dict[str, Any], case: dict[str, Any]) -> Any:
    received = time_us(case.get("received_at", ARRIVAL))
    assert received is not None
    reading = Reading(received_at_us=received)
    payload, settings = case["payload"], document.get("settings", {})
    match document["adapter"]:
        case "alertmanager":
            return read_alertmanager(payload, AlertmanagerSettings(**settings), reading)
        case "fastnetmon":
            return read_fastnetmon(payload, FastNetMonSettings(**settings), reading)
        case "webhook":
            return read_webhook(payload, detectors.adapter(document["page"]), reading)
        case "native":
            return [read_event(payload, reading)]


def check(found: Any, wanted: dict[str, Any]) -> None:
    if "problem" in wanted:
        assert isinstance(found, Problem), found
        assert (found.field, found.code) == (wanted["problem"], wanted["code"])
    elif "ignored" in wanted:
        assert isinstance(found, Ignored), found
    elif "heartbeat" in wanted:
        assert isinstance(found, Heartbeat), found
        assert found.source == wanted["heartbeat"]
    else:
        assert isinstance(found, Signal), found
        for name, value in wanted.items():
            check_field(found, name, value)


def check_field(signal: Signal, name: str, value: Any) -> None:
    if name == "observed_at":
        assert signal.observed_at_us == time_us(value)
        return
    found: Any = getattr(signal, name)
    if name == "victim":
        found = str(found)
    elif isinstance(found, tuple):
        found = list(found)
    if isinstance(value, str) and value.endswith("*"):
        assert found.startswith(value[:-1])
    else:
        assert found == value, name


@pytest.mark.parametrize(("stem", "case"), CASES)
def test_a_payload_becomes_what_the_file_says(stem, case):
    found = read(FILES[stem], case)
    if "problem" in case:
        assert isinstance(found, Problem), found
        assert found.code == case["problem"]
        return
    assert isinstance(found, list), found
    assert len(found) == len(case["expected"])
    for one, wanted in zip(found, case["expected"], strict=True):
        check(one, wanted)


def test_there_is_a_file_for_every_tool_we_claim_to_understand():
    pages = {path.stem for path in detectors.PAGES.glob("*.md")}
    named = {document["page"] for document in FILES.values() if "page" in document}
    assert named <= pages
    assert {"kentik", "sightline", "cloudflare", "ntopng", "wanguard", "akvorado"} <= named
