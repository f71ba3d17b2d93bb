"""Signal groups: one row each, its evidence inside.

Evidence belongs to its group and is read and written with it, so it lives in the row as JSON
instead of a table of its own: one statement saves a group, whatever changed. `sources` repeats the
source names between bars (`|fastnetmon|akvorado|`) because lists are filtered by them.
"""

from collections.abc import Sequence
from sys import intern
from typing import Final

import msgspec

from prefixd.domain.group import CloseReason, Evidence, Group, GroupState, HoldReason
from prefixd.domain.ids import GroupId, IncidentId, MitigationId, SignalId
from prefixd.domain.page import GroupFilter, Live, Page, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.domain.vector import Vector
from prefixd.store.database import Database, Row
from prefixd.store.paging import Listing, Where, read_live, read_page
from prefixd.store.rules import parse_prefix
from prefixd.store.unit import Statement, Unit, Value
from prefixd.store.unreadable import Unreadables

_COLUMNS: Final = (
    "group_id, pop, victim_ip, group_key, vector, state, created_at, last_primary_at,"
    " window_expires_at, met_at, derived_confidence, source_count, primary_count, playbook_name,"
    " hold_reason, clearing_since, close_reason, closed_at, customer_id, service_id, sources,"
    " has_mitigation, details_json, evidence_json, version"
)
_INSERT: Final = (
    f"INSERT INTO signal_groups ({_COLUMNS}) VALUES ({', '.join('?' * 25)}) ON CONFLICT DO NOTHING"
)
_UPDATE: Final = (
    "UPDATE signal_groups SET group_key = ?, vector = ?, state = ?, last_primary_at = ?,"
    " window_expires_at = ?,"
    " met_at = ?, derived_confidence = ?, source_count = ?, primary_count = ?, playbook_name = ?,"
    " hold_reason = ?, clearing_since = ?, close_reason = ?, closed_at = ?, customer_id = ?,"
    " service_id = ?, sources = ?, has_mitigation = ?, details_json = ?, evidence_json = ?,"
    " version = ? WHERE group_id = ? AND version = ? AND state <> 'closed'"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM signal_groups"
_LISTING: Final = Listing("signal_groups", _COLUMNS, "created_at", "group_id")


class _Details(msgspec.Struct, omit_defaults=True):
    pops: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    routers: tuple[str, ...] = ()
    mitigation_ids: tuple[MitigationId, ...] = ()
    trigger_signal_id: SignalId | None = None
    incident_id: IncidentId | None = None
    config_version: int = 0


_ENCODER: Final = msgspec.json.Encoder()
_DETAILS: Final = msgspec.json.Decoder(_Details)
# The members of `Evidence` are the names in the stored JSON; a test reads a text written today.
_EVIDENCE: Final = msgspec.json.Decoder(tuple[Evidence, ...])


class GroupWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def insert(self, group: Group) -> None:
        """Conflict("group") when its POP has a live group for this victim and key."""
        head = (
            group.group_id,
            group.pop,
            group.victim.victim_text(),
            group.key,
            group.vector,
            group.state,
            group.created_at_us,
        )
        params = (*head, *_changing(group), group.version)
        self._unit.statements.append(
            Statement(_INSERT, params, clash="group", key=group.group_id, hot=True)
        )

    def update(self, group: Group, seen_version: int | None = None) -> None:
        """Conflict("version") unless the stored group is not closed and has the version that was
        seen, by default one less than the new one. Conflict("group") when it takes a key that
        another live group of the victim has."""
        seen = group.version - 1 if seen_version is None else seen_version
        params = (
            group.key,
            group.vector,
            group.state,
            *_changing(group),
            group.version,
            group.group_id,
            seen,
        )
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
            _COLUMNS,
            "state <> 'closed'",
            pop,
            "victim_ip, group_key",
            _group,
            self._unreadables,
        )

    async def live_of(self, pop: str, victim: Prefix) -> Sequence[Group]:
        """A victim's groups that are not closed; one that cannot be read is left out."""
        rows = await self._database.fetch_all(
            f"{_SELECT} WHERE pop = ? AND victim_ip = ? AND state <> 'closed'",
            (pop, victim.victim_text()),
        )
        return self._unreadables.read("signal_groups", rows, _group)[0]

    async def get(self, group_id: str) -> Group | None:
        row = await self._database.fetch_one(f"{_SELECT} WHERE group_id = ?", (group_id,))
        return None if row is None else self._unreadables.one("signal_groups", row, _group)

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
        return await read_page(self._database, _LISTING, where, page, _group, self._unreadables)


def _changing(group: Group) -> tuple[Value, ...]:
    """The columns both statements share, in their common order."""
    sources = sorted({evidence.source for evidence in group.evidence})
    details = _Details(
        pops=group.pops,
        interfaces=group.interfaces,
        routers=group.routers,
        mitigation_ids=group.mitigation_ids,
        trigger_signal_id=group.trigger_signal_id,
        incident_id=group.incident_id,
        config_version=group.config_version,
    )
    return (
        group.last_primary_at_us,
        group.expires_at_us,
        group.met_at_us,
        group.confidence,
        group.source_count,
        group.primary_count,
        group.playbook,
        group.hold_reason,
        group.clearing_since_us,
        group.close_reason,
        group.closed_at_us,
        group.customer_id,
        group.service_id,
        f"|{'|'.join(sources)}|",
        bool(group.mitigation_ids),
        _ENCODER.encode(details).decode(),
        _ENCODER.encode(group.evidence).decode(),
    )


def _group(row: Row) -> Group:
    (
        group_id,
        pop,
        victim,
        key,
        vector,
        state,
        created_at,
        last_primary_at,
        expires_at,
        met_at,
        confidence,
        source_count,
        primary_count,
        playbook,
        hold_reason,
        clearing_since,
        close_reason,
        closed_at,
        customer_id,
        service_id,
        _sources,
        _has_mitigation,
        details_text,
        evidence_text,
        version,
    ) = row
    details = _DETAILS.decode(details_text)
    return Group(
        group_id=GroupId(intern(group_id)),
        pop=intern(pop),
        victim=parse_prefix(victim),
        key=intern(key),
        vector=Vector(vector),
        state=GroupState(state),
        created_at_us=created_at,
        last_primary_at_us=last_primary_at,
        expires_at_us=expires_at,
        evidence=_EVIDENCE.decode(evidence_text),
        met_at_us=met_at,
        confidence=confidence,
        source_count=source_count,
        primary_count=primary_count,
        playbook=playbook and intern(playbook),
        hold_reason=None if hold_reason is None else HoldReason(hold_reason),
        clearing_since_us=clearing_since,
        close_reason=None if close_reason is None else CloseReason(close_reason),
        closed_at_us=closed_at,
        customer_id=customer_id and intern(customer_id),
        service_id=service_id and intern(service_id),
        pops=details.pops,
        interfaces=details.interfaces,
        routers=details.routers,
        mitigation_ids=tuple(MitigationId(intern(one)) for one in details.mitigation_ids),
        trigger_signal_id=details.trigger_signal_id,
        incident_id=details.incident_id,
        config_version=details.config_version,
        version=version,
    )
