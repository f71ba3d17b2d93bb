"""prefixdctl inside the test: canned answers, a clock that stands still, what was printed."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefixd.cli import main as module
from prefixd.cli.client import Answer, Client
from prefixd.cli.context import Call
from prefixd.cli.failure import Failure
from prefixd.cli.output import Output
from prefixd.cli.target import Cookies, Target
from prefixd.cli.terminal import Prompt, Screen
from tests.kit.clock import FakeClock

GRAMMAR = module.build_grammar()
NOW = "2026-01-01T00:00:00Z"  # what FakeClock says
ID = "01a1fc36-aaf0-7465-a881-f86d63249002"
PIPE = Screen(width=None, colour=False, interactive=False)


def terminal(width: int = 80, *, colour: bool = False) -> Screen:
    return Screen(width=width, colour=colour, interactive=True)


@dataclass
class CannedService(Client):
    """Answers by method and path; remembers what it was asked."""

    answers: Mapping[str, object]
    target: Target = field(default_factory=Target)
    cookie: str | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)
    feed: list[list[str]] = field(default_factory=list)
    feed_headers: list[Mapping[str, str]] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        found = self._found(method, path, body, query)
        if isinstance(found, Failure):
            raise found
        return self._canned(found)

    def exchange(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return self._canned(self._found(method, path, body, query))

    def stream(
        self, path: str, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> Iterator[str]:
        self.feed_headers.append(headers)
        yield from self.feed.pop(0)

    def close(self) -> None:
        self.cookie = self.cookie

    def _found(
        self, method: str, path: str, body: object, query: Mapping[str, object] | None
    ) -> object:
        given = {key: value for key, value in (query or {}).items() if value is not None}
        self.asked.append((method, path, body if body is not None else given))
        found = self.answers[f"{method} {path}"]
        if isinstance(found, list) and found and isinstance(found[0], Answer):
            return found.pop(0)
        return found

    def _canned(self, found: object) -> Answer:
        if isinstance(found, Answer):
            return found
        return answer(found, clock=self.clock)


def answer(
    tree: object, status: int = 200, clock: FakeClock | None = None, **headers: str
) -> Answer:
    return Answer(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=json.dumps(tree).encode(),
        now=(clock or FakeClock()).now(),
    )


@dataclass
class Printed:
    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ctl(
    service: CannedService,
    *words: str,
    screen: Screen = PIPE,
    typed: str | None = None,
    home: Path = Path("/nonexistent"),
    interrupted: bool = False,
) -> Printed:
    """One command over canned answers. `typed`: what an operator at a terminal types."""
    out, err = io.StringIO(), io.StringIO()
    environ = {"HOME": str(home)}
    parsed = GRAMMAR.parse_args(list(words))
    output = Output(out, err, screen, screen, getattr(parsed, "format", None) or "table")
    stdin = io.StringIO() if typed is None else Terminal(typed)
    call = Call(
        words=parsed, out=output, service=service, prompt=Prompt(stdin, err),
        clock=service.clock, cookies=Cookies(environ), environ=environ,
    )  # fmt: skip
    try:
        code = module.perform(call)
    except Failure as failure:
        err.write(f"{failure.message}\n" + "".join(f"{hint}\n" for hint in failure.hints))
        code = failure.code
    except KeyboardInterrupt:
        if not interrupted:
            raise
        code = 130
    return Printed(code, out.getvalue(), err.getvalue())


def a_mitigation(**fields: object) -> dict[str, object]:
    row: dict[str, object] = {
        "mitigation_id": ID, "status": "active", "customer_id": "cust_example",
        "service_id": None, "pop": "lab1", "victim_ip": "198.51.100.20", "vector": "udp_flood",
        "action_type": "police", "rate_bps": 20_000_000, "dst_prefix": "198.51.100.20/32",
        "protocol": 17, "dst_ports": [], "created_at": "2025-12-31T23:58:00.000000Z",
        "updated_at": "2025-12-31T23:58:00.000000Z", "expires_at": "2026-01-01T00:02:40.000000Z",
        "withdrawn_at": None, "triggering_event_id": ID, "last_event_id": ID,
        "scope_hash": "964c32ff55d51c0cba17411274e697d2", "reason": "udp_flood to a customer",
        "acknowledged_at": None, "acknowledged_by": None,
        "match": "dst 198.51.100.20/32 proto udp", "action": "police to 20 Mbit/s",
        "playbook": "udp-flood", "step": 0, "created_by": "policy", "sources": ["fastnetmon"],
        "confidence": 0.9, "dry_run": False, "escalated_at": None, "ended_by": None,
        "rejection_reason": None,
    }  # fmt: skip
    return row | fields


def a_page(name: str, *rows: object, more: str | None = None) -> dict[str, object]:
    return {
        name: list(rows), "count": len(rows), "next_cursor": more, "has_more": more is not None,
    }  # fmt: skip


def a_peer(**fields: object) -> dict[str, object]:
    row: dict[str, object] = {
        "name": "edge1", "description": "", "profile": "junos", "address": "192.0.2.1",
        "peer_asn": [64500], "state": "established", "since": "2025-12-31T22:00:00.000000Z",
        "enabled": True, "dynamic": False, "last_down": None, "last_down_at": None,
        "last_error": "", "rules": {"ipv4-flowspec": 3, "ipv6-flowspec": 1},
        "withheld": {}, "quarantined": 0, "outbox": 0, "flaps": 0, "announced": 9, "withdrawn": 5,
        "messages_in": {"keepalive": 20}, "messages_out": {"keepalive": 20, "update": 9},
        "octets_in": 400, "octets_out": 2048, "faults": {}, "negotiated": None, "transport": None,
    }  # fmt: skip
    return row | fields


def health(**fields: object) -> dict[str, object]:
    row: dict[str, object] = {
        "status": "healthy", "version": "0.1.0", "pop": "lab1", "uptime_seconds": 5120,
        "bgp_sessions": {"edge1": "established"}, "active_mitigations": 3,
        "database": "connected", "gobgp": {"status": "connected"}, "auth_mode": "bearer",
        "ready": True, "reasons": [], "dry_run": False, "queue_depth": 0, "last_reconcile": None,
    }  # fmt: skip
    return row | fields
