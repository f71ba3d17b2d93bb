"""What an earlier prefixd holds, from a dump of its database or from its API, as requests to ours.

The two sources say the same things with different words; here they become one kind of item.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from prefixd.cli.amount import moment
from prefixd.cli.dump import Row, read_dump
from prefixd.cli.failure import Failure, usage
from prefixd.cli.service import Service

LIVE = frozenset({"pending", "active", "escalated"})
PROTOCOLS = {1: "icmp", 58: "icmp", 6: "tcp", 17: "udp"}
TABLES = ("mitigations", "safelist", "operators")
PAGE = 1000


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

    def body(self, now: datetime) -> dict[str, Any]:
        """The request that makes it again, for what is left of its life."""
        made: dict[str, Any] = {
            "victim_ip": self.victim,
            "action": self.action,
            "ttl_seconds": max(1, round((self.expires_at - now).total_seconds())),
            "protocol": PROTOCOLS.get(self.protocol or 0, "any"),
            "dst_ports": list(self.ports),
            "reason": f"taken over: {self.reason}"[:1024],
        }
        return made if self.rate_bps is None else made | {"rate_bps": self.rate_bps}


@dataclass(frozen=True, slots=True)
class OldEntry:
    prefix: str
    reason: str | None
    added_by: str


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


def from_dump(path: Path, now: datetime) -> Holdings:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{path}: {error}") from error
    if "PGDMP" in text[:16]:
        raise usage(f"{path} is a custom-format dump", "make a plain one: pg_dump -Fp prefixd")
    tables = read_dump(text, TABLES)
    if not any(tables.values()):
        raise usage(f"{path} has no rows of {', '.join(TABLES)}", "is it a plain pg_dump?")
    remarks: list[str] = []
    live = [row for row in tables["mitigations"] if row.get("status") in LIVE]
    mitigations = [found for row in live if (found := _row(row, remarks)) is not None]
    return Holdings(
        tuple(row for row in mitigations if row.expires_at > now),
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


def from_api(service: Service) -> Holdings:
    remarks: list[str] = []
    answer = service.ask("GET", "/v1/safelist")
    safelist = tuple(
        OldEntry(row["prefix"], row.get("reason"), row.get("added_by") or "?")
        for row in answer.tree
        # A newer service lists configured and built-in entries too; those are not to be taken.
        if row.get("source", "api") == "api"
    )
    mitigations = [_object(row) for status in sorted(LIVE) for row in _all(service, status)]
    try:
        listed = service.ask("GET", "/v1/operators").tree["operators"]
    except Failure as failure:
        listed = []
        remarks.append(f"operators are not listed: {failure.message}")
    return Holdings(
        tuple(row for row in mitigations if row is not None and row.expires_at > answer.now),
        safelist,
        tuple(OldOperator(row["username"], row["role"]) for row in listed),
        tuple(remarks),
    )


def _all(service: Service, status: str) -> list[Any]:
    rows: list[Any] = []
    query: dict[str, object] = {"status": status, "limit": PAGE}
    while True:
        tree = service.ask("GET", "/v1/mitigations", query=query).tree
        rows += tree["mitigations"]
        if not tree.get("has_more"):
            return rows
        query["cursor"] = tree["next_cursor"]


def _row(row: Row, remarks: list[str]) -> OldMitigation | None:
    """A database row; one that cannot be read is named and left out."""
    name = row.get("mitigation_id") or "?"
    try:
        match = json.loads(row.get("match_json") or "{}")
        params = json.loads(row.get("action_params_json") or "{}") or {}
    except ValueError:
        remarks.append(f"mitigation {name}: its match is no JSON; left out")
        return None
    expires = moment(_iso(row.get("expires_at")))
    if expires is None:
        remarks.append(f"mitigation {name}: its expiry cannot be read; left out")
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
    expires = moment(row.get("expires_at"))
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


def _iso(text: str | None) -> str | None:
    """`2026-01-10 08:02:00+00`, as a database writes it, in the form that is read everywhere."""
    if text is None:
        return None
    short_zone = len(text) > 3 and text[-3] in "+-"
    return f"{text}:00" if short_zone else text
