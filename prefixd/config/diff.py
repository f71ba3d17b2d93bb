"""What a new configuration changes, and what it takes for the change to count.

Both sides are compared key by key with their defaults, so that writing a default out is no change,
and entries of lists by their name, so that reordering is none. Secrets are compared and starred.
The result is what an operator confirms, what the audit log keeps, and what tells the life cycle
which neighbors to restart.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prefixd.config.bundle import Config
from prefixd.config.reader import Effective
from prefixd.config.secrets import STARS
from prefixd.domain.inventory import Customer
from prefixd.setting import Live

MISSING = "–"
_COST = {Live.LIVE: 0, Live.PEER_RESTART: 1, Live.RESTART: 2}
_ENTRY = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key. `before` and `after` are text for people; a secret shows as stars."""

    path: str
    before: str
    after: str
    live: Live

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after} ({self.live.value})"


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryChange:
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDiff:
    changes: tuple[Change, ...] = ()
    inventory: InventoryChange = InventoryChange()

    def __bool__(self) -> bool:
        return bool(self.changes or self.inventory)

    @property
    def needing_restart(self) -> tuple[Change, ...]:
        """What counts only after the daemon was restarted."""
        return tuple(change for change in self.changes if change.live is Live.RESTART)

    @property
    def needing_peer_restart(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.live is Live.PEER_RESTART)


def diff(old: Config, new: Config) -> ConfigDiff:
    changes: dict[str, Change] = {}
    for path in sorted({*old.effective, *new.effective}):
        before, after = old.effective.get(path), new.effective.get(path)
        if before is not None and after is not None and before.value == after.value:
            continue
        known = after or before
        assert known is not None
        change = Change(
            path=path,
            before=_shown(before),
            after=_shown(after),
            live=Live.PEER_RESTART if _starts_signing(path, before, after) else known.live,
        )
        if before is None or after is None:
            change = _by_entry(change, old.effective if before is None else new.effective)
        earlier = changes.get(change.path)
        if earlier is None or _COST[earlier.live] < _COST[change.live]:
            changes[change.path] = change
    for change in _overrides(old, new):
        changes.setdefault(change.path, change)
    return ConfigDiff(
        changes=tuple(changes.values()),
        inventory=_inventory(old.inventory.customers, new.inventory.customers),
    )


def _starts_signing(path: str, before: Effective | None, after: Effective | None) -> bool:
    """A new TCP MD5 key is taken over live; the first one, or none, needs a new connection."""
    if before is None or after is None or not path.endswith("].password"):
        return False
    return (before.value is None) != (after.value is None)


def _by_entry(change: Change, other_side: Mapping[str, Effective]) -> Change:
    """The whole list entry, where the other side has nothing of it; else the key itself."""
    for found in _ENTRY.finditer(change.path):
        entry = change.path[: found.end()]
        if not any(other.startswith(entry) for other in other_side):
            added = change.before == MISSING
            return Change(
                path=entry,
                before=MISSING if added else "was there",
                after="added" if added else "removed",
                live=change.live,
            )
    return change


def _shown(entry: Effective | None) -> str:
    return MISSING if entry is None else entry.shown()


def _overrides(old: Config, new: Config) -> list[Change]:
    """Settings that come from the environment and differ although no file does."""
    pairs = [
        ("http.auth.bearer_token", old.auth.bearer_token, new.auth.bearer_token),
        ("storage.connection_string", old.storage.connection_string, new.storage.connection_string),
        *(
            (f"secret {reference}", old.secrets.get(reference), new.secrets.get(reference))
            for reference in sorted({*old.secrets, *new.secrets})
        ),
    ]
    return [
        Change(path=path, before=_starred(before), after=_starred(after), live=_live(path))
        for path, before, after in pairs
        if before != after
    ]


def _starred(value: str | None) -> str:
    return STARS if value else "not set"


def _live(path: str) -> Live:
    return Live.LIVE if path.startswith("secret ") else Live.RESTART


def _inventory(old: Iterable[Customer], new: Iterable[Customer]) -> InventoryChange:
    before = {customer.customer_id: customer for customer in old}
    after = {customer.customer_id: customer for customer in new}
    return InventoryChange(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(name for name in after if name in before and after[name] != before[name]),
    )


def render_diff(found: ConfigDiff, *, limit: int = 50) -> str:
    """For a terminal and for the audit log; long lists are cut with a count."""
    lines = [str(change) for change in found.changes]
    for word in ("added", "removed", "changed"):
        names: tuple[str, ...] = getattr(found.inventory, word)
        if names:
            shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if names[10:] else "")
            lines.append(f"inventory: customers {word}: {shown}")
    if len(lines) > limit:
        lines = [*lines[:limit], f"and {len(lines) - limit} more"]
    return "\n".join(lines) or "no changes"
