"""The live configuration: what is in force, reloading the files, changing a part of them.

Load, diff and apply are apart. Loading and planning change nothing; `apply_config.py` is the one
place that does, for SIGHUP, the reload call and a change through the API alike. After a failure
before that, everything is as it was.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefixd.api.config import ConfigRejectedError, StaleVersionError
from prefixd.api.render import format_time
from prefixd.clock import Clock
from prefixd.config.assemble import load_config
from prefixd.config.bundle import (
    ALERTING_NAME,
    CORRELATION_NAME,
    INVENTORY_NAME,
    PLAYBOOKS_NAME,
    Config,
)
from prefixd.config.diff import ConfigDiff, diff, render_diff
from prefixd.config.problem import ConfigError, Severity
from prefixd.config.redact import (
    alerting_view,
    correlation_view,
    inventory_view,
    playbooks_view,
    settings_view,
)
from prefixd.config.update import EditConflict, plan_update, save, version_on_disk
from prefixd.domain.actor import Actor
from prefixd.domain.news import ConfigRefused, News
from prefixd.engine.answers import ReloadAnswer

log = logging.getLogger(__name__)

FILE_OF_PART = {
    "playbooks": PLAYBOOKS_NAME,
    "correlation": CORRELATION_NAME,
    "alerting": ALERTING_NAME,
    "inventory": INVENTORY_NAME,
}

Apply = Callable[[Config, Config, ConfigDiff, Actor], Awaitable[ReloadAnswer]]


class LiveConfig:
    """Fits the `ConfigFiles` port of the API."""

    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str],
        clock: Clock,
        apply: Apply,
        publish: Callable[[Sequence[News]], None],
    ) -> None:
        self.current = config
        self._environment = environment
        self._clock = clock
        self._apply = apply
        self._publish = publish
        self._loaded_at_us = clock.now_us()
        self._one_at_a_time = asyncio.Lock()

    def version(self, part: str) -> str:
        name = FILE_OF_PART.get(part)
        return self.current.version if name is None else version_on_disk(self.current, name)

    def view(self, part: str) -> Mapping[str, Any]:
        loaded_at = format_time(self._loaded_at_us)
        match part:
            case "settings":
                return {"settings": settings_view(self.current), "loaded_at": loaded_at}
            case "inventory":
                return {**inventory_view(self.current), "loaded_at": loaded_at}
            case "playbooks":
                tree = playbooks_view(self.current)
                playbooks = tree.get("playbooks") if isinstance(tree, dict) else None
                listed = playbooks if isinstance(playbooks, list) else []
                return {
                    "playbooks": listed,
                    "total_playbooks": len(listed),
                    "loaded_at": loaded_at,
                }
            case "correlation":
                return {"config": correlation_view(self.current), "loaded_at": loaded_at}
            case _:
                shown = alerting_view(self.current)
                return shown if isinstance(shown, dict) else {}

    async def reload(self, actor: Actor) -> ReloadAnswer:
        async with self._one_at_a_time:
            directory = self.current.directory
            try:
                new = await asyncio.to_thread(self._load, directory)
            except ConfigError as error:
                self._refused(_texts(error), actor)
                raise ConfigRejectedError(_texts(error)) from error
            try:
                return await self._swap(new, actor)
            except ConfigRejectedError as error:
                self._refused(error.errors, actor)
                raise

    async def put(self, part: str, value: Any, if_match: str | None, actor: Actor) -> None:
        name = FILE_OF_PART[part]
        async with self._one_at_a_time:
            body = value.get("config", value) if isinstance(value, dict) else value
            if isinstance(body, dict):  # what was read may be sent back as it is
                body = {key: inner for key, inner in body.items() if key not in ADDED_TO_VIEWS}
            try:
                plan = await asyncio.to_thread(
                    plan_update, self.current, name, body, self._environment
                )
                await asyncio.to_thread(save, plan, if_match=if_match)
            except ConfigError as error:
                raise ConfigRejectedError(_texts(error)) from error
            except EditConflict as error:
                raise StaleVersionError(name) from error
            except OSError as error:
                raise ConfigRejectedError(
                    [f"{name} cannot be written: {error.strerror}"]
                ) from error
            await self._swap(plan.config, actor)

    def _refused(self, problems: Sequence[str], actor: Actor) -> None:
        """The sender of a change through the API gets the reason as the answer. Files that cannot
        be applied would fail the next start, so their problems are logged and published."""
        log.error("reload refused, configuration unchanged", extra={"problems": len(problems)})
        for problem in problems:
            log.error("configuration problem", extra={"problem": problem})
        now_us = self._clock.now_us()
        self._publish((ConfigRefused(at_us=now_us, actor=actor, problems=tuple(problems)),))

    async def _swap(self, new: Config, actor: Actor) -> ReloadAnswer:
        found = diff(self.current, new)
        answer = await self._apply(self.current, new, found, actor)
        self.current = new
        self._loaded_at_us = self._clock.now_us()
        changes = render_diff(found, limit=20).splitlines()
        log.info("configuration applied", extra={"changes": changes})
        return answer

    def _load(self, directory: Path) -> Config:
        return load_config(directory, self._environment, listen=str(self.current.api.listen))


ADDED_TO_VIEWS = frozenset({"loaded_at", "total_playbooks"})
"""What `view` says beside the keys of the file."""

PART_OF_KEY = {
    "playbooks": "playbooks",
    "correlation": "correlation",
    "webhook_adapters": "correlation",
    "signals": "correlation",
    "alerting": "alerting",
    "destinations": "alerting",
}


def changed_parts(found: ConfigDiff) -> tuple[str, ...]:
    """The parts of the configuration a reload changed, in the words clients know."""
    parts = {PART_OF_KEY.get(re.split(r"[.\[]", c.path)[0], "settings") for c in found.changes}
    if found.inventory:
        parts.add("inventory")
    return tuple(sorted(parts))


def _texts(error: ConfigError) -> list[str]:
    return [str(problem) for problem in error.problems if problem.severity is Severity.ERROR]
