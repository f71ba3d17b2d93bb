"""ROUTE-REFRESH as an acknowledgement: asked rarely, believed only when answered."""

from prefixd.bgp.rib.refresh_probe import ProbeSettings, RefreshProbe


def a_fence(**changes: object) -> RefreshProbe:
    return RefreshProbe(ProbeSettings(**changes), usable=True)  # type: ignore[arg-type]  # builder


def test_an_answer_proves_what_was_written_before_the_question() -> None:
    fence = a_fence()
    assert fence.works is None
    assert fence.ask(5, 100.0)
    assert not fence.ask(7, 100.1)  # one question at a time
    assert fence.answered(100.25) == 0.25
    assert (fence.proven, fence.works) == (5, True)
    assert fence.answered(100.3) is None  # a refresh of the peer's own


def test_not_more_often_than_the_interval() -> None:
    fence = a_fence(interval_s=2.0)
    assert fence.ask(5, 100.0)
    fence.answered(100.1)
    assert fence.due_at(5, 100.2) is None  # nothing new to prove
    assert not fence.ask(6, 101.0)
    assert fence.due_at(6, 101.0) == 102.0
    assert fence.ask(6, 102.0)


def test_silence_teaches_not_to_ask() -> None:
    fence = a_fence(timeout_s=10.0, patience=2)
    assert fence.ask(1, 100.0)
    assert fence.due_at(1, 105.0) == 110.0
    assert fence.ask(1, 110.0)
    assert not fence.ask(1, 120.0)
    assert fence.works is False
    assert fence.due_at(9, 130.0) is None


def test_a_peer_that_cannot_answer_is_never_asked() -> None:
    for fence in (a_fence(wanted=False), RefreshProbe(ProbeSettings(), usable=False)):
        assert not fence.ask(1, 100.0)
        assert fence.works is False


def test_nothing_written_nothing_asked() -> None:
    assert not a_fence().ask(0, 100.0)
