"""Mitigations: the rows everything else is computed from.

An insert takes the scope (the partial unique index decides between two who want it) and its
places in the quotas; leaving the live statuses gives the places back. An update names the version
it was decided on and touches live rows only, so a late writer cannot revive what has
ended. Counters and rows change in one transaction and only here.

Decoding refuses what it does not understand: a row that means something else than was decided must
not be announced. Ids and words that are in many rows are interned, here and in the tables that are
loaded with this one: a start reads tens of thousands of rows that name each other.
"""

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Any, Final

from prefixd.domain.ids import MitigationId
from prefixd.domain.mitigation import LIVE, Mitigation, Origin, Status
from prefixd.domain.page import Live, MitigationFilter, Page, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import Change, ChangeKind, QuotaLimits
from prefixd.domain.rule import action_kind
from prefixd.domain.vector import Vector
from prefixd.store.columns import INTERNED, Column, Columns, Joint, Json, Shared
from prefixd.store.counters import (
    live_customer,
    live_global,
    live_pop,
    total_mitigations,
)
from prefixd.store.database import Database
from prefixd.store.paging import Listing, Where, read_live, read_page
from prefixd.store.rules import decode_rule, encode_action, encode_match, parse_prefix
from prefixd.store.unit import UNLIMITED, Claim, Statement, Unit
from prefixd.store.unreadable import Unreadables


def _other_vectors(mitigation: Mitigation) -> tuple[Vector, ...]:
    """Nothing where it is the vector alone."""
    vectors = mitigation.contributing_vectors
    return () if vectors == (mitigation.vector,) else vectors


def _finish(fields: dict[str, Any]) -> None:
    fields["contributing_vectors"] = fields["contributing_vectors"] or (fields["vector"],)


_DETAILS: Final = Json(
    Mitigation,
    "contributing_vectors", "playbook", "playbook_version", "step", "priority", "confidence",
    "sources", "pinned", "escalated_at_us", "escalated_from_id",
    texts={"playbook": INTERNED},
    instead={"contributing_vectors": _other_vectors},
    defaults={"contributing_vectors": ()},
)  # fmt: skip

_MITIGATION: Final = Columns(
    Mitigation,
    Column("mitigation_id", "mitigation_id", read=intern),
    Column("version", "version"),
    Column("status", "status", read=Status),
    Column("pop", "pop", read=intern),
    Column("scope_hash", "scope_hash"),
    Column("dry_run", "dry_run", read=bool),
    Column("customer_id", "customer_id", read=intern),
    Column("service_id", "service_id", read=intern),
    Column("victim_ip", "victim", Prefix.victim_text, parse_prefix),
    Column("vector", "vector", read=Vector),
    Joint(
        "rule",
        (
            Column("match_json", "rule.match", encode_match),
            Column("action_type", "rule.action", action_kind),
            Column("action_params_json", "rule.action", encode_action),
        ),
        decode_rule,
    ),
    Column("created_at", "created_at_us"),
    Column("updated_at", "updated_at_us"),
    Column("expires_at", "expires_at_us"),
    Column("withdrawn_at", "withdrawn_at_us"),
    Column("triggering_event_id", "triggering_event_id", read=intern),
    Column("last_event_id", "last_event_id", read=intern),
    Column("signal_group_id", "group_id", read=intern),
    Column("reason", "reason"),
    Column("origin", "origin", read=Origin),
    Column("created_by", "created_by", read=intern),
    Shared("details_json", _DETAILS),
    Column("end_reason", "end_reason"),
    Column("ended_by", "ended_by"),
    Column("rejection_reason", "rejection_reason"),
    Column("acknowledged_at", "acknowledged_at_us"),
    Column("acknowledged_by", "acknowledged_by"),
    finish=_finish,
)

_LIVE: Final = "status IN ('pending', 'active', 'escalated')"
_CHANGING: Final = _MITIGATION.some(
    (
        "version", "status", "scope_hash", "match_json", "action_type", "action_params_json",
        "updated_at", "expires_at", "withdrawn_at", "last_event_id", "signal_group_id", "reason",
        "details_json", "end_reason", "ended_by", "rejection_reason", "acknowledged_at",
        "acknowledged_by",
    )
)  # fmt: skip
_ACKNOWLEDGED: Final = _MITIGATION.some(
    ("version", "updated_at", "acknowledged_at", "acknowledged_by")
)
_INSERT: Final = f"{_MITIGATION.insert('mitigations')} ON CONFLICT DO NOTHING"
_UPDATE: Final = (
    f"UPDATE mitigations SET {_CHANGING.sql} WHERE mitigation_id = ? AND version = ? AND {_LIVE}"
)
_ACKNOWLEDGE: Final = (
    f"UPDATE mitigations SET {_ACKNOWLEDGED.sql}"
    " WHERE mitigation_id = ? AND version = ? AND acknowledged_at IS NULL"
)
_SELECT: Final = f"SELECT {_MITIGATION.sql} FROM mitigations"
VERSION_STEP_ROWS: Final = 5000
_LISTING: Final = Listing("mitigations", _MITIGATION.sql, "created_at", "mitigation_id")


