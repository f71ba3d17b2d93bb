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

from prefixd.decision.inputs import Rules
from prefixd.domain.safelist import EntrySource, Safelist, SafelistEntry


class Mode(StrEnum):
    DRY_RUN = "dry-run"
    """Everything is decided, stored and shown; rows are marked and never reach a router."""
    ENFORCED = "enforced"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    pop: str
    """The site this instance speaks for. It announces, expires and reconciles only rows of it."""
    mode: Mode = Mode.DRY_RUN

    answer_wait_s: float = 2.0
    """A signal still waiting behind others of its victim after this long is stored and answered
    `queued`; it is decided when its turn comes, or after a restart."""
    victim_queue_limit: int = 256
    """Signals waiting for one victim. Beyond it the sender gets 503 and may retry."""
    total_queue_limit: int = 10_000
    """Signals waiting for all victims together. Beyond it the sender gets 503 and may retry."""
    victim_batch_limit: int = 64
    """Signals of one victim decided and saved in one transaction."""

    reconcile_interval_s: float = 30.0
    reconcile_batch: int = 1000
    """Rules handled before the loop is given back to keepalives and requests."""
    withdraw_guard_count: int = 10
    withdraw_guard_share: float = 0.5
    """A reconcile that would remove more live rules than both of these because rows became
    unreadable removes nothing and reports it: an empty table is more often a fault than a wish."""
    store_retry_s: float = 1.0
    """Pause before due work is tried again while the store is away."""
    held_retry_s: float = 30.0
    """A group refused for want of room (quota, rate, peer) is looked at again this often."""
    signal_horizon_s: int = 900
    """Episodes kept in memory after their last signal, at least the episode idle time."""
    episode_memory_limit: int = 200_000
    """Episodes kept in memory. Older ones are read from the store when their id comes again."""
    subscriber_queue_limit: int = 1024
    """News waiting for one live subscriber. Beyond it the backlog is dropped and it is told to
    fetch everything again."""
    drain_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`config_entries` are the safelist entries of the files and of the infrastructure.

    `safelist` None means that the stored entries cannot be read, and then nothing new may be
    mitigated; the engine fills it when it starts. `rules.pop` and `rules.dry_run` say the same as
    `settings`: whoever builds the bundle takes care of that.
    """

    settings: EngineSettings
    rules: Rules
    config_entries: tuple[SafelistEntry, ...] = ()
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
    return replace(snapshot, safelist=Safelist((*snapshot.config_entries, *people)))
