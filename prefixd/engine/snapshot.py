"""The settings in force, as one frozen bundle.

A decision takes the bundle once and uses nothing else, so it never sees half of a reload. A reload
builds a new bundle and swaps it in one assignment. The safelist is part of it: entries from the
configuration and the infrastructure come with the files, those made by people come from the store,
and a change of either is a new bundle.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from prefixd.decision.rules import Rules
from prefixd.domain.safelist import EntrySource, Safelist, SafelistEntry
from prefixd.engine.settings import EngineSettings, Mode


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
