"""Structured logs: one line per event.

A log call is a constant phrase and fields: `log.info("session closed", extra={"peer": name})`;
docs/observability.md lists the phrases.
Two formats write it, JSON (one object a line) and text (for a terminal); control characters that a
detector or a router put into a field cannot forge a second line in either. The request id travels
in a context variable, so it lands only on lines of the request that owns it.

No code logs a secret; as a second protection, values of fields named like one are starred.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# What logging itself puts on a record; everything else came in through `extra`.
_OWN_ATTRIBUTES = frozenset(
    vars(logging.LogRecord("", 0, "", 0, "", None, None))
    | {"message": 0, "asctime": 0, "taskName": 0}
)
_SECRET_NAMES = (
    "password",
    "secret",
    "token",
    "authorization",
    "cookie",
    "api_key",
    "routing_key",
)
STARS = "***"

LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in vars(record).items():
        if name in _OWN_ATTRIBUTES:
            continue
        secret = any(word in name.lower() for word in _SECRET_NAMES)
        fields[name] = STARS if secret else value
    bound = request_id.get()
    if bound is not None:
        fields.setdefault("request_id", bound)
    return fields


def _time_of(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={_shown(value)}" for name, value in fields_of(record).items())
        head = f"{_time_of(record)} {record.levelname:<7} {_one_line(record.getMessage())}"
        line = f"{head}  {fields}" if fields else head
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _shown(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    plain = text.isprintable() and text != "" and not any(sign in text for sign in ' "=')
    return text if plain else f'"{_escaped(text)}"'


def _one_line(text: str) -> str:
    return text if text.isprintable() else _escaped(text)


def _escaped(text: str) -> str:
    """As in JSON, but what can be printed stays readable: `≥`, names of customers."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


def configure(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Replace whatever logging was set up before with one handler on `stream` (stderr)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    # Per-request lines of the HTTP library cost more than the request; ours says what matters.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # What this one calls errors is malformed HTTP of clients, which is answered 400. Errors of
    # handlers are logged by the API's middleware.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    # Its pool logs a traceback for each attempt to reconnect; the store logs an outage once.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
    # Its debug lines hold the parameters of every statement: hashes of passwords and tokens.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
