"""What an earlier prefixd holds, from a dump of its database or from its API, as requests to ours.

The two sources say the same things with different words; here they become one kind of item. Nothing
is asked and nothing is sent here.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from prefixd.errors import PrefixdError
from prefixd.migrate.dump import Row, read_dump

LIVE = frozenset({"pending", "active", "escalated"})
PROTOCOLS = {1: "icmp", 58: "icmp", 6: "tcp", 17: "udp"}
TABLES = ("mitigations", "safelist", "operators")


class NotADump(PrefixdError):
    """The text is not a plain SQL dump of an earlier prefixd; the sentence says what to do."""


class Request(NamedTuple):
    """A POST to our API."""

    path: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldMitigation:
    victim: str
    action: str
    rate_bps: int | None
    protocol: int | None
    ports: tuple[int, ...]
    expires_at: datetime
    pop: str
    reason: str

    def request(self, now: datetime) -> Request:
        """Makes it again, for the rest of its lifetime."""
        body: dict[str, Any] = {
            "victim_ip": self.victim,
            "action": self.action,
            "ttl_seconds": max(1, round((self.expires_at - now).total_seconds())),
            "protocol": PROTOCOLS.get(self.protocol or 0, "any"),
            "dst_ports": list(self.ports),
            "reason": f"taken over: {self.reason}"[:1024],
        }
        if self.rate_bps is not None:
            body["rate_bps"] = self.rate_bps
        return Request("/v1/mitigations", body)


@dataclass(frozen=True, slots=True)
class OldEntry:
    prefix: str
    reason: str | None
    added_by: str

    def request(self) -> Request:
        reason = self.reason or f"added by {self.added_by}"
        return Request("/v1/safelist", {"prefix": self.prefix, "reason": reason})


@dataclass(frozen=True, slots=True)
class OldOperator:
    username: str
    role: str


@dataclass(frozen=True, slots=True)
class Holdings:
    mitigations: tuple[OldMitigation, ...]
    safelist: tuple[OldEntry, ...]
    operators: tuple[OldOperator, ...]
    remarks: tuple[str, ...] = ()


def from_dump(text: str, now: datetime) -> Holdings:
    if "PGDMP" in text[:16]:
        raise NotADump("a custom-format dump; make a plain one: pg_dump -Fp prefixd")
    tables = read_dump(text, TABLES)
    if not any(tables.values()):
        raise NotADump(f"no rows of {', '.join(TABLES)}; is it a plain pg_dump?")
    remarks: list[str] = []
    live = [row for row in tables["mitigations"] if row.get("status") in LIVE]
    return Holdings(
        _unexpired((_row(row, remarks) for row in live), now),
        tuple(
            OldEntry(str(row["prefix"]), row.get("reason"), row.get("added_by") or "?")
            for row in tables["safelist"]
            if row.get("prefix")
        ),
        tuple(
            OldOperator(str(row["username"]), row.get("role") or "operator")
            for row in tables["operators"]
            if row.get("username")
        ),
        tuple(remarks),
    )


def from_api(
    mitigations: Iterable[Any], safelist: Iterable[Any], operators: Iterable[Any], now: datetime
) -> Holdings:
    """Rows as the earlier API lists them; `now` is that service's clock."""
    return Holdings(
        _unexpired(map(_object, mitigations), now),
        tuple(
            OldEntry(row["prefix"], row.get("reason"), row.get("added_by") or "?")
            for row in safelist
            # A newer service lists configured and built-in entries too; those are not imported.
            if row.get("source", "api") == "api"
        ),
        tuple(OldOperator(row["username"], row["role"]) for row in operators),
    )


def _unexpired(rows: Iterable[OldMitigation | None], now: datetime) -> tuple[OldMitigation, ...]:
    return tuple(row for row in rows if row is not None and row.expires_at > now)


def _row(row: Row, remarks: list[str]) -> OldMitigation | None:
    """A database row; one that cannot be read is named and left out."""
    name = row.get("mitigation_id") or "?"
    try:
        match = json.loads(row.get("match_json") or "{}")
        params = json.loads(row.get("action_params_json") or "{}") or {}
    except ValueError:
        remarks.append(f"mitigation {name}: match is not JSON; left out")
        return None
    expires = _moment(row.get("expires_at"))
    if expires is None:
        remarks.append(f"mitigation {name}: expiry cannot be read; left out")
        return None
    return OldMitigation(
        victim=str(match.get("dst_prefix") or row.get("victim_ip")),
        action=row.get("action_type") or "discard",
        rate_bps=params.get("rate_bps"),
        protocol=match.get("protocol"),
        ports=tuple(match.get("dst_ports") or ()),
        expires_at=expires,
        pop=row.get("pop") or "",
        reason=row.get("reason") or row.get("vector") or "",
    )


def _object(row: Any) -> OldMitigation | None:
    expires = _moment(row.get("expires_at"))
    if expires is None:
        return None
    return OldMitigation(
        victim=row.get("dst_prefix") or row["victim_ip"],
        action=row["action_type"],
        rate_bps=row.get("rate_bps"),
        protocol=row.get("protocol"),
        ports=tuple(row.get("dst_ports") or ()),
        expires_at=expires,
        pop=row.get("pop") or "",
        reason=row.get("reason") or row.get("vector") or "",
    )


def _moment(text: object) -> datetime | None:
    """ISO 8601 as an API or a database writes it; a time without a zone is UTC."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
