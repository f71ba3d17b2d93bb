"""The daemon, put together. This is its table of contents: `build` makes every part, in the order
in which they need each other, and hands each what it needs; `Daemon` starts them and stops them in
the reverse order. Ideas are elsewhere.

    sockets bound   a port in use is the first thing an operator sees
    bus             news, before anything that publishes it
    store           open, migrated
    speaker         made, not started: no BGP socket opens before the rules are loaded
    engine          loads the store, makes the RIB equal to it
    speaker         starts its sessions
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
from functools import partial
from urllib.parse import urlsplit

from prefixd import __version__
from prefixd.announce.announcer import BgpAnnouncer
from prefixd.api.adapters import LiveAdapters
from prefixd.api.app import ROUTES, account_routes, build_app
from prefixd.api.authenticate import ModeAuthenticator
from prefixd.api.config import AlertRoutes, ConfigRejectedError, ConfigRoutes
from prefixd.api.cors import Cors, OwnHosts
from prefixd.api.feed import FeedRoutes
from prefixd.api.maintenance import MaintenanceRoutes
from prefixd.api.route import Route, Services
from prefixd.api.signals import SignalRoutes
from prefixd.auth.accounts import Accounts
from prefixd.auth.settings import AuthMode
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.clock import Clock, SystemClock
from prefixd.config.bundle import Config
from prefixd.daemon.apply_config import ApplyConfig, adapters_of, untouchable_networks
from prefixd.daemon.banner import base_url, greeting, summary
from prefixd.daemon.bgp_view import BgpView
from prefixd.daemon.config_files import LiveConfig
from prefixd.daemon.connection_limits import Refusal
from prefixd.daemon.http_server import Certificates, HttpServer, bind_tcp, limits_of
from prefixd.daemon.lifecycle import Lifecycle
from prefixd.daemon.loop_lag import LoopLag
from prefixd.daemon.metrics_from_news import NewsCounter
from prefixd.daemon.news_log import log_news
from prefixd.daemon.own_addresses import OwnAddressKeeper, own_entries
from prefixd.daemon.proxies import address_reader, cookie_is_secure
from prefixd.daemon.readings import Readings
from prefixd.daemon.restart import Restarts
from prefixd.daemon.source_watch import SourceWatch
from prefixd.daemon.speaker_news import InexpressibleAlert, SpeakerNews
from prefixd.daemon.systemd import Notifier as ServiceManager
from prefixd.daemon.systemd import inherited_sockets
from prefixd.domain.actor import SYSTEM
from prefixd.domain.news import News, SystemStarted
from prefixd.engine.bus import Bus
from prefixd.engine.effects import Publisher
from prefixd.engine.engine import Engine
from prefixd.engine.ids import Identity
from prefixd.errors import StoreUnavailable
from prefixd.notify.dispatch import Dispatcher
from prefixd.notify.settings import AlertEvent
from prefixd.observability.exposition import Exposition
from prefixd.observability.log import configure
from prefixd.observability.metrics import Metrics
from prefixd.store.store import Store, open_store
from prefixd.supervisor import Supervisor

log = logging.getLogger(__name__)

RETENTION_S = 3600.0

Sockets = Mapping[str, Sequence[socket.socket]]


async def serve(config: Config, environment: Mapping[str, str]) -> int:
    """Run until told to stop; the exit code."""
    configure(config.observability.log_format, config.observability.log_level)
    for warning in config.warnings:
        log.warning("configuration warning", extra={"problem": str(warning)})
    async with AsyncExitStack() as stack:
        sockets = _bind_sockets(config, environment)
        stack.callback(_close_all, sockets["api"])
        daemon = await build(config, environment, sockets, stack)
        await daemon.start()
        daemon.life.install()
        stack.callback(daemon.life.remove)
        daemon.report_ready(sockets["api"])
        await daemon.life.wait_for_stop()
        daemon.manager.stopping()
        await daemon.life.stop_within(daemon.stop(), config.engine.drain_timeout_s + 10)
    return 0


async def build(
    config: Config, environment: Mapping[str, str], sockets: Sockets, stack: AsyncExitStack
) -> "Daemon":
    clock: Clock = SystemClock()
    new_id = Identity(clock)
    manager = ServiceManager(environment)
    metrics = Metrics()
    supervisor = Supervisor(
        on_restart=lambda task: metrics.task_restarts.labels(_family_of(task)).inc()
    )
    bus = Bus(config.engine.subscriber_queue_limit)

    store = await open_store(
        config.storage,
        clock,
        pop=config.pop,
        instance=new_id(),
        daemon=f"pid {os.getpid()} on {socket.gethostname()}",
    )
    stack.push_async_callback(store.close)
    dispatcher = Dispatcher(
        config.alerting,
        config.pop,
        clock,
        store=store,
        new_id=new_id,
        count=lambda destination, result: metrics.alerts_sent.labels(destination, result).inc(),
    )
    publish = Publisher(bus, dispatcher)

    restarts = Restarts(config.bgp, clock)
    own = OwnAddressKeeper(clock)
    metrics.connections_refused.start_at_zero(*((each,) for each in Refusal))
    speaker = Speaker(
        config.bgp,
        clock=clock,
        jitter=_jitter,
        tasks=supervisor,
        publish=SpeakerNews(clock, publish, own.changed).on_event,
        untouchable=untouchable_networks(config),
        restarting_for_s=restarts.restarting_for_s(),
        inherited=[each.detach() for each in sockets.get("bgp", ())],
    )
    announcer = BgpAnnouncer(speaker, config.bgp.local_asn)
    engine = Engine(
        store=store,
        announcer=announcer,
        notifier=dispatcher,
        clock=clock,
        snapshot=replace(
            config.snapshot(clock.now_us()),
            own_entries=own_entries(speaker.own_addresses, clock.now_us()),
        ),
        bus=bus,
        new_id=new_id,
    )

    sources = SourceWatch(clock, publish, config.correlation.sources)
    soon = asyncio.get_running_loop().call_soon
    bus.listen(NewsCounter(metrics, config.pop, config.correlation.sources, clock).count)
    bus.listen(log_news)
    bus.listen(sources.on_news)
    bus.listen(InexpressibleAlert(announcer.why_inexpressible, publish, soon).on_news)
    lag = LoopLag(clock)
    readings = Readings(metrics, engine, speaker, announcer, store, dispatcher, lag, clock)

    accounts = Accounts(store, config.auth, clock, new_id, config.pop, publish)
    adapters = LiveAdapters(adapters_of(config))
    certificates = Certificates(config.api.tls, from_clients=config.auth.mode is AuthMode.MTLS)
    apply = ApplyConfig(
        clock=clock,
        engine=engine,
        speaker=speaker,
        restarts=restarts,
        dispatcher=dispatcher,
        adapters=adapters,
        sources=sources,
        certificates=certificates,
        bgp_is_live=config.bgp.live,
    )
    live = LiveConfig(config, environment, clock, apply, publish)
    services = Services(
        engine=engine,
        authenticator=ModeAuthenticator(
            config.auth, accounts, Cors(config.api.cors_origin), _own_hosts(config)
        ),
        speaker=BgpView(speaker, announcer),
        clock=clock,
        metrics=metrics,
        exposition=Exposition(metrics.registry, readings.prepare),
        new_id=new_id,
        version=__version__,
        pop=config.pop,
        answers=store,
        heard=sources.seen,
    )
    routes = (
        *ROUTES,
        *_account_routes(config, accounts),
        *SignalRoutes(adapters).routes(),
        *ConfigRoutes(live).routes(),
        *FeedRoutes(accounts).routes(),
        *MaintenanceRoutes(store).routes(),
        *AlertRoutes(dispatcher).routes(),
    )
    address_of = address_reader(config.api.trusted_proxies)
    api = build_app(services, config.api, routes=routes, address_of=address_of)

    async def reload() -> None:
        await _reload_on_signal(live, manager, clock)

    return Daemon(
        config=config,
        clock=clock,
        manager=manager,
        metrics=metrics,
        lag=lag,
        supervisor=supervisor,
        publish=publish,
        store=store,
        dispatcher=dispatcher,
        restarts=restarts,
        speaker=speaker,
        own=own,
        engine=engine,
        sources=sources,
        server=HttpServer(
            api,
            config.api,
            sockets["api"],
            certificates,
            limits_of(config.api, config.bgp),
            lambda refusal: metrics.connections_refused.labels(refusal).inc(),
        ),
        life=Lifecycle(reload),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """One run of the daemon: the parts that start, stop, or run as a task."""

    config: Config
    clock: Clock
    manager: ServiceManager
    metrics: Metrics
    lag: LoopLag
    supervisor: Supervisor
    publish: Callable[[Sequence[News]], None]
    store: Store
    dispatcher: Dispatcher
    restarts: Restarts
    speaker: Speaker
    own: OwnAddressKeeper
    engine: Engine
    sources: SourceWatch
    server: HttpServer
    life: Lifecycle

    async def start(self) -> None:
        self.metrics.build_info.labels(__version__, self.config.pop, self.config.mode).set(1)
        self.metrics.start_time.set(self.clock.now_us() / 1_000_000)
        # A row or an event makes hundreds of objects and no cycles: look for cycles more rarely.
        gc.set_threshold(50_000, 50, 100)
        await self.engine.start()
        gc.freeze()  # what was loaded stays: full collections need not look at it again
        for name, loop in self.engine.loops():
            self._supervise(f"engine:{name}", loop)
        self._supervise("alerts", self.dispatcher.run)
        self._supervise("sources", self.sources.run)
        self._supervise("retention", self._retention)
        self._supervise("audit-head", self.store.audit_anchor.keep)
        self._supervise("instance-lock", self.store.keep_lock)
        self._supervise("loop-lag", self.lag.run)
        self._supervise("own-addresses", partial(self.own.run, self.engine))
        if self.config.bgp.live:
            self.speaker.start()
            self._supervise("restart-marker", self.restarts.keep_alive)
        await self.server.start()
        self._supervise("reload", self.life.serve_reloads)
        self._supervise("watchdog", self.manager.feed_watchdog)
        self.publish((SystemStarted(at_us=self.clock.now_us(), version=__version__),))

    async def stop(self) -> None:
        await self.engine.stop()
        await self.speaker.stop(None, "prefixd stops")
        await asyncio.to_thread(self.restarts.ended)
        await self.server.stop()
        await self.dispatcher.stop()
        await self.supervisor.stop_all()
        await self.store.audit_anchor.last_step()

    def report_ready(self, sockets: Sequence[socket.socket]) -> None:
        base = base_url(self.config, sockets[0].getsockname()[1])
        self.manager.ready(summary(self.config, base))
        log.info("ready", extra={"version": __version__, "pop": self.config.pop, "listen": base})
        if sys.stdout.isatty():  # a log that a machine reads has log lines only
            sys.stdout.write(f"{greeting(self.config, base)}\n")
            sys.stdout.flush()

    def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self.metrics.task_restarts.start_at_zero((_family_of(name),))
        self.supervisor.start(name, run)

    async def _retention(self) -> None:
        while True:
            await asyncio.sleep(RETENTION_S)
            await self.store.retention.run_once(self.clock.now_us())


def _account_routes(config: Config, accounts: Accounts) -> Sequence[Route]:
    return account_routes(
        accounts,
        secure_cookie=cookie_is_secure(
            config.auth.cookie, config.api.trusted_proxies, own_tls=config.api.tls is not None
        ),
        session_idle_s=config.auth.session_idle_s,
        alert_events=frozenset(AlertEvent),
    )


def _own_hosts(config: Config) -> OwnHosts:
    public = urlsplit(config.alerting.public_url or "").hostname
    api = config.api
    return OwnHosts((*api.allowed_hosts, api.listen.host, socket.gethostname(), public))


async def _reload_on_signal(live: LiveConfig, manager: ServiceManager, clock: Clock) -> None:
    manager.reloading(int(clock.monotonic() * 1_000_000))
    try:
        await live.reload(SYSTEM)
    except ConfigRejectedError:
        return  # logged and published already; a signal has no sender to answer
    except StoreUnavailable as error:
        # The audit row comes first, so nothing was changed; say so instead of a traceback.
        log.error("reload refused, database unreachable", extra={"reason": str(error)})
    finally:
        manager.ready("serving")


def _bind_sockets(config: Config, environment: Mapping[str, str]) -> dict[str, list[socket.socket]]:
    """By the service manager or by ourselves; `api` is always among them."""
    sockets = inherited_sockets(environment)
    if not sockets.get("api"):
        listen = config.api.listen
        sockets["api"] = [bind_tcp(listen.host, listen.port, "the API (http.listen)")]
    return sockets


def _family_of(task: str) -> str:
    """`engine` of `engine:due times`: a label with a bounded set of values."""
    return task.partition(":")[0]


def _jitter() -> float:
    """A number from 0 to 1 that peers of ours do not share."""
    return int.from_bytes(os.urandom(4), "big") / 0xFFFF_FFFF


def _close_all(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()
