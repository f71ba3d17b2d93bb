"""A response that is complete when it is made: head and body leave in one write.

aiohttp's own response keeps its headers in a multidict, can be changed until the last moment and is
walked once more when it is sent. Nearly all our responses are known in full when a handler returns,
and most header lines are the same each time, so the head is joined from ready pieces. Streams (the
feed, the WebSocket) use aiohttp's own.

This file knows how an HTTP/1.1 response is framed (RFC 9112) and nothing of its content.
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


class RawResponse(web.StreamResponse):
    """`fields` are header lines of this response, each with its end of line."""

    def __init__(self, status: int, fields: bytes = b"", body: bytes = b"") -> None:
        super().__init__(status=status)
        self.fields = fields
        self.lead = b""
        """Header lines that every response has; the middleware sets them."""
        self._content = body
        self._sent = False
        self._stays_open: bool | None = None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection serves another request after this one."""
        return self._stays_open

    def force_close(self) -> None:
        self._stays_open = False

    @property
    def prepared(self) -> bool:
        return self._sent

    async def prepare(self, request: web.BaseRequest) -> None:
        """Called by aiohttp when the handler is done."""
        if self._sent:
            return
        self._sent = True
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client closed the connection before the response")
        if self._stays_open is None:
            self._stays_open = request.keep_alive
        body, status = self._content, self.status
        pieces = [_STATUS_LINES[status], self.lead, self.fields]
        if status not in _BODILESS:
            pieces.append(b"Content-Length: %d\r\n" % len(body))
        if not self._stays_open:
            pieces.append(b"Connection: close\r\n")
        elif request.version.minor == 0:  # HTTP/1.0 closes by default (RFC 9112 9.3)
            pieces.append(b"Connection: keep-alive\r\n")
        pieces.append(b"\r\n")
        if request.method != "HEAD":
            pieces.append(body)
        transport.write(b"".join(pieces))
        await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """All of it went out in `prepare`."""
        assert not data, "a raw response is complete when it is made"


def field_line(name: str, text: str) -> bytes:
    """A header line. A line break in the value would let a caller add a header."""
    if "\r" in text or "\n" in text:
        raise ValueError(f"{name} holds a line break")
    return f"{name}: {text}\r\n".encode()


def field_lines(fields: Iterable[tuple[str, str]]) -> bytes:
    return b"".join([field_line(name, text) for name, text in fields])
