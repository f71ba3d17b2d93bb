"""Who should speak and does not, told once, and once when it is over."""

import pytest

from prefixd.signals.liveness import Liveness, Recovered, Silent


def expecting(**every_s: float) -> Liveness:
    liveness = Liveness()
    liveness.expect(every_s, now=0.0)
    return liveness


def test_silence_is_reported_once_when_it_is_long_enough():
    liveness = expecting(box=60)
    liveness.reported("box", now=10.0, at_us=7)
    assert liveness.changes(69.9) == []
    assert liveness.changes(70.0) == [Silent("box", 7)]
    assert liveness.changes(500.0) == []


def test_a_source_without_a_report_is_silent_since_the_start():
    assert expecting(box=60).changes(60.0) == [Silent("box", None)]


def test_the_first_report_ends_it_and_a_second_silence_is_reported_again():
    liveness = expecting(box=60)
    assert liveness.changes(60.0) == [Silent("box", None)]
    liveness.reported("box", now=90.0, at_us=90)
    assert liveness.changes(90.0) == [Recovered("box")]
    assert liveness.changes(149.0) == []
    assert liveness.changes(150.0) == [Silent("box", 90)]


@pytest.mark.parametrize(("voice", "heard"), [("box", True), ("box/edge", True), ("boxer", False)])
def test_a_report_of_a_part_counts_for_its_source(voice, heard):
    liveness = expecting(box=60)
    liveness.reported(voice, now=59.0, at_us=1)
    assert (liveness.changes(60.0) == []) is heard


def test_a_source_that_is_not_expected_may_be_silent():
    liveness = expecting()
    liveness.reported("box", now=1.0, at_us=1)
    assert not liveness
    assert liveness.changes(1e9) == []


def test_new_expectations_keep_what_is_known_of_those_that_stay():
    liveness = expecting(box=60, other=60)
    liveness.reported("box", now=50.0, at_us=50)
    liveness.expect({"box": 30, "fresh": 30}, now=55.0)
    assert liveness.changes(79.0) == []
    assert liveness.changes(80.0) == [Silent("box", 50)]
    assert liveness.changes(85.0) == [Silent("fresh", None)]


def test_a_silent_source_that_is_no_longer_expected_leaves_no_open_alert():
    liveness = expecting(box=60, other=60)
    assert len(liveness.changes(60.0)) == 2
    liveness.expect({"other": 60}, now=61.0)
    assert liveness.changes(61.0) == [Recovered("box")]
    assert liveness.changes(61.0) == []
