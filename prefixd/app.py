"""The daemon, put together: every object is made here, handed what it needs, started in order and
stopped in the reverse order. It reads like a table of contents; ideas live elsewhere.

    sockets bound   a taken port is the first thing an operator hears of
    store           open, migrated
    speaker         made, closed: no BGP socket opens before the rules are loaded
    engine          loads the store, makes the RIB equal to it
    speaker         opens its doors
    API             answers
"""

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_network

from prefixd import __version__
from prefixd.announce.announcer import BgpAnnouncer
from prefixd.api.accounts import account_routes
from prefixd.api.adapters import AdapterSet, LiveAdapters, adapter_of
from prefixd.api.alerting import AlertRoutes
from prefixd.api.app import ROUTES, build_app
from prefixd.api.authenticate import ModeAuthenticator
from prefixd.api.config import ConfigRejectedError, ConfigRoutes
from prefixd.api.cors import Cors
from prefixd.api.feed import FeedRoutes
from prefixd.api.maintenance import MaintenanceRoutes
from prefixd.api.services import Services
from prefixd.api.signals import SignalRoutes
from prefixd.auth.accounts import Accounts
from prefixd.auth.settings import AuthMode
from prefixd.bgp.reload import describe
from prefixd.bgp.settings import IPNetwork
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.clock import Clock, SystemClock
from prefixd.config.bundle import Config
from prefixd.config.diff import ConfigDiff, render_diff
from prefixd.daemon.banner import greeting
from prefixd.daemon.bgp_view import SpeakerFace
from prefixd.daemon.config_files import LiveConfig, changed_parts
from prefixd.daemon.http_server import HttpServer, bind_tcp, tls_context
from prefixd.daemon.inexpressible_alert import Untold
from prefixd.daemon.lifecycle import Lifecycle
from prefixd.daemon.loop_lag import LoopLag
from prefixd.daemon.metrics_from_news import NewsCounter
from prefixd.daemon.news_log import log_news
from prefixd.daemon.proxies import address_reader, cookie_is_secure
from prefixd.daemon.readings import Readings
from prefixd.daemon.restart import Restarts
from prefixd.daemon.source_watch import SourceWatch
from prefixd.daemon.speaker_news import SpeakerNews
from prefixd.daemon.systemd import Notifier as ServiceManager
from prefixd.daemon.systemd import inherited_sockets
from prefixd.decision.inputs import Rules
from prefixd.domain.actor import SYSTEM, Actor
from prefixd.domain.news import News, SystemStarted
from prefixd.engine.answers import ReloadAnswer
from prefixd.engine.engine import Engine
from prefixd.engine.ids import Identity
from prefixd.engine.settings import Snapshot
from prefixd.errors import StartupError, StoreUnavailable
from prefixd.notify.dispatch import Dispatcher
from prefixd.notify.settings import AlertEvent, AlertSettings
from prefixd.observability.exposition import Exposition
from prefixd.observability.log import configure
from prefixd.observability.metrics import Metrics
from prefixd.signals.webhook_compile import CompiledAdapter, compile_adapter
from prefixd.store.store import Store, open_store
from prefixd.supervisor import Supervisor

log = logging.getLogger(__name__)


async def serve(config: Config, environment: Mapping[str, str]) -> int:
    """Run until told to stop; the exit code."""
    configure(config.observability.log_format, config.observability.log_level)
    for warning in config.warnings:
        log.warning("configuration", extra={"problem": str(warning)})
    daemon = Daemon(config, environment)
    return await daemon.run()


@dataclass(slots=True)
class _Parts:
    """What exists once everything was made."""

    store: Store
    speaker: Speaker
    engine: Engine
    server: HttpServer
    dispatcher: Dispatcher
    adapters: LiveAdapters
    restarts: Restarts
    sources: SourceWatch
    tell: Callable[[Sequence[News]], None]


