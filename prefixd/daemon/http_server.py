"""The HTTP socket: bound early, so that a port in use is the first thing an operator sees.

TLS certificates are loaded into one context that the server keeps using; loading them again into
the same context applies a renewed certificate without closing a connection.
"""

import errno
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from prefixd.api.app import DIRECT
from prefixd.api.settings import ApiSettings, TlsSettings
from prefixd.errors import StartupError

BACKLOG = 1024


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
    """The web application on its sockets."""

    def __init__(
        self,
        app: web.Application,
        settings: ApiSettings,
        sockets: Sequence[socket.socket],
        certificates: Certificates,
    ) -> None:
        self._direct = app[DIRECT]
        self._settings = settings
        self._sockets = list(sockets)
        self._context = certificates.context
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
        for listening in self._sockets:
            await web.SockSite(
                self._runner, listening, ssl_context=self._context, backlog=BACKLOG
            ).start()
        if self._settings.unix_socket is not None:
            await self._start_unix(self._settings.unix_socket)

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _start_unix(self, path: Path) -> None:
        try:
            await web.UnixSite(self._runner, str(path)).start()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StartupError(f"http.unix_socket {path}: {reason}") from error
