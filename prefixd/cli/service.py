"""The service as commands see it: a question, an answer. Knows nothing of sockets.

The client that fits this needs HTTP and TLS from the standard library, which take longer to import
than everything else here together; it is loaded when the first question is asked, so that `--help`
and completions do not wait for it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from prefixd.cli.failure import unreachable
from prefixd.cli.target import Target


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
            raise unreachable("what answers there is no prefixd: its reply is no JSON") from error

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Service(Protocol):
    target: Target
    cookie: str | None

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
        ...

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
        ...

    def stream(
        self, path: str, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> Iterator[str]:
        """Lines of a reply that does not end, on a connection of its own."""
        ...

    def close(self) -> None: ...


def segment(text: str) -> str:
    """One segment of a path, whatever is in it."""
    return quote(text, safe="")
