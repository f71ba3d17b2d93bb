"""Signal groups: one row each, its evidence inside.

Evidence belongs to its group and is read and written with it, so it lives in the row as JSON
instead of a table of its own: one statement saves a group, whatever changed. `sources` repeats the
source names between bars (`|fastnetmon|akvorado|`) because lists are filtered by them.
"""

from collections.abc import Sequence
from sys import intern
from typing import Any, Final

import msgspec

from prefixd.domain.group import CloseReason, Evidence, Group, GroupState, HoldReason
from prefixd.domain.ids import MitigationId
from prefixd.domain.page import GroupFilter, Live, Page, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.vector import Vector
from prefixd.store.columns import Column, Columns, Derived, Json, Shared
from prefixd.store.database import Database
from prefixd.store.paging import Listing, Where, read_live, read_page
from prefixd.store.rules import parse_prefix
from prefixd.store.unit import Statement, Unit
from prefixd.store.unreadable import Unreadables

_EVIDENCE: Final = msgspec.json.Decoder(tuple[Evidence, ...])
_ENCODER: Final = msgspec.json.Encoder()


def _evidence(evidence: tuple[Evidence, ...]) -> str:
    return _ENCODER.encode(evidence).decode()


def _sources(group: Group) -> str:
    return f"|{'|'.join(sorted({evidence.source for evidence in group.evidence}))}|"


def _finish(fields: dict[str, Any]) -> None:
    fields["mitigation_ids"] = tuple(
        MitigationId(intern(each)) for each in fields["mitigation_ids"]
    )


_GROUP: Final = Columns(
    Group,
    Column("group_id", "group_id", read=intern),
    Column("pop", "pop", read=intern),
    Column("victim_ip", "victim", Prefix.victim_text, parse_prefix),
    Column("group_key", "key", read=intern),
    Column("vector", "vector", read=Vector),
    Column("state", "state", read=GroupState),
    Column("created_at", "created_at_us"),
    Column("last_primary_at", "last_primary_at_us"),
    Column("window_expires_at", "expires_at_us"),
    Column("met_at", "met_at_us"),
    Column("derived_confidence", "confidence"),
    Column("source_count", "source_count"),
    Column("primary_count", "primary_count"),
    Column("playbook_name", "playbook", read=intern),
    Column("hold_reason", "hold_reason", read=HoldReason),
    Column("clearing_since", "clearing_since_us"),
    Column("close_reason", "close_reason", read=CloseReason),
    Column("closed_at", "closed_at_us"),
    Column("customer_id", "customer_id", read=intern),
    Column("service_id", "service_id", read=intern),
    Derived("sources", _sources),
    Derived("has_mitigation", lambda group: bool(group.mitigation_ids)),
    Shared(
        "details_json",
        Json(
            Group,
            "pops", "interfaces", "routers", "mitigation_ids", "trigger_signal_id", "incident_id",
            "config_version",
        ),
    ),
    Column("evidence_json", "evidence", _evidence, _EVIDENCE.decode),
    Column("version", "version"),
    finish=_finish,
)  # fmt: skip
_FIXED: Final = frozenset({"group_id", "pop", "victim_ip", "created_at"})
_CHANGING: Final = _GROUP.some(name for name in _GROUP.names if name not in _FIXED)
_INSERT: Final = f"{_GROUP.insert('signal_groups')} ON CONFLICT DO NOTHING"
_UPDATE: Final = (
    f"UPDATE signal_groups SET {_CHANGING.sql}"
    " WHERE group_id = ? AND version = ? AND state <> 'closed'"
)
_SELECT: Final = f"SELECT {_GROUP.sql} FROM signal_groups"
_LISTING: Final = Listing("signal_groups", _GROUP.sql, "created_at", "group_id")


class GroupWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def insert(self, group: Group) -> None:
        """Conflict("group") when its POP has a live group for this victim and key."""
        self._unit.statements.append(
            Statement(_INSERT, _GROUP.encode(group), clash="group", key=group.group_id, hot=True)
        )

    def update(self, group: Group, seen_version: int | None = None) -> None:
        """Conflict("version") unless the stored group is not closed and has the version that was
        seen, by default one less than the new one. Conflict("group") when it takes a key that
        another live group of the victim has."""
        seen = group.version - 1 if seen_version is None else seen_version
        params = (*_CHANGING.encode(group), group.group_id, seen)
        self._unit.statements.append(
            Statement(_UPDATE, params, clash="version", key=group.group_id, hot=True)
        )


class GroupReads:
    def __init__(self, database: Database, unreadables: Unreadables) -> None:
        self._database = database
        self._unreadables = unreadables

    async def live(self, pop: str) -> Live[Group]:
        return await read_live(
            self._database,
            "signal_groups",
            _GROUP.sql,
            "state <> 'closed'",
            pop,
            "victim_ip, group_key",
            _GROUP.decode,
            self._unreadables,
        )

    async def live_of(self, pop: str, victim: Prefix) -> Sequence[Group]:
        """A victim's groups that are not closed; one that cannot be read is left out."""
        rows = await self._database.fetch_all(
            f"{_SELECT} WHERE pop = ? AND victim_ip = ? AND state <> 'closed'",
            (pop, victim.victim_text()),
        )
        return self._unreadables.read("signal_groups", rows, _GROUP.decode)[0]

    async def get(self, group_id: str) -> Group | None:
        row = await self._database.fetch_one(f"{_SELECT} WHERE group_id = ?", (group_id,))
        return None if row is None else self._unreadables.one("signal_groups", row, _GROUP.decode)

    async def page(self, wanted: GroupFilter, page: PageRequest) -> Page[Group]:
        where = Where()
        where.one_of("state", wanted.states)
        where.equal("vector", wanted.vector)
        where.equal("victim_ip", None if wanted.victim is None else wanted.victim.victim_text())
        where.equal("customer_id", wanted.customer_id)
        where.equal_unindexed("pop", wanted.pop)
        if wanted.source is not None:
            # Not LIKE: SQLite's is blind to case, PostgreSQL's is not.
            where.term("REPLACE(sources, ?, '') <> sources", f"|{wanted.source}|")
        if wanted.met is not None:
            where.term(f"met_at {'IS NOT NULL' if wanted.met else 'IS NULL'}")
        if wanted.has_mitigation is not None:
            where.term("has_mitigation" if wanted.has_mitigation else "NOT has_mitigation")
        return await read_page(
            self._database, _LISTING, where, page, _GROUP.decode, self._unreadables
        )