class Daemon:
    """One run of the daemon."""

    def __init__(
        self, config: Config, environment: Mapping[str, str], clock: Clock | None = None
    ) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.new_id = Identity(self.clock)
        self.metrics = Metrics()
        self.lag = LoopLag(self.clock)
        self.manager = ServiceManager(environment)
        self.given = inherited_sockets(environment)
        self.supervisor = Supervisor(
            on_restart=lambda name: self.metrics.task_restarts.labels(_family_of(name)).inc()
        )
        self.life = Lifecycle(self._reload_asked)
        self.live = LiveConfig(config, environment, self.clock, self._take_over)

    async def run(self) -> int:
        async with AsyncExitStack() as stack:
            sockets = self._api_sockets()
            stack.callback(_close_all, sockets)
            parts = await self._build(sockets, stack)
            await self._start(parts)
            self.life.install()
            stack.callback(self.life.remove)
            self._say_ready(sockets)
            await self.life.wait_for_stop()
            self.manager.stopping()
            limit_s = self.config.engine.drain_timeout_s + 10
            await self.life.stop_within(self._stop(parts), limit_s)
        return 0

    # making

    async def _build(self, sockets: Sequence[socket.socket], stack: AsyncExitStack) -> _Parts:
        config, clock = self.config, self.clock
        store = await open_store(config.storage, clock, pop=config.pop, instance=self.new_id())
        stack.push_async_callback(store.close)
        restarts = Restarts(config.bgp, clock)
        speaker_news = SpeakerNews(clock)
        speaker = Speaker(
            config.bgp,
            clock=clock,
            jitter=_jitter,
            tasks=self.supervisor,
            tell=speaker_news.hear,
            untouchable=_networks(config),
            restarting_for_s=restarts.restarting_for_s(),
            inherited=[each.detach() for each in self.given.get("bgp", ())],
        )
        announcer = BgpAnnouncer(speaker, config.bgp.local_asn)
        dispatcher = Dispatcher(
            config.alerting,
            config.pop,
            clock,
            store=store,
            new_id=self.new_id,
            count=lambda destination, status: self.metrics.alerts_sent.labels(
                destination, status
            ).inc(),
        )
        engine = Engine(
            store=store,
            announcer=announcer,
            notifier=dispatcher,
            clock=clock,
            snapshot=_snapshot(config, clock, 1),
            new_id=self.new_id,
        )

        def tell(items: Sequence[News]) -> None:
            engine.bus.publish(items)
            for item in items:
                dispatcher.tell(item)

        speaker_news.publish = tell
        self.live.publish = tell
        counter = NewsCounter(self.metrics, config.pop, config.correlation.sources, clock)
        engine.bus.listen(counter.count)
        engine.bus.listen(log_news)
        sources = SourceWatch(clock, tell)
        sources.expect(config.correlation.sources)
        engine.bus.listen(sources.hear)
        soon = asyncio.get_running_loop().call_soon
        engine.bus.listen(Untold(announcer.why_inexpressible, tell, soon).hear)
        accounts = Accounts(store, config.auth, clock, self.new_id, config.pop, tell)
        readings = Readings(
            self.metrics, engine, speaker, announcer, store, dispatcher, self.lag, clock
        )
        cors = Cors(config.api.cors_origin)
        services = Services(
            engine=engine,
            authenticator=ModeAuthenticator(config.auth, accounts, cors),
            speaker=SpeakerFace(speaker, announcer),
            clock=clock,
            metrics=self.metrics,
            exposition=Exposition(self.metrics.registry, readings.prepare),
            new_id=self.new_id,
            version=__version__,
            pop=config.pop,
            answers=store,
            heard=sources.heard,
        )
        adapters = LiveAdapters(_adapter_set(config))
        routes = (
            *ROUTES,
            *account_routes(
                accounts,
                secure_cookie=cookie_is_secure(
                    config.auth.cookie,
                    config.api.trusted_proxies,
                    own_tls=config.api.tls is not None,
                ),
                session_idle_s=config.auth.session_idle_s,
                alert_events=frozenset(AlertEvent),
            ),
            *SignalRoutes(adapters).routes(),
            *ConfigRoutes(self.live).routes(),
            *FeedRoutes(accounts).routes(),
            *MaintenanceRoutes(store).routes(),
            *AlertRoutes(dispatcher).routes(),
        )
        app = build_app(
            services,
            config.api,
            routes=routes,
            address_of=address_reader(config.api.trusted_proxies),
        )
        context = None
        if config.api.tls is not None:
            wants = config.auth.mode is AuthMode.MTLS
            context = tls_context(config.api.tls, client_certificates=wants)
        server = HttpServer(app, config.api, sockets, context)
        return _Parts(store, speaker, engine, server, dispatcher, adapters, restarts, sources, tell)

    def _api_sockets(self) -> list[socket.socket]:
        given = self.given.get("api")
        if given:
            return list(given)
        listen = self.config.api.listen
        return [bind_tcp(listen.host, listen.port, "the API (http.listen)")]

    # starting and stopping

    async def _start(self, parts: _Parts) -> None:
        _start_alerts_at_zero(self.metrics, self.config.alerting)
        self.metrics.build_info.labels(__version__, self.config.pop, self.config.mode).set(1)
        self.metrics.start_time.set(self.clock.now_us() / 1_000_000)
        # A row or an event makes hundreds of objects and no cycles: look for cycles more rarely.
        gc.set_threshold(50_000, 50, 100)
        await parts.engine.start()
        gc.freeze()  # what was loaded stays: full collections need not look at it again
        for name, loop in parts.engine.loops():
            self._supervise(f"engine:{name}", loop)
        self._supervise("alerts", parts.dispatcher.run)
        self._supervise("sources", parts.sources.run)
        self._supervise("retention", lambda: self._retention(parts.store))
        self._supervise("loop-lag", self.lag.run)
        if self.config.bgp.live:
            parts.speaker.start()
            self._supervise("restart-marker", parts.restarts.keep_alive)
        await parts.server.start()
        self._supervise("reload", self.life.serve_reloads)
        if self.manager.watchdog_interval_s is not None:
            self._supervise("watchdog", self._feed_watchdog)
        self._parts = parts
        parts.tell((SystemStarted(at_us=self.clock.now_us(), version=__version__),))

    def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self.metrics.task_restarts.labels(_family_of(name))  # the counter starts at zero
        self.supervisor.start(name, run)

    async def _stop(self, parts: _Parts) -> None:
        await parts.engine.stop()
        await parts.speaker.stop(None, "prefixd stops")
        await asyncio.to_thread(parts.restarts.ended)
        await parts.server.stop()
        await parts.dispatcher.stop()
        await self.supervisor.stop_all()

    def _say_ready(self, sockets: Sequence[socket.socket]) -> None:
        ports = [listening.getsockname()[1] for listening in sockets]
        text = greeting(self.config, ports)
        self.manager.ready(text.splitlines()[0])
        log.info("ready", extra={"version": __version__, "pop": self.config.pop})
        if sys.stdout.isatty() or not self.manager.watchdog_interval_s:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    async def _feed_watchdog(self) -> None:
        interval_s = self.manager.watchdog_interval_s
        assert interval_s is not None
        while True:
            self.manager.alive()
            await asyncio.sleep(interval_s)

    async def _retention(self, store: Store) -> None:
        while True:
            await asyncio.sleep(RETENTION_S)
            await store.retention.run_once(self.clock.now_us())

    # reloading

    async def _reload_asked(self) -> None:
        self.manager.reloading(int(self.clock.monotonic() * 1_000_000))
        try:
            await self.live.reload(SYSTEM)
        except ConfigRejectedError:
            return  # told in the log and to whoever is alerted; there is nobody else to answer
        except StoreUnavailable as error:
            # The audit row comes first, so nothing was changed; say so instead of a traceback.
            log.error("reload refused, the store is away", extra={"reason": str(error)})
        finally:
            self.manager.ready("serving")

    async def _take_over(
        self, old: Config, new: Config, found: ConfigDiff, actor: Actor
    ) -> ReloadAnswer:
        """Everything that can refuse comes first; after the engine's audit row nothing does."""
        parts = self._parts
        if new.api.tls is not None:
            try:
                tls_context(new.api.tls, client_certificates=False)
            except StartupError as error:
                raise ConfigRejectedError([str(error)]) from error
        version = parts.engine.snapshot.version + 1
        snapshot = _snapshot(new, self.clock, version, pop=old.pop)
        answer = await parts.engine.reload(snapshot, actor, render_diff(found).splitlines())
        parts.adapters.current = _adapter_set(new)
        parts.dispatcher.apply(new.alerting)
        _start_alerts_at_zero(self.metrics, new.alerting)
        parts.sources.expect(new.correlation.sources)
        parts.server.reload_certificates(new.api.tls)
        if self.config.bgp.live and new.bgp.live:  # `mode` itself counts after a restart
            plan = parts.speaker.apply(new.bgp, _networks(new))
            parts.restarts.apply(new.bgp)
            lines = describe(plan)
            if len(lines) > 1:  # more than how many sessions were reset: none
                log.info("bgp settings applied", extra={"plan": lines})
        configure(new.observability.log_format, new.observability.log_level)
        waiting = tuple(change.path for change in found.needing_restart)
        return ReloadAnswer(
            changed=changed_parts(found), restarts=waiting, loaded_at_us=answer.loaded_at_us
        )


