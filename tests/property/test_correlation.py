"""What holds for every set of signals: order does not matter, agreement never hurts."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from prefixd.correlation.assess import assess
from prefixd.correlation.clear import advance, due_at
from prefixd.correlation.settings import Combine
from prefixd.correlation.window import join
from prefixd.domain.group import GroupState
from prefixd.domain.ids import SignalId
from prefixd.domain.signal import SignalKind
from tests.kit.signals import (
    OWNED,
    a_group_of,
    a_signal,
    an_evidence,
    at,
    settings_with,
)
from tests.kit.signals import a_group as group_of_evidence

SOURCES = st.sampled_from(["a", "b", "c"])
CONFIDENCE = st.none() | st.floats(0, 1, allow_nan=False)


@st.composite
def reports(draw):
    source = draw(SOURCES)
    return a_signal(
        source,
        after=draw(st.integers(0, 250)),
        external_id=f"{source}-{draw(st.integers(1, 2))}",
        confidence=draw(CONFIDENCE),
        bps=draw(st.none() | st.integers(0, 10**12)),
        kind=draw(st.sampled_from([SignalKind.FIRING] * 4 + [SignalKind.CLEARED])),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(reports(), min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_the_result_is_independent_of_the_order_of_processing(signals, order):
    opener = a_signal("z")
    numbered = [(SignalId(f"s{n}"), signal) for n, signal in enumerate(signals)]
    shuffled = list(numbered)
    order.shuffle(shuffled)

    def run(pairs):
        group = a_group_of(opener)
        for signal_id, signal in pairs:
            group = join(group, signal, signal_id, where=OWNED, settings=config)
        return group

    for combine in Combine:
        config = settings_with(combine=combine, half_life_s=120, min_sources=2)
        left, right = run(numbered), run(shuffled)
        assert left == right
        assert assess(left, config, (), at(300)) == assess(right, config, (), at(300))


WITNESS = st.tuples(st.floats(0, 1, allow_nan=False), st.floats(0, 10, allow_nan=False))


@settings(max_examples=150, deadline=None)
@given(st.lists(WITNESS, min_size=1, max_size=6), WITNESS)
def test_noisy_or_stays_within_bounds_and_agreement_never_lowers_it(held, new):
    evidence = [an_evidence(f"s{n}", c, w) for n, (c, w) in enumerate(held)]
    more = [*evidence, an_evidence("zz", *new)]
    config = settings_with()
    before = assess(group_of_evidence(*evidence), config, (), at(0)).confidence
    after = assess(group_of_evidence(*more), config, (), at(0)).confidence
    assert 0 <= before <= after + 1e-12 <= 1 + 1e-9


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([GroupState.OPEN, GroupState.MITIGATING, GroupState.CLEARING]),
    st.integers(0, 4000),
)
def test_a_group_changes_at_its_due_time_and_not_before(state, after):
    config = settings_with()
    since = at(30) if state is GroupState.CLEARING else None
    group = replace(a_group_of(a_signal()), state=state, clearing_since_us=since)
    due = due_at(group, config)
    assert due is not None
    now = min(at(after), due - 1)
    assert advance(group, config, now) == group
    assert advance(group, config, due) != group
