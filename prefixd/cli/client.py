"""The service as commands see it: a question, an answer. One connection, kept while it runs.

An answer is kept as received, so that `-f json` can print it whole. Any status but a success
becomes a `Failure` with the service's own sentence. Redirects are not followed: a token is sent to
the address the operator chose and to no other. A request that changes something is never sent
twice.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from prefixd import __version__
from prefixd.cli.failure import Failure, denied, refused, unreachable
from prefixd.cli.target import Target
from prefixd.clock import Clock

FEED_SILENCE_S = 60.0
"""The feed sends a heartbeat every 20 s; three missed ones mean that the line is dead."""
CLOCKS_AGREE_S = 2.0
_CANNOT_SERVE = frozenset({502, 503, 504})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    """The service's clock when it answered: what `expires_at` is compared with."""

    @property
    def tree(self) -> Any:
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise unreachable("not a prefixd API: the reply is not JSON") from error

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def segment(text: str) -> str:
    """One segment of a path, whatever is in it."""
    return quote(text, safe="")


class Client:
    def __init__(self, target: Target, clock: Clock, cookie: str | None = None) -> None:
        # because: HTTP and TLS are half of the start-up time, and help never asks the service
        from prefixd.cli.connection import Connection

        self.target = target
        self.cookie = None if target.token is not None else cookie
        self._clock = clock
        self._open = Connection
        self._kept: Connection | None = None

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
        """Any answer of the service; only no answer at all is a Failure."""
        data = None if body is None else json.dumps(body).encode()
        sent = {**self._headers(data is not None), **(headers or {})}
        while True:
            kept = self._kept
            self._kept = connection = kept or self._open(self.target, self.target.timeout_s)
            try:
                return self._answer(*connection.ask(method, self._path(path, query), data, sent))
            except OSError as error:
                self.close()
                # A kept connection may have been closed meanwhile; a read can be asked again.
                if kept is None or method != "GET":
                    raise self._no_answer(error) from error

    def stream(
        self, path: str, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> Iterator[str]:
        """Lines of a reply that does not end, on a connection of its own."""
        connection = self._open(self.target, FEED_SILENCE_S)
        try:
            found = connection.lines(self._path(path, query), {**self._headers(), **headers})
            if isinstance(found, tuple):
                raise self._failure(self._answer(*found))
            yield from found
        except OSError as error:
            raise self._no_answer(error) from error
        finally:
            connection.close()

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _path(self, path: str, query: Mapping[str, object] | None) -> str:
        parts = urlsplit(self.target.api)
        prefix = "" if parts.scheme == "unix" else parts.path.rstrip("/")
        asked = {key: value for key, value in (query or {}).items() if value is not None}
        return prefix + path + (f"?{urlencode(asked)}" if asked else "")

    def _headers(self, has_body: bool = False) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": f"prefixdctl/{__version__}"}
        if has_body:
            headers["Content-Type"] = "application/json"
        if self.target.token is not None:
            headers["Authorization"] = f"Bearer {self.target.token}"
        elif self.cookie is not None:
            headers["Cookie"] = f"id={self.cookie}"
        return headers

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        here = self._clock.now()
        date = headers.get("date", "").replace("GMT", "+0000")
        try:
            there = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S %z")
        except ValueError:
            there = here
        # A Date has whole seconds: where the clocks agree that far, ours is the finer reading.
        now = here if abs((there - here).total_seconds()) < CLOCKS_AGREE_S else there
        return Answer(status=status, headers=headers, body=body, now=now)

    def _no_answer(self, error: OSError) -> Failure:
        where = self.target.api
        if verification := getattr(error, "verify_message", None):
            hint = "--ca FILE names the authority that signed it"
            return unreachable(f"certificate of the service not trusted: {verification}", hint)
        hint = f"is prefixd running there? the address is {where}"
        if isinstance(error, TimeoutError):
            return unreachable(f"no answer from {where} in time", hint)
        words = error.strerror or str(error) or type(error).__name__
        return unreachable(f"cannot reach {where}: {words.lower()}", hint)

    def _failure(self, answer: Answer) -> Failure:
        text, details = sentence_of(answer)
        if answer.status in {401, 403}:
            return denied(text, *details, self._login_hint(answer.status))
        if answer.status in _CANNOT_SERVE:
            return unreachable(text, *details)
        if 300 <= answer.status < 400:
            where = answer.headers.get("location")
            return refused(f"the service redirects to {where}; use that as the address")
        return refused(text, *details)

    def _login_hint(self, status: int) -> str:
        if status == 403:
            return "`prefixdctl whoami` shows your permissions"
        if self.target.token is not None:
            return "the token is not accepted (revoked, expired, or of another service)"
        return "sign in with `prefixdctl login`, or set a token in PREFIXD_API_TOKEN"


def sentence_of(answer: Answer) -> tuple[str, list[str]]:
    """The service's sentence and its list of reasons, or the bare status for any other reply."""
    try:
        tree = json.loads(answer.body)
    except ValueError:
        tree = None
    if not isinstance(tree, dict) or not isinstance(tree.get("error"), str):
        return f"{answer.status} {_PHRASES.get(answer.status, '')}".strip(), []
    errors = tree.get("errors")
    details = [str(item) for item in errors] if isinstance(errors, list) else []
    sentence: str = tree["error"]
    if details and sentence.endswith(f": {details[0]}"):
        sentence = sentence.removesuffix(f": {details[0]}")  # each problem on a line of its own
    details = [item for item in details if item not in sentence]
    if answer.status >= 500 and tree.get("request_id"):
        details.append(f"request id {tree['request_id']}")
    return f"{sentence} ({answer.status})", details
