"""New settings take over at once, or not at all.

What arrives here was read and validated as a whole. The audit row is saved first: when the store is
away the reload is refused and everything is as before. Then one assignment makes the new bundle the
one in force; decisions under way finish with the one they began with. After that everything live is
looked at in its light: rules the safelist now covers go, groups that now agree act, and the wire is
compared with the store.

Dry-run rows never turn into real ones. When the mode becomes `enforced` they end, so that the next
report makes a real rule where one is still wanted.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from prefixd.decision.manual import sweep
from prefixd.domain.actor import SYSTEM, Actor
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import ConfigReloaded, WithdrawReason
from prefixd.engine.answers import ReloadAnswer
from prefixd.engine.due_heap import Due
from prefixd.engine.manual import withdraw_one
from prefixd.engine.reconcile import Reconciler
from prefixd.engine.settings import Snapshot, with_safelist
from prefixd.engine.turn import Turn
from prefixd.engine.turns import Core
from prefixd.guardrails.facts import Facts


async def reload(
    core: Core,
    reconciler: Reconciler,
    snapshot: Snapshot,
    changes: Sequence[str],
    actor: Actor,
) -> ReloadAnswer:
    """`changes` is the redacted difference, one line each. Raises StoreUnavailable, having changed
    nothing. The POP is not ours to change: that is another daemon."""
    assert snapshot.pop == core.snapshot.pop, "a POP is changed by a restart"
    stored = await core.store.safelist.all()
    await core.ask(None, partial(_note, snapshot, tuple(changes), actor))
    core.snapshot = with_safelist(snapshot, stored)
    await sweep_safelist(core)
    if not snapshot.dry_run:
        await end_dry_run_rows(core)
    now_us = core.time.now_us()
    for group_id in core.live.groups:
        core.live.looks[group_id] = now_us
        core.due.schedule((Due.GROUP, group_id), now_us)
    await reconciler.run(expect_drift=True)
    return ReloadAnswer(changed=tuple(changes), loaded_at_us=snapshot.loaded_at_us)


def _note(snapshot: Snapshot, changes: tuple[str, ...], actor: Actor, turn: Turn) -> None:
    turn.audit(actor, "reload", "config", str(snapshot.version), changes=list(changes) or None)
    turn.news.append(
        ConfigReloaded(at_us=turn.now_us, version=snapshot.version, actor=actor, changes=changes)
    )


async def sweep_safelist(core: Core) -> list[str]:
    """Withdraw what the safelist or a protected flow forbids by now; the ids of those."""
    facts = Facts(safelist=core.snapshot.safelist)
    forbidden = sweep(
        tuple(core.live.mitigations.values()), facts, core.snapshot.rules, core.time.now_us()
    )
    reasons = {found.mitigation_id: found.sentence for found in forbidden}
    return await _end(
        core,
        [core.live.mitigations[mitigation_id] for mitigation_id in reasons],
        WithdrawReason.SAFELIST,
        lambda row: reasons[row.mitigation_id],
    )


async def end_dry_run_rows(core: Core) -> list[str]:
    return await _end(
        core,
        [row for row in core.live.mitigations.values() if row.dry_run],
        WithdrawReason.CONFIG,
        lambda row: "the dry run is over; the next report makes a real rule",
    )


async def _end(
    core: Core,
    rows: Sequence[Mitigation],
    cause: WithdrawReason,
    why: Callable[[Mitigation], str],
) -> list[str]:
    """By the system, each in its victim's line."""
    answers = [
        core.ask(row.victim, partial(withdraw_one, row, why(row), SYSTEM, cause), patient=False)
        for row in rows
    ]
    await asyncio.gather(*answers)
    return [row.mitigation_id for row in rows]
