"""What counts towards a quota: committed rows, reservations, other POPs, and the last minute."""

from dataclasses import replace

from prefixd.domain.news import QuotaNear
from prefixd.engine.quotas import Quotas
from prefixd.guardrails.facts import Counts
from prefixd.guardrails.limits import Limits
from tests.kit.builders import NOW_US, SECOND, a_mitigation

OURS = a_mitigation(customer_id="ours")
MINUTE = 60 * SECOND
TEN = replace(Limits(), max_active_per_pop=10, max_active_global=20)


def filled(count: int) -> Quotas:
    quotas = Quotas()
    for _ in range(count):
        quotas.add(OURS)
    return quotas


def reported(quotas: Quotas) -> list[tuple[str, int, int]]:
    return [(item.quota, item.current, item.limit) for item in quotas.near(TEN, NOW_US)]


def test_committed_and_reserved_rows_count_and_a_reservation_is_given_back() -> None:
    quotas = filled(2)
    quotas.reserve(OURS)
    counts = quotas.counts("ours", NOW_US)
    assert counts == Counts(customer=3, pop=3, everywhere=3, new_last_minute=3, fullest_peer=3)
    quotas.give_back([OURS])
    quotas.remove(OURS)
    assert quotas.counts("ours", NOW_US) == Counts(
        customer=1, pop=1, everywhere=1, new_last_minute=2, fullest_peer=1
    )
    assert quotas.reserved == 0


def test_rows_of_other_pops_count_for_their_customer_and_globally_but_not_here() -> None:
    quotas = filled(1)
    quotas.set_elsewhere({"ours": 4, "other": 2, None: 1})
    counts = quotas.counts("ours", NOW_US)
    assert (counts.customer, counts.pop, counts.everywhere) == (5, 1, 8)
    assert quotas.counts("other", NOW_US).customer == 2
    assert quotas.counts(None, NOW_US).customer == 0


def test_a_row_is_new_for_exactly_a_minute() -> None:
    quotas = filled(1)
    assert quotas.counts("ours", OURS.created_at_us + MINUTE).new_last_minute == 1
    assert quotas.counts("ours", OURS.created_at_us + MINUTE + 1).new_last_minute == 0


def test_a_quota_is_reported_near_and_full_once_each_on_the_way_up() -> None:
    quotas = filled(7)
    assert reported(quotas) == []
    quotas.add(OURS)
    assert reported(quotas) == [("pop", 8, 10)]
    quotas.add(OURS)
    assert reported(quotas) == []
    quotas.add(OURS)
    assert reported(quotas) == [("pop", 10, 10)]
    quotas.add(OURS)
    assert reported(quotas) == []


def test_it_has_to_fall_clearly_below_before_it_is_reported_again() -> None:
    quotas = filled(8)
    assert reported(quotas) == [("pop", 8, 10)]
    quotas.remove(OURS)
    assert reported(quotas) == []
    quotas.add(OURS)
    assert reported(quotas) == []
    quotas.remove(OURS)
    quotas.remove(OURS)
    assert reported(quotas) == []
    quotas.add(OURS)
    quotas.add(OURS)
    assert reported(quotas) == [("pop", 8, 10)]


def test_the_global_quota_includes_other_pops_and_none_is_no_quota() -> None:
    quotas = filled(1)
    quotas.set_elsewhere({"other": 15})
    assert reported(quotas) == [("global", 16, 20)]
    unlimited = replace(TEN, max_active_per_pop=None, max_active_global=None)
    assert list(quotas.near(unlimited, NOW_US)) == []
    assert isinstance(next(quotas.near(TEN, NOW_US), None), QuotaNear)