RETENTION_S = 3600.0


def _snapshot(config: Config, clock: Clock, version: int, pop: str | None = None) -> Snapshot:
    """`pop` keeps a running instance the site it is: a new name counts after a restart."""
    now_us, site = clock.now_us(), pop or config.pop
    return Snapshot(
        settings=replace(config.engine, pop=site),
        rules=Rules(
            pop=site,
            policy=config.policy,
            correlation=config.correlation,
            limits=config.limits,
            inventory=config.inventory,
            dry_run=config.is_dry_run,
            config_version=version,
        ),
        config_entries=config.safelist.entries(now_us),
        loaded_at_us=now_us,
    )


def _adapter_set(config: Config) -> AdapterSet:
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


def _networks(config: Config) -> tuple[IPNetwork, ...]:
    """Routers, our own addresses, management: no rule may match traffic to them."""
    return tuple(ip_network(str(entry.prefix)) for entry in config.safelist.infrastructure)


def _family_of(task: str) -> str:
    """`engine` of `engine:due times`: a label with a bounded set of values."""
    return task.partition(":")[0]


def _start_alerts_at_zero(metrics: Metrics, settings: AlertSettings) -> None:
    for destination in settings.destinations:
        metrics.alerts_sent.start_at_zero(
            *((destination.id, status) for status in ("success", "error", "dropped"))
        )


def _jitter() -> float:
    """A number from 0 to 1 that peers of ours do not share."""
    return int.from_bytes(os.urandom(4), "big") / 0xFFFF_FFFF


def _close_all(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()
