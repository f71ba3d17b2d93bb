"""What an operator can choose about the engine itself: whose rows, how patient, how much at once.

Policy (playbooks, limits, correlation) has its own settings in its own packages; here are only the
numbers of the machine that applies it. Every bound names what happens when it is reached.

`Snapshot` is all settings in force as one frozen bundle. A decision takes the bundle once and uses
nothing else, so it never sees half of a reload. A reload builds a new bundle and swaps it in one
assignment. The safelist is part of it: entries from the configuration and the infrastructure come
with the files, those made by people come from the store, and a change of either is a new bundle.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

from prefixd.decision.inputs import Rules
from prefixd.domain.safelist import EntrySource, Safelist, SafelistEntry
from prefixd.setting import (
    Doc,
    In,
    Live,
    Named,
    Number,
    Positive,
    PositiveNumber,
    Share,
)


class Mode(StrEnum):
    DRY_RUN = "dry-run"
    """Everything is decided, stored and shown; rows are marked and never reach a router."""
    ENFORCED = "enforced"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Bounds of the machine; the defaults suit most."""

    pop: str
    """The site this instance speaks for. It announces, expires and reconciles only rows of it."""
    mode: Mode = Mode.DRY_RUN

    answer_wait_s: Annotated[
        PositiveNumber, Doc("A report that waits longer is answered `queued`.")
    ] = 2.0
    """Such a report is stored, and decided when its turn comes or after a restart."""
    victim_queue_limit: Annotated[
        Positive, Doc("Reports waiting for one victim; one more is answered 503.")
    ] = 256
    total_queue_limit: Annotated[
        Positive, Doc("Reports waiting in all; one more is answered 503.")
    ] = 10_000
    victim_batch_limit: Annotated[Positive, Doc("Reports of one victim decided at a time.")] = 64

    reconcile_interval_s: Annotated[
        float,
        Number(1, 86_400),
        Named("reconciliation_interval_seconds"),
        Doc("How often what routers hold is compared with what they should."),
        In("timers"),
        Live.RESTART,
    ] = 30.0
    reconcile_batch: Annotated[Positive, Doc("Rules compared before other work has its turn.")] = (
        1000
    )
    withdraw_guard_count: Annotated[
        int,
        Doc(
            "A reconcile that would withdraw more rules than this, and more than the share below, "
            "because rows cannot be read, withdraws none."
        ),
    ] = 10
    """An empty table is more often a fault than what an operator wants."""
    withdraw_guard_share: Annotated[Share, Doc("See withdraw_guard_count.")] = 0.5
    store_retry_s: Annotated[PositiveNumber, Doc("Pause while the database is unreachable.")] = 1.0
    held_retry_s: Annotated[
        PositiveNumber, Doc("How often a group without room is looked at again.")
    ] = 30.0
    signal_horizon_s: Annotated[
        Positive, Doc("Episodes kept in memory after their last report.")
    ] = 900
    """At least the episode idle time."""
    episode_memory_limit: Annotated[Positive, Doc("Episodes kept in memory.")] = 200_000
    """Older ones are read from the store when their id comes again."""
    subscriber_queue_limit: Annotated[
        Positive,
        Doc("News waiting for one subscriber; beyond it it must fetch everything again."),
    ] = 1024
    drain_timeout_s: Annotated[
        float, Number(0, 3600), Doc("Longest time to finish what was begun."), In("shutdown")
    ] = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`config_entries` are the safelist entries of the files and of the infrastructure they name;
    `own_entries` those of the addresses that this host and its sessions have now.

    `safelist` None means that the stored entries cannot be read, and then nothing new may be
    mitigated; the engine fills it when it starts. `rules.pop` and `rules.dry_run` say the same as
    `settings`: the code that builds the bundle ensures that.
    """

    settings: EngineSettings
    rules: Rules
    config_entries: tuple[SafelistEntry, ...] = ()
    own_entries: tuple[SafelistEntry, ...] = ()
    safelist: Safelist | None = None
    loaded_at_us: int = 0

    @property
    def pop(self) -> str:
        return self.settings.pop

    @property
    def dry_run(self) -> bool:
        return self.settings.mode is Mode.DRY_RUN

    @property
    def version(self) -> int:
        return self.rules.config_version


def with_safelist(snapshot: Snapshot, stored: Iterable[SafelistEntry] | None) -> Snapshot:
    """The bundle with the stored entries of people beside those of the files."""
    if stored is None:
        return replace(snapshot, safelist=None)
    people = (entry for entry in stored if entry.source is EntrySource.API)
    named = {entry.prefix for entry in snapshot.config_entries}
    own = (entry for entry in snapshot.own_entries if entry.prefix not in named)
    return replace(snapshot, safelist=Safelist((*snapshot.config_entries, *own, *people)))
