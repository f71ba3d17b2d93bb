"""The settings in force, as one frozen bundle.

A decision takes the bundle once and uses nothing else, so it never sees half of a reload. A reload
builds a new bundle and swaps it in one assignment. The safelist is part of it: entries from the
configuration and the infrastructure come with the files, those made by people come from the store,
and a change of either is a new bundle.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from prefixd.decision.decide import Rules
from prefixd.domain.safelist import EntrySource, Safelist, SafelistEntry
from prefixd.engine.settings import EngineSettings, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`config_entries` are the safelist entries of the files and of the infrastructure."""

    settings: EngineSettings
    rules: Rules
    config_entries: tuple[SafelistEntry, ...] = ()
    version: int = 1
    loaded_at_us: int = 0

    @property
    def pop(self) -> str:
        return self.settings.pop

    @property
    def dry_run(self) -> bool:
        return self.settings.mode is Mode.DRY_RUN


def with_safelist(snapshot: Snapshot, stored: Iterable[SafelistEntry] | None) -> Snapshot:
    """The bundle with the stored entries beside those of the files. None: the stored ones cannot
    be read, and then nothing new may be mitigated."""
    if stored is None:
        return replace(snapshot, rules=replace(snapshot.rules, safelist=None))
    people = (entry for entry in stored if entry.source is EntrySource.API)
    safelist = Safelist((*snapshot.config_entries, *people))
    return replace(snapshot, rules=replace(snapshot.rules, safelist=safelist))
