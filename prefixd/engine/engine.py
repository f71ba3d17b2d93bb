"""The front door of the application: everything a face may ask of prefixd.

The engine owns the live picture of its POP in memory, saves every change before anything acts on
it, and hands effects (announce, publish, notify) to one place after the commit. This class only
delegates; each verb's idea lives in its own file:

    ingest     signals in: stored, decided, saved                  ingest.py, worker.py
    mitigate   what operators do by hand                           mitigate.py
    due        what time does: expiry, holds, staleness, retries   due.py
    reconcile  the wire made equal to the store                    reconcile.py
    reload     new settings in one assignment                      reload.py
    queries    pages, history, numbers                             queries.py

Actors arrive authenticated and allowed: permission is the face's work, attribution is ours.
"""

from collections.abc import Callable, Sequence

from prefixd.clock import Clock
from prefixd.domain.actor import Actor
from prefixd.domain.prefix import Prefix
from prefixd.domain.safelist import SafelistEntry
from prefixd.domain.signal import Corroboration, Signal
from prefixd.engine.answers import (
    CreateAnswer,
    ExtendAnswer,
    Health,
    IngestAnswer,
    ItemAnswer,
    ManualRequest,
    ReconcileAnswer,
    ReloadAnswer,
    WithdrawAnswer,
)
from prefixd.engine.bus import Bus, Subscription
from prefixd.engine.ports import Announcer, Notifier, Store
from prefixd.engine.queries import Queries
from prefixd.engine.snapshot import Snapshot


class Engine:
    """One per process. `start` before anything else; `run_*` loops belong to the supervisor."""

    queries: Queries
    """Every read: `engine.queries.mitigations(...)`, `.events`, `.groups`, `.audit`, ..."""

    def __init__(
        self,
        *,
        store: Store,
        announcer: Announcer,
        notifier: Notifier,
        clock: Clock,
        snapshot: Snapshot,
        new_id: Callable[[], str],
    ) -> None: ...

    # life

    async def start(self) -> None:
        """Load the live picture from the store and make the RIB equal to it. Raises
        StoreUnavailable; no BGP socket should open before this returned."""

    def loops(self) -> Sequence[tuple[str, Callable[[], object]]]:
        """Named endless tasks for the supervisor: due times, reconcile timer, changes."""
        raise AssertionError

    async def stop(self) -> None:
        """Refuse new signals, finish those taken, within drain_timeout_s."""

    # signals

    async def ingest(self, signals: Sequence[Signal], actor: Actor) -> list[IngestAnswer]:
        """Store and decide; one answer per signal in order. Durable when it returns. Raises
        StoreUnavailable or Busy when nothing could be taken; in a batch, single failures
        are answers with outcome `error`."""
        raise AssertionError

    async def corroborate(self, corroboration: Corroboration, actor: Actor) -> IngestAnswer:
        """Evidence without a victim: attached to matching groups at once, else kept waiting."""
        raise AssertionError

    # mitigations by hand

    async def create_mitigation(self, request: ManualRequest, actor: Actor) -> CreateAnswer:
        raise AssertionError

    async def withdraw(self, mitigation_id: str, reason: str, actor: Actor) -> WithdrawAnswer:
        raise AssertionError

    async def bulk_withdraw(
        self, mitigation_ids: Sequence[str], reason: str, actor: Actor
    ) -> list[ItemAnswer]:
        raise AssertionError

    async def extend(self, mitigation_id: str, ttl_s: int, actor: Actor) -> ExtendAnswer:
        """Lives at least `ttl_s` from now, within the limits; guardrails look again."""
        raise AssertionError

    async def acknowledge(self, mitigation_ids: Sequence[str], actor: Actor) -> list[ItemAnswer]:
        raise AssertionError

    async def panic(self, reason: str, actor: Actor) -> list[ItemAnswer]:
        """Withdraw every live mitigation of this POP."""
        raise AssertionError

    # groups by hand

    async def dismiss_group(self, group_id: str, reason: str, actor: Actor) -> bool:
        raise AssertionError

    # safelist

    async def safelist_add(self, entry: SafelistEntry, actor: Actor) -> list[str]:
        """Save the entry and withdraw what it covers; the ids of those."""
        raise AssertionError

    async def safelist_remove(self, prefix: Prefix, actor: Actor) -> bool:
        raise AssertionError

    # settings, truth

    async def reload(self, snapshot: Snapshot, actor: Actor) -> ReloadAnswer:
        """Swap in validated settings, make everything follow, keep the audit."""
        raise AssertionError

    async def reconcile(self, actor: Actor | None = None) -> ReconcileAnswer:
        raise AssertionError

    def health(self) -> Health:
        raise AssertionError

    # news

    def subscribe(self) -> Subscription:
        """A bounded queue of news; `Subscription.lost` says that the backlog was dropped."""
        raise AssertionError

    @property
    def bus(self) -> Bus:
        raise AssertionError
