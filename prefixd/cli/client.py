"""HTTP to the service: TCP, TLS or a unix socket; one connection, kept while the command runs.

An answer is kept as it came, so that `-f json` can print it whole. What is no success becomes a
`Failure` with the service's own sentence. Redirects are not followed: a token is sent to the
address somebody chose and to no other. A request that changes something is never sent twice.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlencode, urlsplit

from prefixd import __version__
from prefixd.cli.failure import Failure, denied, refused, unreachable, usage
from prefixd.cli.service import Answer
from prefixd.cli.target import Target
from prefixd.clock import Clock

FEED_SILENCE_S = 60.0
"""The feed sends a heartbeat every 20 s; three missed ones mean that the line is dead."""
CLOCKS_AGREE_S = 2.0
_AWAY = frozenset({502, 503, 504})


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    def __init__(self, target: Target, clock: Clock, cookie: str | None = None) -> None:
        self.target = target
        self.cookie = None if target.token is not None else cookie
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None
        self._prefix = ""
        self._where = target.api

    def ask(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A success, or the Failure that the service's answer amounts to."""
        answer = self.exchange(method, path, body, query=query, headers=headers)
        if 200 <= answer.status < 300:
            return answer
        raise self._failure(answer)

    def exchange(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Whatever the service answers; only not being answered is a Failure."""
        data = None if body is None else json.dumps(body).encode()
        sent = {**self._headers(data is not None), **(headers or {})}
        for last_try in (False, True):
            connection, fresh = self._connected()
            try:
                connection.request(method, self._url(path, query), data, sent)
                response = connection.getresponse()
                return self._answer(response, response.read())
            except (ConnectionError, http.client.HTTPException, OSError) as error:
                self.close()
                # A kept connection may have been closed meanwhile; a read can be asked again.
                if not fresh and not last_try and method == "GET":
                    continue
                raise self._no_answer(error) from error
        raise AssertionError("the second try returns or raises")

    def stream(
        self, path: str, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> Iterator[str]:
        """Lines of a reply that does not end, on a connection of its own."""
        connection = self._connect(FEED_SILENCE_S)
        try:
            connection.request("GET", self._url(path, query), None, {**self._headers(), **headers})
            response = connection.getresponse()
            if response.status != 200:
                raise self._failure(self._answer(response, response.read()))
            while line := response.readline():
                yield line.decode(errors="replace").rstrip("\r\n")
        except (ConnectionError, http.client.HTTPException, OSError) as error:
            raise self._no_answer(error) from error
        finally:
            connection.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> tuple[http.client.HTTPConnection, bool]:
        if self._connection is not None:
            return self._connection, False
        self._connection = self._connect(self.target.timeout_s)
        return self._connection, True

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.target.api)
        if parts.scheme == "unix":
            return _UnixConnection(unquote(parts.netloc + parts.path), timeout_s)
        try:
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise usage(f"{self.target.api!r} is no address: {error}") from error
        if parts.scheme not in {"http", "https"} or not host:
            hint = "write http://HOST:PORT, https://HOST or unix:///PATH"
            raise usage(f"{self.target.api!r} is no address of a service", hint)
        self._prefix = parts.path.rstrip("/")
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=timeout_s)
        return http.client.HTTPSConnection(
            host, port, timeout=timeout_s, context=tls_context(self.target)
        )

    def _url(self, path: str, query: Mapping[str, object] | None) -> str:
        asked = {key: value for key, value in (query or {}).items() if value is not None}
        return self._prefix + path + (f"?{urlencode(asked)}" if asked else "")

    def _headers(self, has_body: bool = False) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": f"prefixdctl/{__version__}"}
        if has_body:
            headers["Content-Type"] = "application/json"
        if self.target.token is not None:
            headers["Authorization"] = f"Bearer {self.target.token}"
        elif self.cookie is not None:
            headers["Cookie"] = f"id={self.cookie}"
        return headers

    def _answer(self, response: http.client.HTTPResponse, body: bytes) -> Answer:
        here = self._clock.now()
        try:
            there = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            there = here
        # A Date has whole seconds: where the clocks agree that far, ours is the finer reading.
        now = here if abs((there - here).total_seconds()) < CLOCKS_AGREE_S else there
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, headers=headers, body=body, now=now)

    def _no_answer(self, error: Exception) -> Failure:
        hints = [f"is prefixd running there? the address is {self._where}"]
        if isinstance(error, ssl.SSLCertVerificationError):
            hints = ["--ca FILE names the authority that signed it"]
            return unreachable(f"its certificate is not trusted: {error.verify_message}", *hints)
        if isinstance(error, TimeoutError):
            return unreachable(f"no answer from {self._where} in time", *hints)
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return unreachable(f"cannot reach {self._where}: {words.lower()}", *hints)

    def _failure(self, answer: Answer) -> Failure:
        text, details = sentence_of(answer)
        if answer.status in {401, 403}:
            return denied(text, *details, *self._login_hints(answer.status))
        if answer.status in _AWAY:
            return unreachable(text, *details)
        if 300 <= answer.status < 400:
            return refused(
                f"it redirects to {answer.headers.get('location')}; use that as the address"
            )
        return refused(text, *details)

    def _login_hints(self, status: int) -> list[str]:
        if status == 403:
            return ["`prefixdctl whoami` shows what you may do"]
        if self.target.token is not None:
            return ["the token is not accepted (revoked, expired, or of another service)"]
        return ["sign in with `prefixdctl login`, or give a token in PREFIXD_API_TOKEN"]


def sentence_of(answer: Answer) -> tuple[str, list[str]]:
    """The service's sentence and its list of reasons, or the bare status for a stranger's reply."""
    try:
        tree = json.loads(answer.body)
    except ValueError:
        tree = None
    if not isinstance(tree, dict) or not isinstance(tree.get("error"), str):
        phrase = http.client.responses.get(answer.status, "")
        return f"{answer.status} {phrase}".strip(), []
    errors = tree.get("errors")
    details = [str(item) for item in errors] if isinstance(errors, list) else []
    sentence: str = tree["error"]
    if details and sentence.endswith(f": {details[0]}"):
        sentence = sentence.removesuffix(f": {details[0]}")  # each problem on a line of its own
    details = [item for item in details if item not in sentence]
    if answer.status >= 500 and tree.get("request_id"):
        details.append(f"request id {tree['request_id']}")
    return f"{sentence} ({answer.status})", details


def tls_context(target: Target) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if target.ca is None else str(target.ca))
        if target.cert is not None:
            context.load_cert_chain(target.cert, target.key)
    except (OSError, ssl.SSLError) as error:
        raise usage(f"the TLS files cannot be used: {error}") from error
    if target.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
