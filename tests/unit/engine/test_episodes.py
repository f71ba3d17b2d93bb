"""What is remembered of an alert, from its stored rows and in memory."""

from prefixd.domain.group import EvidenceState
from prefixd.domain.signal import SignalKind
from prefixd.engine.episodes import RecentEpisodes, body_hash, known_from
from tests.kit.builders import POP, SECOND, a_signal
from tests.kit.rows import T0_US, a_record

KEY = ("flowmon-a", "det-42")


def record(number: int, at_s: int = 0, kind: SignalKind = SignalKind.FIRING, pop: str = POP):  # type: ignore[no-untyped-def]  # as in the kit
    return a_record(
        signal=a_signal(kind=kind), episode=number, pop=pop, last_seen_us=T0_US + at_s * SECOND
    )


def test_the_latest_episode_counts_whatever_the_order_of_the_rows() -> None:
    old, new = record(1, 50), record(2, 10)
    for rows in ([old, new], [new, old]):
        known = known_from(rows, POP)[KEY]
        assert known.episode.number == 2
        assert known.episode.state is EvidenceState.FIRING


def test_an_all_clear_ends_the_episode_and_keeps_the_row_that_fired() -> None:
    fired, cleared = record(1), record(1, 10, SignalKind.CLEARED)
    known = known_from([cleared, fired], POP)[KEY]
    assert known.episode.state is EvidenceState.CLEARED
    assert known.record == fired


def test_an_episode_of_another_pop_counts_as_ended_here() -> None:
    known = known_from([record(3, pop="elsewhere1")], POP)[KEY]
    assert (known.episode.number, known.episode.state) == (3, EvidenceState.CLEARED)


def test_memory_drops_the_alert_that_was_reported_longest_ago() -> None:
    recent = RecentEpisodes(limit=2)
    known = {
        name: next(
            iter(
                known_from(
                    [
                        a_record(
                            signal=a_signal(external_id=name),
                            last_seen_us=T0_US + at_s * SECOND,
                        )
                    ],
                    POP,
                ).values()
            )
        )
        for name, at_s in (("a", 1), ("b", 2), ("c", 3))
    }
    recent.put(known["a"])
    recent.put(known["b"])
    recent.put(known["a"])  # reported again
    recent.put(known["c"])
    assert recent.get(("flowmon-a", "b")) is None
    assert recent.get(("flowmon-a", "a")) is not None
    recent.shift(10 * SECOND)
    moved = recent.get(("flowmon-a", "c"))
    assert moved is not None
    assert moved.episode.last_seen_us == T0_US + 13 * SECOND
    assert moved.record.last_seen_us == T0_US + 13 * SECOND
    recent.forget_before(T0_US + 12 * SECOND)
    assert recent.get(("flowmon-a", "a")) is None
    assert recent.get(("flowmon-a", "c")) is not None


def test_two_messages_are_the_same_when_all_but_their_arrival_is() -> None:
    one = a_signal(raw="")
    assert body_hash(one) == body_hash(a_signal(raw="", received_at_us=one.received_at_us + 1))
    assert body_hash(one) != body_hash(a_signal(raw="", bps=1))
    assert body_hash(a_signal(raw="x")) == body_hash(a_signal(raw="x", bps=1))
