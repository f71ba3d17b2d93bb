"""The live state from the store: what the engine knows before it answers the first request.

A row that cannot be read is reported and left out; it never keeps the others from being loaded. A
safelist that cannot be read is not "no safelist": until it can, nothing new is mitigated.
"""

import logging
from collections.abc import Sequence

from prefixd.domain.mitigation import Status
from prefixd.domain.page import PAGE_MAX, MitigationFilter, PageRequest, Unreadable
from prefixd.engine.episodes import known_from
from prefixd.engine.settings import with_safelist
from prefixd.engine.turns import Core
from prefixd.errors import StoreUnavailable

log = logging.getLogger(__name__)


async def load(core: Core) -> Sequence[Unreadable]:
    """The live rows that cannot be read; the rest is in the live state now. Raises StoreUnavailable
    when the rows cannot be had at all."""
    store, pop = core.store, core.snapshot.pop
    await load_safelist(core)
    live = await store.mitigations.live(pop)
    for unreadable in live.unreadable:
        log.error(
            "live row unreadable, not announced",
            extra={"mitigation_id": unreadable.id, "reason": unreadable.reason},
        )
    for row in sorted(live.rows, key=lambda row: (row.created_at_us, row.mitigation_id)):
        core.live.put(row)
    groups = await store.groups.live(pop)
    for unreadable in groups.unreadable:
        log.error(
            "group unreadable, its attack must be reported again",
            extra={"group_id": unreadable.id, "reason": unreadable.reason},
        )
    for group in groups.rows:
        core.live.put_group(group)
    await _load_signals(core)
    await _load_withdrawals(core)
    await core.refresh_elsewhere()
    return live.unreadable


async def load_safelist(core: Core) -> None:
    try:
        stored = await core.store.safelist.all()
    except StoreUnavailable as error:
        log.error("safelist unreadable: nothing new is mitigated", exc_info=error)
        core.snapshot = with_safelist(core.snapshot, None)
    else:
        core.snapshot = with_safelist(core.snapshot, stored)


async def _load_signals(core: Core) -> None:
    settings, now_us = core.snapshot.settings, core.time.now_us()
    horizon_s = max(settings.signal_horizon_s, core.snapshot.rules.correlation.episode_idle_s)
    since_us = now_us - horizon_s * 1_000_000
    pop = core.snapshot.pop
    recent = await core.store.signals.recent(pop, since_us, settings.episode_memory_limit)
    for known in known_from(recent, pop).values():
        core.live.episodes.put(known)
    for record in await core.store.corroborations.cached(pop, now_us):
        core.live.keep(record)


async def _load_withdrawals(core: Core) -> None:
    """What operators withdrew lately, so that a restart does not end a quiet period."""
    quiet_us = core.snapshot.rules.limits.quiet_period_after_withdraw_s * 1_000_000
    wanted = MitigationFilter(statuses=frozenset({Status.WITHDRAWN.value}), pop=core.snapshot.pop)
    page = await core.store.mitigations.page(wanted, PageRequest(limit=PAGE_MAX))
    since_us = core.time.now_us() - quiet_us
    for row in page.items:
        if row.withdrawn_at_us is not None and row.withdrawn_at_us >= since_us:
            core.live.put(row)
