"""No inner text leaves the process, whatever is broken: the client gets a sentence and a number."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.kit.daemon_process import DaemonProcess

INNER = re.compile(
    r"Traceback|sqlite|asyncpg|aiosqlite|OperationalError|\bSELECT\b|\bINSERT\b|no such table"
    r"|\.py\b|/tmp/|site-packages|prefixd\.[a-z]+\.",
    re.IGNORECASE,
)


def every_call(daemon: DaemonProcess) -> Iterator[tuple[str, str, object]]:
    """Each method and path of the daemon's own document, with a body that says little."""
    document = daemon.get("/openapi.json").json
    for path, methods in document["paths"].items():
        for method in methods:
            filled = re.sub(r"\{[^}]*\}", "00000000-0000-7000-8000-000000000000", path)
            if path not in ("/v1/feed", "/v1/ws/feed"):
                body = {} if method in ("post", "put") else None
                yield method.upper(), filled, body


def test_w60_no_inner_text_leaves_whatever_is_broken(tmp_path: Path) -> None:
    """Once with a good store and bodies that are wrong, once with every table gone."""
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.event().status == 202
        calls = list(every_call(daemon))
        assert len(calls) > 50
        answers = [(call, daemon.request(*call)) for call in calls]
        with sqlite3.connect(daemon.directory / "prefixd.db") as database:
            names = database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall()
            for (name,) in names:
                if not name.startswith("sqlite_"):
                    database.execute(f"DROP TABLE {name}")
        broken = [(call, daemon.request(*call)) for call in calls]
        broken += [(("POST", "/v1/events", None), daemon.event("198.51.100.30"))]
        assert {answer.status for _, answer in broken} & {500, 503}
        for call, answer in [*answers, *broken]:
            if call[1] in ("/docs", "/openapi.json", "/metrics"):
                continue
            assert not INNER.search(answer.body.decode()), (call, answer.body[:400])
            if answer.status >= 500:
                assert answer.json["request_id"] == answer.headers["X-Request-ID"]
