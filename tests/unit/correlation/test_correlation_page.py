"""docs/correlation.md states numbers; they are computed here from the page itself."""

import re
from pathlib import Path

import pytest

from prefixd.correlation.assess import assess
from prefixd.correlation.settings import (
    ClearPolicy,
    Combine,
    CorrelationSettings,
)
from prefixd.domain.group import GroupState
from prefixd.replay.events import parse_events
from tests.kit.signals import T0, a_group, an_evidence, settings_with

PAGE = (Path(__file__).parents[3] / "docs" / "correlation.md").read_text()
ROWS = re.findall(r"^\| ((?:three|\().*?) \| (0\.\d{4}) \| (0\.\d{4}) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("text", "legacy", "noisy"), ROWS, ids=[row[0] for row in ROWS])
def test_the_table_of_confidences(text, legacy, noisy):
    pairs = re.findall(r"\((none|[0-9.]+), ([0-9.]+)\)", text)
    evidence = []
    for index, (confidence, weight) in enumerate(pairs):
        value = None if confidence == "none" else float(confidence)
        copies = 3 if index == 0 and text.startswith("three") else 1
        age = 300 if index == 0 and "300 s old" in text else 0
        evidence += [
            an_evidence(f"s{index}", value, float(weight), age=age, external_id=f"{index}-{n}")
            for n in range(copies)
        ]
    half_life_s = 300 if "half-life" in text else 0
    for combine, expected in (
        (Combine.WEIGHTED_MEAN_LEGACY, legacy),
        (Combine.NOISY_OR, noisy),
    ):
        settings = settings_with(combine=combine, half_life_s=half_life_s)
        found = assess(a_group(*evidence), settings, (), T0).confidence
        assert f"{found:.4f}" == expected


def test_the_page_names_every_state_formula_and_policy():
    assert len(ROWS) == 7
    for word in (*GroupState, *Combine, *ClearPolicy):
        assert f"`{word}`" in PAGE


def test_the_defaults_it_states():
    defaults = CorrelationSettings()
    assert defaults.transport_retry_s == 10
    assert defaults.clear_policy is ClearPolicy.ALL
    assert defaults.combine is Combine.NOISY_OR


def test_the_recorded_line_it_prints_replays():
    (line,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    events, problems = parse_events(line.splitlines())
    assert problems == []
    assert events[0].adapter == "fastnetmon"
