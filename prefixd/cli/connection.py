"""One HTTP connection to the service: TCP, TLS or a unix socket. Every failure is an OSError.

HTTP and TLS of the standard library take longer to import than the rest of the program together, so
the client loads this module with the first question.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from prefixd.cli.failure import usage
from prefixd.cli.target import Target


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class Connection:
    def __init__(self, target: Target, timeout_s: float) -> None:
        self._http = _connect(target, timeout_s)

    def ask(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        with _one_kind_of_error():
            self._http.request(method, path, data, headers)
            return _reply(self._http.getresponse())

    def lines(self, path: str, headers: Mapping[str, str]) -> Reply | Iterator[str]:
        """Lines of a reply that does not end, or the reply when it is not a success."""
        with _one_kind_of_error():
            self._http.request("GET", path, None, headers)
            response = self._http.getresponse()
            return _reply(response) if response.status != 200 else _lines(response)

    def close(self) -> None:
        self._http.close()


def _reply(response: http.client.HTTPResponse) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status, headers, response.read())


def _lines(response: http.client.HTTPResponse) -> Iterator[str]:
    with _one_kind_of_error():
        while line := response.readline():
            yield line.decode(errors="replace").rstrip("\r\n")


@contextmanager
def _one_kind_of_error() -> Iterator[None]:
    try:
        yield
    except http.client.HTTPException as error:
        raise ConnectionError(str(error) or type(error).__name__) from error


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connect(target: Target, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(target.api)
    if parts.scheme == "unix":
        return _UnixConnection(unquote(parts.netloc + parts.path), timeout_s)
    hint = "use http://HOST:PORT, https://HOST or unix:///PATH"
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise usage(f"invalid API address {target.api!r}: {error}", hint) from error
    if parts.scheme not in {"http", "https"} or not host:
        raise usage(f"invalid API address {target.api!r}", hint)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=_tls_context(target))


def _tls_context(target: Target) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if target.ca is None else str(target.ca))
        if target.cert is not None:
            context.load_cert_chain(target.cert, target.key)
    except OSError as error:
        raise usage(f"TLS files cannot be used: {error}") from error
    if target.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
