"""New settings take over at once, or not at all.

What arrives here was read and validated as a whole. The audit row is saved first: when the database
is unreachable the reload is refused and everything is as before. Then one assignment makes the new
bundle the one in force; decisions under way finish with the one they began with. After that what is
live is looked at again, as far as the change concerns it: rules that the safelist now covers are
withdrawn, groups whose playbook or owner changed are decided again, and the RIB is compared with
the store. What concerns no decision (a log level, a timeout) decides nothing.

Dry-run rows never turn into real ones. When the mode becomes `enforced` they end, so that the next
report makes a real rule where one is still wanted.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from msgspec import structs

from prefixd.decision.inputs import Rules, playbook_for
from prefixd.decision.manual import sweep
from prefixd.domain.actor import SYSTEM, Actor
from prefixd.domain.group import Group
from prefixd.domain.mitigation import Mitigation
from prefixd.domain.news import ConfigReloaded, WithdrawReason
from prefixd.domain.safelist import SafelistEntry
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
    nothing. The POP cannot change: that is another daemon."""
    assert snapshot.pop == core.snapshot.pop, "a POP is changed by a restart"
    listed = _entries(core.snapshot) != _entries(snapshot) or not core.safelist_ok
    stored = await core.store.safelist.all() if listed else ()
    await core.ask(None, partial(_note, snapshot, tuple(changes), actor))
    old = core.snapshot
    if not listed and old.safelist is not None:
        stored = old.safelist.entries
    core.snapshot = with_safelist(replace(snapshot, own_entries=old.own_entries), stored)
    if listed or old.rules.limits != snapshot.rules.limits:
        await sweep_safelist(core)
    if old.dry_run and not snapshot.dry_run:
        await end_dry_run_rows(core)
    now_us = core.time.now_us()
    for group_id, group in core.live.groups.items():
        if listed or _concerns(old.rules, snapshot.rules, group, now_us):
            core.live.looks[group_id] = now_us
            core.due.schedule((Due.GROUP, group_id), now_us)
    if listed or _differs(old.rules, snapshot.rules):
        await reconciler.run(expect_drift=True)
    return ReloadAnswer(changed=tuple(changes), loaded_at_us=snapshot.loaded_at_us)


def _entries(snapshot: Snapshot) -> set[SafelistEntry]:
    """Those of the files, whenever they were read."""
    return {structs.replace(entry, added_at_us=0) for entry in snapshot.config_entries}


def _differs(old: Rules, new: Rules) -> bool:
    """Whether any decision may come out differently."""
    return (
        _differs_everywhere(old, new)
        or old.policy.playbooks != new.policy.playbooks
        or old.inventory.customers != new.inventory.customers
    )


def _differs_everywhere(old: Rules, new: Rules) -> bool:
    return (
        old.correlation != new.correlation
        or old.limits != new.limits
        or old.dry_run != new.dry_run
        or replace(old.policy, playbooks=()) != replace(new.policy, playbooks=())
    )


def _concerns(old: Rules, new: Rules, group: Group, now_us: int) -> bool:
    """A playbook concerns the groups it answers, or used to; a customer those of its addresses."""
    if not _differs(old, new):
        return False
    if _differs_everywhere(old, new):
        return True
    before, after = old.inventory.find(group.victim), new.inventory.find(group.victim)
    if before is None or after is None:
        return before is not after
    return before != after or (
        playbook_for(group, before, old, now_us) != playbook_for(group, after, new, now_us)
    )


def _note(snapshot: Snapshot, changes: tuple[str, ...], actor: Actor, turn: Turn) -> None:
    turn.audit(actor, "reload", "config", str(snapshot.version), changes=list(changes) or None)
    turn.news.append(
        ConfigReloaded(at_us=turn.now_us, version=snapshot.version, actor=actor, changes=changes)
    )


async def protect_own(core: Core, entries: tuple[SafelistEntry, ...]) -> list[str]:
    """Our own addresses have changed: no rule may touch these from now on. The ids of those that
    did and were withdrawn."""
    snapshot = replace(core.snapshot, own_entries=entries)
    known = None if snapshot.safelist is None else snapshot.safelist.entries
    core.snapshot = with_safelist(snapshot, known)
    return await sweep_safelist(core)


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
    """By the system, each in its victim's queue."""
    answers = [
        core.ask(row.victim, partial(withdraw_one, row, why(row), SYSTEM, cause), patient=False)
        for row in rows
    ]
    await asyncio.gather(*answers)
    return [row.mitigation_id for row in rows]