class MitigationWrites:
    __slots__ = ("_origin", "_unit")

    def __init__(self, unit: Unit, origin: str) -> None:
        self._unit = unit
        self._origin = origin

    def insert(self, mitigation: Mitigation, limits: QuotaLimits = QuotaLimits()) -> None:  # noqa: B008 - an immutable tuple
        """Conflict("scope") when its traffic has a live row in its POP, Conflict("quota", name)
        when a limit is reached."""
        m = mitigation
        self._unit.statements.append(
            Statement(_INSERT, _MITIGATION.encode(m), clash="scope", key=m.scope_hash, hot=True)
        )
        if m.is_live:
            self._unit.claims.extend(_places(m, 1, limits))
        self._unit.claims.append(Claim(total_mitigations(m.pop), 1))
        self._changed(m)

    def update(self, mitigation: Mitigation, seen_version: int | None = None) -> None:
        """Conflict("version") unless the stored row is live and has the version that was seen,
        by default one less than the new one."""
        m = mitigation
        seen = m.version - 1 if seen_version is None else seen_version
        params = (*_CHANGING.encode(m), m.mitigation_id, seen)
        self._unit.statements.append(
            Statement(_UPDATE, params, clash="version", key=m.mitigation_id, hot=True)
        )
        if not m.is_live:
            self._unit.claims.extend(_places(m, -1, QuotaLimits()))
        self._changed(m)

    def acknowledge(self, mitigation: Mitigation) -> None:
        """Live or ended; once. Touches nothing but the acknowledgement."""
        m = mitigation
        params = (*_ACKNOWLEDGED.encode(m), m.mitigation_id, m.version - 1)
        self._unit.statements.append(
            Statement(_ACKNOWLEDGE, params, clash="version", key=m.mitigation_id, hot=True)
        )
        self._changed(m)

    def _changed(self, m: Mitigation) -> None:
        self._unit.changes.append(
            Change(ChangeKind.MITIGATION, m.pop, m.mitigation_id, self._origin)
        )


class MitigationReads:
    def __init__(self, database: Database, unreadables: Unreadables) -> None:
        self._database = database
        self._unreadables = unreadables

    async def live(self, pop: str | None) -> Live[Mitigation]:
        """Live rows of a POP, or of all. A row that cannot be read never hides the others."""
        return await read_live(
            self._database,
            "mitigations",
            _MITIGATION.sql,
            _LIVE,
            pop,
            "mitigation_id",
            _MITIGATION.decode,
            self._unreadables,
        )

    async def live_versions(self, pop: str) -> Sequence[tuple[MitigationId, int]]:
        """Id and version of every live row of a POP: enough to see what has changed."""
        found: list[tuple[MitigationId, int]] = []
        last = ""
        while True:
            rows = await self._database.fetch_all(
                f"SELECT mitigation_id, version FROM mitigations WHERE {_LIVE} AND pop = ?"
                f" AND mitigation_id > ? ORDER BY mitigation_id LIMIT {VERSION_STEP_ROWS}",
                (pop, last),
            )
            found += [(MitigationId(row[0]), row[1]) for row in rows]
            if len(rows) < VERSION_STEP_ROWS:
                return found
            last = found[-1][0]

    async def live_elsewhere(self, pop: str) -> Mapping[str | None, int]:
        """How many live rows the other POPs have, by customer (None: without a customer)."""
        rows = await self._database.fetch_all(
            f"SELECT customer_id, COUNT(*) FROM mitigations WHERE {_LIVE} AND pop <> ?"
            " GROUP BY customer_id",
            (pop,),
        )
        return {row[0]: row[1] for row in rows}

    async def orphaned(
        self, pop: str, now_us: int, seen_since_us: int, limit: int
    ) -> Sequence[Mitigation]:
        """Live rows whose time is over, of other POPs whose instance has not been there since."""
        rows = await self._database.fetch_all(
            f"{_SELECT} WHERE {_LIVE} AND expires_at <= ? AND pop <> ? AND pop NOT IN"
            " (SELECT pop FROM instances WHERE seen_at >= ?) ORDER BY mitigation_id LIMIT ?",
            (now_us, pop, seen_since_us, limit),
        )
        return self._unreadables.read("mitigations", rows, _MITIGATION.decode)[0]

    async def get(self, mitigation_id: str) -> Mitigation | None:
        row = await self._database.fetch_one(f"{_SELECT} WHERE mitigation_id = ?", (mitigation_id,))
        return (
            None if row is None else self._unreadables.one("mitigations", row, _MITIGATION.decode)
        )

    async def page(self, wanted: MitigationFilter, page: PageRequest) -> Page[Mitigation]:
        where = Where()
        where.one_of("status", wanted.statuses)
        where.equal("customer_id", wanted.customer_id)
        where.equal("victim_ip", None if wanted.victim is None else wanted.victim.victim_text())
        where.equal("vector", wanted.vector)
        where.equal_unindexed("pop", wanted.pop)
        where.equal("signal_group_id", wanted.group_id)
        if wanted.acknowledged is not None:
            known = "IS NOT NULL" if wanted.acknowledged else "IS NULL"
            where.term(f"acknowledged_at {known}")
        return await read_page(
            self._database, _LISTING, where, page, _MITIGATION.decode, self._unreadables
        )


def _places(m: Mitigation, amount: int, limits: QuotaLimits) -> list[Claim]:
    """One place in each quota it counts in."""
    claims = [
        Claim(live_global(dry_run=m.dry_run), amount, _limit(limits.everywhere)),
        Claim(live_pop(m.pop, dry_run=m.dry_run), amount, _limit(limits.pop)),
    ]
    if m.customer_id is not None:
        name = live_customer(m.customer_id, dry_run=m.dry_run)
        claims.append(Claim(name, amount, _limit(limits.customer)))
    return claims


def _limit(limit: int | None) -> int:
    return UNLIMITED if limit is None else limit


assert {"pending", "active", "escalated"} == LIVE, "the partial indexes spell these words"
