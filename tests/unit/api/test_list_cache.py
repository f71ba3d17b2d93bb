"""A page is encoded once for all requests, and again when something changed."""

import asyncio

import pytest

from prefixd.api.list_cache import MAX_AGE_S, PAGES, ListCache


class Maker:
    def __init__(self) -> None:
        self.made = 0
        self.go = asyncio.Event()

    async def __call__(self) -> bytes:
        await self.go.wait()
        self.made += 1
        return b"page %d" % self.made


async def test_many_who_ask_at_once_cost_one_read() -> None:
    cache, maker = ListCache(), Maker()
    asking = [asyncio.create_task(cache.page("q", 1, 0.0, maker)) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    maker.go.set()
    answers = await asyncio.gather(*asking[1:])
    assert {page.reply.value for page in answers} == {b"page 1"}
    assert maker.made == 1, "a cancelled request does not cancel the others"


async def test_a_page_is_made_anew_when_something_changed_or_it_is_old() -> None:
    cache, maker = ListCache(), Maker()
    maker.go.set()
    first = await cache.page("q", 1, 0.0, maker)
    assert await cache.page("q", 1, MAX_AGE_S, maker) is first
    assert (await cache.page("q", 2, 0.0, maker)).reply.etag != first.reply.etag
    assert (await cache.page("q", 2, MAX_AGE_S + 0.1, maker)).reply.value == b"page 3"
    assert (await cache.page("other", 2, 0.0, maker)).reply.value == b"page 4"


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    cache, maker = ListCache(), Maker()

    async def fail() -> bytes:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            await cache.page("q", 1, 0.0, fail)
    maker.go.set()
    assert (await cache.page("q", 1, 0.0, maker)).reply.value == b"page 1"


async def test_memory_is_bounded() -> None:
    cache, maker = ListCache(), Maker()
    maker.go.set()
    for number in range(PAGES * 2):
        await cache.page(f"q{number}", 1, 0.0, maker)
    made = maker.made
    await cache.page("q0", 1, 0.0, maker)
    assert maker.made == made + 1, "the oldest was forgotten"
