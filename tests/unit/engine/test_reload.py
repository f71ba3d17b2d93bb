"""A reload decides anew only what the new settings concern."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from prefixd.domain.inventory import Inventory
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.domain.vector import Vector
from prefixd.engine import ingest
from prefixd.engine.settings import Snapshot
from prefixd.policy.playbook import Playbook
from tests.kit.builders import (
    NOW_US,
    a_customer,
    a_discard_step,
    a_playbook,
    a_police_step,
    a_prefix,
    an_inventory,
    some_rules,
)
from tests.kit.engine import (
    ALICE,
    WIDE_OPEN,
    House,
    a_snapshot,
    an_engine,
    wide_inventory,
)

UDP = a_playbook("udp", Vector.UDP_FLOOD, steps=[a_police_step()])
SYN = a_playbook("syn", Vector.SYN_FLOOD, steps=[a_police_step()])


def settings(*playbooks: Playbook, inventory: Inventory | None = None, **changes: Any) -> Snapshot:
    """New values every time, as a reload makes them, and a new version."""
    rules = some_rules(
        *(playbooks or (UDP, SYN)),
        limits=changes.pop("limits", WIDE_OPEN),
        inventory=inventory or wide_inventory(),
        config_version=changes.pop("version", 1),
    )
    return a_snapshot(rules, **changes)


@dataclass
class Counts:
    victims_decided: list[str]
    safelist_reads: int = 0
    turns: int = 0


@contextmanager
def counted(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counts]:
    counts = Counts([])
    decide, read, begin = ingest.decide, house.store.safelist.all, house.engine._core.begin

    def counting_decide(group: Any, *others: Any) -> Any:
        counts.victims_decided.append(group.victim.victim_text())
        return decide(group, *others)

    async def counting_read() -> Any:
        counts.safelist_reads += 1
        return await read()

    def counting_begin(victim: Any) -> Any:
        counts.turns += victim is not None
        return begin(victim)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "decide", counting_decide)
        patch.setattr(house.store.safelist, "all", counting_read)
        patch.setattr(house.engine._core, "begin", counting_begin)
        yield counts


async def under_attack(house: House) -> None:
    await house.report(victim="10.0.0.1", external_id="1")
    await house.report(victim="10.0.0.2", external_id="2", vector=Vector.SYN_FLOOD)
    await house.report(victim="10.0.0.3", external_id="3", vector=Vector.ICMP_FLOOD)
    assert len(house.announcer.rules) == 2


async def reloaded(house: House, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> Counts:
    with counted(house, monkeypatch) as counts:
        await house.engine.reload(snapshot, ALICE, ("something",))
        await house.settle()
    return counts


async def test_settings_that_concern_no_decision_decide_nothing_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with an_engine(settings()) as house:
        await under_attack(house)
        counts = await reloaded(house, settings(version=2, answer_wait_s=5.0), monkeypatch)
        assert counts == Counts([])
        assert house.engine.snapshot.version == 2
        assert "reload" in await house.audit_actions()


async def test_a_changed_playbook_decides_only_the_groups_it_concerns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harder = replace(UDP, steps=(a_police_step(rate_bps=1_000_000), a_discard_step()))
    async with an_engine(settings()) as house:
        await under_attack(house)
        counts = await reloaded(house, settings(harder, SYN), monkeypatch)
        assert counts.victims_decided == ["10.0.0.1"]
        assert counts.safelist_reads == 0


async def test_a_new_playbook_concerns_the_group_that_had_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    icmp = a_playbook("icmp", Vector.ICMP_FLOOD, steps=[a_police_step()])
    async with an_engine(settings()) as house:
        await under_attack(house)
        counts = await reloaded(house, settings(UDP, SYN, icmp), monkeypatch)
        assert counts.victims_decided == ["10.0.0.3"]
        assert len(house.announcer.rules) == 3


async def test_a_customer_who_changes_concerns_only_that_customers_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = a_customer(prefixes=(a_prefix("10.0.0.0/31"),))
    other = a_customer(customer_id="other", prefixes=(a_prefix("10.0.0.2/31"),), services=())
    smaller = replace(other, max_active=1)
    async with an_engine(settings(inventory=an_inventory(ours, other))) as house:
        await under_attack(house)
        changed = settings(inventory=an_inventory(ours, smaller))
        counts = await reloaded(house, changed, monkeypatch)
        assert sorted(counts.victims_decided) == ["10.0.0.2", "10.0.0.3"]


async def test_limits_concern_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    async with an_engine(settings()) as house:
        await under_attack(house)
        changed = settings(limits=replace(WIDE_OPEN, max_ttl_s=900))
        counts = await reloaded(house, changed, monkeypatch)
        assert sorted(counts.victims_decided) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


async def test_entries_of_the_files_count_whenever_they_were_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def entry(at_us: int) -> SafelistEntry:
        return SafelistEntry(
            prefix=a_prefix("10.0.9.0/24"),
            source=EntrySource.CONFIG,
            added_at_us=at_us,
            added_by="config",
        )

    async with an_engine(settings(config_entries=(entry(NOW_US),))) as house:
        await under_attack(house)
        same = settings(config_entries=(entry(NOW_US + 1),))
        assert await reloaded(house, same, monkeypatch) == Counts([])
        assert len(house.engine.queries.safelist()) == 1
        gone = await reloaded(house, settings(), monkeypatch)
        assert gone.safelist_reads == 1
        assert house.engine.queries.safelist() == ()


def ours(address: str) -> SafelistEntry:
    return SafelistEntry(
        prefix=a_prefix(f"{address}/32"),
        source=EntrySource.INFRASTRUCTURE,
        added_at_us=NOW_US,
        added_by="prefixd",
        reason="our address on an interface",
    )


async def test_an_address_that_becomes_ours_is_no_victim_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with an_engine(settings()) as house:
        await under_attack(house)
        ended = await house.engine.protect_own((ours("10.0.0.1"), ours("10.0.0.9")))
        await house.settle()
        assert len(ended) == 1
        assert len(house.announcer.rules) == 1
        await house.report(victim="10.0.0.9", external_id="9")
        assert len(house.announcer.rules) == 1, "refused from the beginning"
        await reloaded(house, settings(version=2), monkeypatch)
        await house.report(victim="10.0.0.9", external_id="10")
        assert len(house.announcer.rules) == 1, "a reload forgets nothing of it"
        await house.engine.protect_own(())
        await house.report(victim="10.0.0.9", external_id="11")
        await house.settle()
        assert len(house.announcer.rules) == 2


async def test_an_address_named_in_the_files_is_listed_once() -> None:
    async with an_engine(settings(config_entries=(ours("10.0.0.9"),))) as house:
        await house.engine.protect_own((ours("10.0.0.9"), ours("10.0.0.8")))
        listed = [str(entry.prefix) for entry in house.engine.queries.safelist()]
        assert listed == ["10.0.0.8/32", "10.0.0.9/32"]
