"""The HTTP socket: bound early, so that a port in use is the first thing an operator sees.

TLS certificates are loaded into one context that the server keeps using; loading them again into
the same context applies a renewed certificate without closing a connection.
"""

import asyncio
import errno
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from prefixd.api.app import DIRECT
from prefixd.api.settings import ApiSettings, TlsSettings
from prefixd.bgp.neighbor_settings import IPAddress
from prefixd.bgp.settings import SpeakerSettings
from prefixd.bgp.speaker.listener import Listener
from prefixd.daemon.connection_limits import ConnectionLimits, Refusal, room_for_http
from prefixd.errors import StartupError

log = logging.getLogger(__name__)

BACKLOG = 1024
HANDSHAKE_S: Final = 15.0
LOG_EVERY_S: Final = 60.0


def bind_tcp(host: str, port: int, what: str) -> socket.socket:
    """A listening socket, or a StartupError that says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise StartupError(f"{what} cannot listen on {where}: {_advice(error, port)}") from error
    return listening


def _advice(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another process uses it already (find it with `ss -ltnp`), or change the setting"
    if error.errno == errno.EACCES:
        return (
            f"port {port} needs the capability CAP_NET_BIND_SERVICE (the service unit grants it);"
            " a port above 1023 needs nothing"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    return (error.strerror or str(error)).lower()


def limits_of(settings: ApiSettings, bgp: SpeakerSettings) -> ConnectionLimits:
    """What the settings allow, as far as the open-file limit of this process lets them."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    neighbors = len(bgp.peers) + sum(each.max_peers for each in bgp.dynamic)
    room = room_for_http(descriptors, neighbors)
    if room < settings.max_connections:
        log.info(
            "fewer HTTP connections than configured: open-file limit",
            extra={"open_files": descriptors, "connections": room},
        )
    return ConnectionLimits(
        min(settings.max_connections, room),
        settings.max_connections_per_address,
        settings.trusted_proxies,
    )


def tls_context(settings: TlsSettings, *, client_certificates: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificates(context, settings)
    if client_certificates:
        if settings.ca_path is None:
            raise StartupError("http.auth.mode mtls needs http.tls.ca_path")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load_certificates(context: ssl.SSLContext, settings: TlsSettings) -> None:
    try:
        context.load_cert_chain(settings.cert_path, settings.key_path)
        if settings.ca_path is not None:
            context.load_verify_locations(settings.ca_path)
    except (OSError, ssl.SSLError) as error:
        raise StartupError(
            f"http.tls: {settings.cert_path} and {settings.key_path} cannot be used: {error}"
        ) from error


class Certificates:
    """The TLS context of the server, if it has one."""

    def __init__(self, settings: TlsSettings | None, *, from_clients: bool) -> None:
        self.context: ssl.SSLContext | None = None
        if settings is not None:
            self.context = tls_context(settings, client_certificates=from_clients)

    def check(self, settings: TlsSettings | None) -> None:
        """Raises StartupError for files that cannot be used; changes nothing."""
        if settings is not None:
            tls_context(settings, client_certificates=False)

    def reload(self, settings: TlsSettings | None) -> None:
        if settings is not None and self.context is not None:
            load_certificates(self.context, settings)


class HttpServer:
    """The web application on its sockets.

    Connections are accepted here and not by the library, because each one counts from `accept` on:
    a TLS handshake that never ends holds a descriptor as well.
    """

    def __init__(
        self,
        app: web.Application,
        settings: ApiSettings,
        sockets: Sequence[socket.socket],
        certificates: Certificates,
        limits: ConnectionLimits,
        count_refused: Callable[[Refusal], None],
    ) -> None:
        self._direct = app[DIRECT]
        self._settings = settings
        self._sockets = list(sockets)
        self._context = certificates.context
        self._limits = limits
        self._count_refused = count_refused
        self._listeners: list[Listener] = []
        self._addresses: dict[object, str] = {}
        """The caller of each connection, by its protocol."""
        self._opening: set[asyncio.Task[None]] = set()
        self._logged_at = float("-inf")
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=5.0,
            keepalive_timeout=75.0,
            auto_decompress=False,  # bodies are inflated with a bound, after authentication
        )

    async def start(self) -> None:
        await self._runner.setup()
        server = self._runner.server
        assert server is not None, "setup makes it"
        server.request_handler = self._direct.before(server.request_handler)
        self._release_when_lost(server)
        self._listeners = [Listener(each, self._arrived) for each in self._sockets]
        if self._settings.unix_socket is not None:
            await self._start_unix(self._settings.unix_socket)

    async def stop(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners = []
        for task in self._opening:
            task.cancel()
        await self._runner.cleanup()

    def _arrived(self, sock: socket.socket, source: IPAddress) -> None:
        address = str(source)
        refusal = self._limits.take(address)
        if refusal is not None:
            sock.close()
            self._refused(refusal, address)
            return
        task = asyncio.get_running_loop().create_task(self._open(sock, address))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, sock: socket.socket, address: str) -> None:
        """Hand an accepted connection to the library; it ends in `_release_when_lost`."""
        server = self._runner.server
        assert server is not None, "it is only torn down after the listeners"
        handler = server()
        self._addresses[handler] = address
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: handler,
                sock,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S if self._context is not None else None,
            )
        except OSError:
            # No TLS handshake, or gone already: nothing that an operator has to know.
            self._release(handler)
            sock.close()
        except BaseException:
            self._release(handler)
            sock.close()
            raise

    def _release_when_lost(self, server: web.Server) -> None:
        inner = server.connection_lost

        def lost(handler: RequestHandler, exc: BaseException | None = None) -> None:
            inner(handler, exc)
            self._release(handler)

        server.connection_lost = lost  # type: ignore[method-assign]  # the library has no hook for it

    def _release(self, handler: object) -> None:
        address = self._addresses.pop(handler, None)
        if address is not None:
            self._limits.release(address)

    def _refused(self, refusal: Refusal, address: str) -> None:
        self._count_refused(refusal)
        now = asyncio.get_running_loop().time()
        if now >= self._logged_at + LOG_EVERY_S:
            self._logged_at = now
            limits = self._limits
            most = limits.total if refusal is Refusal.TOTAL else limits.per_address
            log.warning(
                "HTTP connection refused: too many are open",
                extra={"limit": refusal.value, "most": most, "address": address},
            )

    async def _start_unix(self, path: Path) -> None:
        try:
            await web.UnixSite(self._runner, str(path)).start()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StartupError(f"http.unix_socket {path}: {reason}") from error
