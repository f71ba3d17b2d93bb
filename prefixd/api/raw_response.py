"""An answer that is complete when it is made: head and body leave in one write.

The HTTP library's own response keeps its headers in a multidict, lets itself be changed until the
last moment and walks everything once more when it is sent. That costs a third of a small request.
Nearly all our answers are known in full when a handler returns, and most of their head is the same
each time, so it is joined from ready pieces. What streams (the feed, the WebSocket) does not come
through here.

This file knows how an HTTP/1.1 answer is framed (RFC 9112) and nothing of what it says.
"""

from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web

JSON = "application/json"
JSON_FIELD = b"Content-Type: application/json\r\n"
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_BODILESS = frozenset({HTTPStatus.NO_CONTENT.value, HTTPStatus.NOT_MODIFIED.value})


class Octets(web.StreamResponse):
    """`fields` are header lines of this answer, each with its end of line."""

    def __init__(self, status: int, fields: bytes = b"", body: bytes = b"") -> None:
        super().__init__(status=status)
        self.fields = fields
        self.lead = b""
        """Header lines that every answer has; whoever lets this one out sets them."""
        self._octets = body
        self._sent = False

    @property
    def octets(self) -> bytes:
        return self._octets

    @property
    def prepared(self) -> bool:
        return self._sent

    async def prepare(self, request: web.BaseRequest) -> None:
        """Called by the HTTP library when the handler is done."""
        if self._sent:
            return
        self._sent = True
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left before its answer")
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        body = self._octets
        pieces = [_STATUS_LINES[self._status], self.lead, self.fields]
        if self._status not in _BODILESS:
            pieces.append(b"Content-Length: %d\r\n" % len(body))
        if not self._keep_alive:
            pieces.append(b"Connection: close\r\n")
        elif request.version.minor == 0:  # who speaks 1.0 has to be told (RFC 9112 9.3)
            pieces.append(b"Connection: keep-alive\r\n")
        pieces.append(b"\r\n")
        if request.method != "HEAD":
            pieces.append(body)
        transport.write(b"".join(pieces))
        await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """All of it went out in `prepare`."""
        assert not data, "an answer of octets is complete when it is made"


def field_line(name: str, text: str) -> bytes:
    """A header line. A line break in the value would begin a header of somebody else's choice."""
    if "\r" in text or "\n" in text:
        raise ValueError(f"{name} holds a line break")
    return f"{name}: {text}\r\n".encode()


def field_lines(fields: Iterable[tuple[str, str]]) -> bytes:
    return b"".join([field_line(name, text) for name, text in fields])
