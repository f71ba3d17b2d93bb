"""A mitigation that no router can be told is an alert, after the news of its beginning."""

from collections.abc import Callable

import pytest

from prefixd.daemon.inexpressible_alert import InexpressibleAlert
from prefixd.domain.actor import SYSTEM
from prefixd.domain.news import (
    MitigationActivated,
    MitigationEscalated,
    MitigationExtended,
    MitigationRejected,
    News,
)
from tests.kit.builders import NOW_US, a_mitigation

ROW = a_mitigation()
ACTIVATED = MitigationActivated(at_us=NOW_US, mitigation=ROW, actor=SYSTEM, text="")
ESCALATED = MitigationEscalated(
    at_us=NOW_US, mitigation=ROW, actor=SYSTEM, old_rule=ROW.rule, text=""
)
EXTENDED = MitigationExtended(at_us=NOW_US, mitigation=ROW, actor=SYSTEM, old_expires_at_us=NOW_US)


class Room:
    def __init__(self, **why: str) -> None:
        self.told: list[News] = []
        self.later: list[Callable[[], None]] = []
        self.alert = InexpressibleAlert(why.get, self.told.extend, self.later.append)


@pytest.mark.parametrize("item", [ACTIVATED, ESCALATED])
def test_it_is_told_after_what_is_being_told_now(item: News) -> None:
    room = Room(**{ROW.mitigation_id: "IPv6 packets have no don't-fragment bit"})
    room.alert.on_news(item)
    assert room.told == []
    (later,) = room.later
    later()
    (failed,) = room.told
    assert failed == MitigationRejected(
        at_us=NOW_US, mitigation=ROW, text="IPv6 packets have no don't-fragment bit"
    )


def test_an_extension_says_nothing_new_about_it() -> None:
    room = Room(**{ROW.mitigation_id: "no word for it"})
    room.alert.on_news(EXTENDED)
    assert room.later == []


def test_what_routers_can_be_told_is_no_news() -> None:
    room = Room(other="no word for it")
    room.alert.on_news(ACTIVATED)
    assert room.later == []
