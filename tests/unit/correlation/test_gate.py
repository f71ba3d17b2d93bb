"""One gate for all paths."""

import pytest

from prefixd.correlation.gate import Admitted, Aside, SetAside, admit
from prefixd.correlation.settings import (
    Dimension,
    SourceMode,
    SourceSettings,
    UnknownSources,
)
from prefixd.domain.group import EvidenceRole
from prefixd.domain.problem import Problem
from prefixd.domain.signal import Direction
from tests.kit.signals import a_signal, settings_with

EDGE = SourceSettings(mode=SourceMode.CORROBORATING, match_dimensions=(Dimension.POP,))


@pytest.mark.parametrize("adapter", ["native", "alertmanager", "fastnetmon", "webhook"])
def test_w49_s28_a_corroborating_source_speaks_as_primary_on_no_path(adapter):
    found = admit(a_signal("edge", adapter=adapter), settings_with({"edge": EDGE}))
    assert isinstance(found, Problem)
    assert found.code == "corroborating_source"


def test_a_split_of_a_corroborating_source_is_one_too():
    found = admit(a_signal("edge/a"), settings_with({"edge": EDGE}))
    assert isinstance(found, Problem)


def test_outgoing_attacks_are_set_aside():
    found = admit(a_signal(direction=Direction.OUTGOING), settings_with())
    assert found == SetAside(Aside.OUTGOING)


def test_what_is_too_old_is_set_aside():
    assert admit(a_signal(stale=True), settings_with()) == SetAside(Aside.STALE)


@pytest.mark.parametrize("source", ["newbox", "newbox/site-a"])
def test_what_a_source_on_trial_reports_is_set_aside(source):
    settings = settings_with({"newbox": SourceSettings(on_trial=True)})
    assert admit(a_signal(source), settings) == SetAside(Aside.TRIAL)
    assert isinstance(admit(a_signal("another"), settings), Admitted)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (UnknownSources.ALLOW, Admitted(EvidenceRole.PRIMARY)),
        (UnknownSources.CORROBORATING_ONLY, Admitted(EvidenceRole.CORROBORATING)),
    ],
)
def test_unknown_sources_do_what_the_file_says(rule, expected):
    assert admit(a_signal("new"), settings_with(unknown_sources=rule)) == expected


def test_unknown_sources_may_be_rejected():
    settings = settings_with({"known": SourceSettings()}, unknown_sources=UnknownSources.REJECT)
    assert isinstance(admit(a_signal("new"), settings), Problem)
    assert isinstance(admit(a_signal("known"), settings), Admitted)
