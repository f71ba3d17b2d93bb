"""After a conflict: read again what showed itself to be other than pictured.

A conflict means that a row had moved on: another instance wrote it, or a commit of ours was stored
although its answer was lost. The picture is made true again from the store, row by row and only
where the turn looked, and the verbs can then be asked once more.
"""

from collections.abc import Callable

from prefixd.domain.mitigation import LIVE, Mitigation
from prefixd.domain.page import PAGE_MAX, MitigationFilter, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.signal import SignalKind
from prefixd.engine.episodes import known_from
from prefixd.engine.live_state import Picture
from prefixd.engine.turn import Turn
from prefixd.store.store import Store

Adopt = Callable[[Mitigation], bool]
"""Takes a row over into the picture, with all that follows from it."""


async def reread(store: Store, picture: Picture, pop: str, turn: Turn, adopt: Adopt) -> None:
    """Everything the turn may have been wrong about."""
    await _episodes(store, picture, pop, turn)
    if turn.victim is not None:
        await _victim(store, picture, pop, turn.victim, adopt)
    for mitigation_id in turn.mitigations:
        if (stored := await store.mitigations.get(mitigation_id)) is not None:
            adopt(stored)
    for group_id in turn.groups:
        if (held := await store.groups.get(group_id)) is not None:
            picture.put_group(held)


async def count_elsewhere(store: Store, picture: Picture, pop: str) -> None:
    """Count the live rows of other POPs, which limits over all POPs include."""
    live = await store.mitigations.live_elsewhere(pop)
    picture.elsewhere.total = sum(live.values())
    picture.elsewhere.by_customer = {
        customer: count for customer, count in live.items() if customer is not None
    }


async def _episodes(store: Store, picture: Picture, pop: str, turn: Turn) -> None:
    for source, external_id in turn.episodes:
        rows = [
            row
            for kind in SignalKind
            if (row := await store.signals.latest(source, external_id, kind)) is not None
        ]
        for known in known_from(rows, pop).values():
            picture.put_episode(known)


async def _victim(store: Store, picture: Picture, pop: str, victim: Prefix, adopt: Adopt) -> None:
    everything = PageRequest(limit=PAGE_MAX)
    statuses = frozenset(status.value for status in LIVE)
    rows = MitigationFilter(victim=victim, pop=pop, statuses=statuses)
    for row in (await store.mitigations.page(rows, everything)).items:
        adopt(row)
    for group in await store.groups.live_of(pop, victim):
        picture.put_group(group)
