"""ROUTE-REFRESH as an acknowledgement: asked rarely, believed only when answered."""

from prefixd.bgp.rib.refresh_probe import ProbeSettings, RefreshProbe


def a_probe(**changes: object) -> RefreshProbe:
    return RefreshProbe(ProbeSettings(**changes), usable=True)  # type: ignore[arg-type]  # builder


def test_an_answer_proves_what_was_written_before_the_question() -> None:
    probe = a_probe()
    assert probe.works is None
    assert probe.ask(5, 6, 100.0)
    assert not probe.ask(7, 7, 100.1)  # one question at a time
    assert probe.answered(100.25) == 0.25
    assert (probe.proven, probe.works) == (6, True)
    assert probe.answered(100.3) is None  # a refresh of the peer's own


def test_not_more_often_than_the_interval() -> None:
    probe = a_probe(interval_s=2.0)
    assert probe.ask(5, 5, 100.0)
    probe.answered(100.1)
    assert probe.due_at(5, 100.2) is None  # nothing new to prove
    assert not probe.ask(6, 6, 101.0)
    assert probe.due_at(6, 101.0) == 102.0
    assert probe.ask(6, 6, 102.0)


def test_what_changes_nothing_is_not_asked_about() -> None:
    """The answer of the peer to its refresh: written, and the same as before."""
    probe = a_probe()
    assert probe.ask(5, 5, 100.0)
    probe.answered(100.1)
    assert probe.due_at(5, 200.0) is None
    assert not probe.ask(5, 60, 200.0)


def test_one_question_for_one_change_even_without_an_answer() -> None:
    probe = a_probe(timeout_s=10.0)
    assert probe.ask(1, 1, 100.0)
    assert probe.due_at(1, 1000.0) is None
    assert not probe.ask(1, 1, 1000.0)


def test_silence_teaches_not_to_ask() -> None:
    probe = a_probe(timeout_s=10.0, patience=2)
    assert probe.ask(1, 1, 100.0)
    assert probe.due_at(2, 105.0) == 110.0
    assert probe.ask(2, 2, 110.0)
    assert not probe.ask(3, 3, 120.0)
    assert probe.works is False
    assert probe.due_at(9, 130.0) is None


def test_a_late_answer_proves_no_more_than_was_asked() -> None:
    probe = a_probe(timeout_s=10.0)
    assert probe.ask(1, 1, 100.0)
    assert probe.ask(2, 2, 110.0)
    assert probe.answered(111.0) == 11.0
    assert probe.proven == 1
    assert probe.answered(112.0) == 2.0
    assert probe.proven == 2


def test_a_peer_that_cannot_answer_is_never_asked() -> None:
    for probe in (a_probe(wanted=False), RefreshProbe(ProbeSettings(), usable=False)):
        assert not probe.ask(1, 1, 100.0)
        assert probe.works is False


def test_nothing_written_nothing_asked() -> None:
    assert not a_probe().ask(0, 0, 100.0)
