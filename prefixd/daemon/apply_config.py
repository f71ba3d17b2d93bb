"""What the configuration becomes in the running daemon: at start, and at each reload.

A reload has an order. Everything that can refuse comes first; then the engine writes its audit row;
after that nothing can fail, so a refused reload has changed nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from prefixd.api.adapters import AdapterSet, LiveAdapters, adapter_of
from prefixd.api.config import ConfigRejectedError
from prefixd.bgp.neighbor_settings import IPNetwork
from prefixd.bgp.reload import describe
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.clock import Clock
from prefixd.config.bundle import Config
from prefixd.config.diff import ConfigDiff, render_diff
from prefixd.daemon.config_files import changed_parts
from prefixd.daemon.http_server import Certificates
from prefixd.daemon.restart import Restarts
from prefixd.daemon.source_watch import SourceWatch
from prefixd.domain.actor import Actor
from prefixd.engine.answers import ReloadAnswer
from prefixd.engine.engine import Engine
from prefixd.errors import StartupError
from prefixd.notify.dispatch import Dispatcher
from prefixd.observability.log import configure
from prefixd.signals.webhook_compile import CompiledAdapter, compile_adapter

log = logging.getLogger(__name__)


def adapters_of(config: Config) -> AdapterSet:
    """The files were checked when they were loaded, so every adapter compiles."""
    compiled = [compile_adapter(settings) for settings in config.signals.webhooks]
    good = [found for found in compiled if isinstance(found, CompiledAdapter)]

    def secrets(references: Sequence[str]) -> Sequence[str]:
        found = [config.secrets.get(reference) for reference in references]
        return [secret for secret in found if secret]

    return AdapterSet(
        settings=config.signals,
        webhooks={found.settings.name: adapter_of(found) for found in good},
        secrets=secrets,
    )


def untouchable_networks(config: Config) -> tuple[IPNetwork, ...]:
    """Routers, our own addresses, management: no rule may match traffic to them."""
    return tuple(ip_network(str(entry.prefix)) for entry in config.safelist.infrastructure)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyConfig:
    """Hands a loaded configuration to every part that takes one while it runs."""

    clock: Clock
    engine: Engine
    speaker: Speaker
    restarts: Restarts
    dispatcher: Dispatcher
    adapters: LiveAdapters
    sources: SourceWatch
    certificates: Certificates
    bgp_is_live: bool
    """As the process was started: a changed `bgp.mode` counts after a restart."""

    async def __call__(
        self, old: Config, new: Config, found: ConfigDiff, actor: Actor
    ) -> ReloadAnswer:
        try:
            self.certificates.check(new.api.tls)
        except StartupError as error:
            raise ConfigRejectedError([str(error)]) from error
        version = self.engine.snapshot.version + 1
        snapshot = new.snapshot(self.clock.now_us(), version, pop=old.pop)
        answer = await self.engine.reload(snapshot, actor, render_diff(found).splitlines())
        self.adapters.current = adapters_of(new)
        self.dispatcher.apply(new.alerting)
        self.sources.expect(new.correlation.sources)
        self.certificates.reload(new.api.tls)
        if self.bgp_is_live and new.bgp.live:
            plan = self.speaker.apply(new.bgp, untouchable_networks(new))
            self.restarts.apply(new.bgp)
            lines = describe(plan)
            if len(lines) > 1:  # more than the number of reset sessions, which is 0
                log.info("BGP settings applied", extra={"plan": lines})
        configure(new.observability.log_format, new.observability.log_level)
        waiting = tuple(change.path for change in found.needing_restart)
        return ReloadAnswer(
            changed=changed_parts(found), restarts=waiting, loaded_at_us=answer.loaded_at_us
        )
