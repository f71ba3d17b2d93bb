"""News reaches every subscriber, and a slow one loses its backlog without holding up the others."""

from prefixd.domain.news import News, SystemStopping
from prefixd.engine.bus import TAIL, Bus, Gap, Numbered


def news(number: int) -> News:
    return SystemStopping(at_us=number)


async def test_subscribers_and_listeners_get_every_item_in_order_and_numbered() -> None:
    bus = Bus(queue_limit=10)
    listened: list[News] = []
    bus.listen(listened.append)
    subscription = bus.subscribe()
    bus.publish([news(1), news(2)])
    assert listened == [news(1), news(2)]
    assert await subscription.next() == Numbered(1, news(1))
    assert await subscription.next() == Numbered(2, news(2))


async def test_a_full_queue_is_dropped_and_announced_as_a_gap() -> None:
    bus = Bus(queue_limit=2)
    slow, fast = bus.subscribe(), bus.subscribe()
    for number in (1, 2, 3):
        bus.publish([news(number)])
        item = await fast.next()
        assert isinstance(item, Numbered)
        assert item.number == number
    assert await slow.next() == Gap(3)
    assert await slow.next() == Numbered(3, news(3))
    assert (slow.dropped, fast.dropped) == (2, 0)


async def test_a_subscriber_resumes_after_the_number_it_stopped_at() -> None:
    bus = Bus(queue_limit=10)
    bus.publish([news(1), news(2), news(3)])
    resumed = bus.subscribe(after=1)
    assert await resumed.next() == Numbered(2, news(2))
    assert await resumed.next() == Numbered(3, news(3))
    up_to_date = bus.subscribe(after=3)
    bus.publish([news(4)])
    assert await up_to_date.next() == Numbered(4, news(4))


async def test_a_number_that_is_too_old_or_unknown_is_a_gap() -> None:
    bus = Bus(queue_limit=TAIL * 2)
    bus.publish([news(number) for number in range(TAIL + 2)])
    assert await bus.subscribe(after=1).next() == Gap(TAIL + 3)
    assert await bus.subscribe(after=bus.number + 1).next() == Gap(TAIL + 3)
    oldest = await bus.subscribe(after=2).next()
    assert isinstance(oldest, Numbered)
    assert oldest.number == 3


async def test_a_closed_subscription_ends_and_is_forgotten() -> None:
    bus = Bus(queue_limit=10)
    one, other = bus.subscribe(), bus.subscribe()
    one.close()
    assert bus.subscribers == 1
    assert await one.next() is None
    bus.close()
    assert bus.subscribers == 0
    assert await other.next() is None
