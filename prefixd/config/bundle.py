"""The whole configuration as one frozen value.

Each part is the settings class of the package that uses it. A reload makes a second bundle beside
the first, `diff.py` says what changed and what that takes, and only then is anything swapped.
Nothing in here prints a secret: settings hide theirs, `effective` and `documents` stay out of the
repr.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from prefixd.api.settings import ApiSettings
from prefixd.auth.settings import AuthSettings
from prefixd.bgp.settings import SpeakerSettings
from prefixd.config.load import Document
from prefixd.config.problem import Problem
from prefixd.config.reader import Effective
from prefixd.config.secrets import SecretBox
from prefixd.correlation.settings import CorrelationSettings
from prefixd.decision.inputs import Rules
from prefixd.domain.inventory import Inventory
from prefixd.domain.prefix import Prefix
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.engine.settings import EngineSettings, Mode, Snapshot
from prefixd.guardrails.limits import Limits
from prefixd.notify.settings import AlertSettings
from prefixd.observability.settings import ObservabilitySettings
from prefixd.policy.playbook import PolicySettings
from prefixd.signals.settings import SignalSettings
from prefixd.store.settings import StoreSettings

MAIN_NAME = "prefixd.yaml"
INVENTORY_NAME = "inventory.yaml"
PLAYBOOKS_NAME = "playbooks.yaml"
CORRELATION_NAME = "correlation.yaml"
ALERTING_NAME = "alerting.yaml"
REQUIRED_NAMES = (MAIN_NAME, INVENTORY_NAME, PLAYBOOKS_NAME)
OPTIONAL_NAMES = (CORRELATION_NAME, ALERTING_NAME)
FILE_NAMES = (*REQUIRED_NAMES, *OPTIONAL_NAMES)


@dataclass(frozen=True, slots=True)
class Protected:
    """A prefix that must never be filtered, and why."""

    prefix: Prefix
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SafelistSettings:
    """What the files keep from being filtered. `infrastructure` includes our routers and us."""

    prefixes: tuple[Prefix, ...] = ()
    infrastructure: tuple[Protected, ...] = ()

    def entries(self, now_us: int) -> tuple[SafelistEntry, ...]:
        """As rows of the safelist; people's own entries are not among them."""
        configured = [
            SafelistEntry(
                prefix=prefix,
                source=EntrySource.CONFIG,
                added_at_us=now_us,
                added_by="config",
                reason=f"from {MAIN_NAME}",
            )
            for prefix in dict.fromkeys(self.prefixes)
        ]
        derived = {entry.prefix: entry for entry in reversed(self.infrastructure)}
        infrastructure = [
            SafelistEntry(
                prefix=entry.prefix,
                source=EntrySource.INFRASTRUCTURE,
                added_at_us=now_us,
                added_by="config",
                reason=entry.reason,
            )
            for entry in derived.values()
        ]
        return (*configured, *infrastructure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    directory: Path
    version: str
    """Changes whenever a file changes."""
    pop: str
    mode: Mode
    api: ApiSettings
    auth: AuthSettings
    bgp: SpeakerSettings
    limits: Limits
    policy: PolicySettings
    engine: EngineSettings
    storage: StoreSettings
    observability: ObservabilitySettings
    safelist: SafelistSettings
    preserve_announcements: bool
    alerting: AlertSettings
    correlation: CorrelationSettings
    signals: SignalSettings
    inventory: Inventory = field(repr=False)
    secrets: SecretBox
    """What the references in `signals` stand for."""
    warnings: tuple[Problem, ...] = ()
    effective: Mapping[str, Effective] = field(repr=False)
    """Every key but those of the inventory, by path, defaults included."""
    documents: Mapping[str, Document] = field(repr=False)
    """The files as read, `${VAR}` unexpanded, by name."""

    def snapshot(self, now_us: int, version: int = 1, pop: str | None = None) -> Snapshot:
        """What the engine needs of it. `pop` keeps a running instance the site it is: a new name
        counts after a restart."""
        site = pop or self.pop
        return Snapshot(
            settings=replace(self.engine, pop=site),
            rules=Rules(
                pop=site,
                policy=self.policy,
                correlation=self.correlation,
                limits=self.limits,
                inventory=self.inventory,
                dry_run=self.is_dry_run,
                config_version=version,
            ),
            config_entries=self.safelist.entries(now_us),
            loaded_at_us=now_us,
        )

    @property
    def is_dry_run(self) -> bool:
        return self.mode is Mode.DRY_RUN
