"""Evidence without a victim, kept until it expires so that later groups can use it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from prefixd.domain.ids import GroupId, SignalId
from prefixd.domain.prefix import Address
from prefixd.domain.record import CorroborationRecord
from prefixd.domain.signal import Corroboration, Polarity, SignalKind
from prefixd.domain.vector import Vector
from prefixd.store.database import Database, Row
from prefixd.store.rules import parse_prefix
from prefixd.store.unit import Statement, Unit
from prefixd.store.unreadable import Unreadables

_COLUMNS: Final = (
    "signal_id, source, external_id, pop, weight, received_at, expires_at, body_json,"
    " attached_group_ids, raw_details"
)
_PUT: Final = (
    f"INSERT INTO corroborating_signals ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (source, external_id, pop) DO UPDATE SET signal_id = excluded.signal_id,"
    " weight = excluded.weight, received_at = excluded.received_at,"
    " expires_at = excluded.expires_at, body_json = excluded.body_json,"
    " attached_group_ids = excluded.attached_group_ids, raw_details = excluded.raw_details"
)


class _Body(msgspec.Struct, omit_defaults=True):
    adapter: str
    kind: SignalKind
    observed_at_us: int
    vector: Vector | None = None
    polarity: Polarity = Polarity.FOR
    confidence: float | None = None
    confidence_origin: str = "none"
    customer_id: str | None = None
    service_id: str | None = None
    interface: str | None = None
    pop: str | None = None
    router: str | None = None
    protocol: int | None = None
    victim_ip: str | None = None
    victim_prefix: str | None = None
    dst_ports: tuple[int, ...] = ()
    src_ports: tuple[int, ...] = ()
    spoofable: bool = False
    explain: str = ""
    warnings: tuple[str, ...] = ()


_ENCODER: Final = msgspec.json.Encoder()
_BODIES: Final = msgspec.json.Decoder(_Body)
_IDS: Final = msgspec.json.Decoder(tuple[GroupId, ...])


class CorroborationWrites:
    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def put(self, record: CorroborationRecord) -> None:
        """Insert, or replace the one of the same source and external id in this POP."""
        said = record.corroboration
        params = (
            record.signal_id,
            said.source,
            said.external_id,
            record.pop,
            record.weight,
            said.received_at_us,
            said.expires_at_us,
            _body(said),
            _ENCODER.encode(record.attached).decode(),
            said.raw or None,
        )
        self._unit.statements.append(Statement(_PUT, params))


class CorroborationReads:
    def __init__(self, database: Database, unreadables: Unreadables) -> None:
        self._database = database
        self._unreadables = unreadables

    async def cached(self, pop: str, now_us: int) -> Sequence[CorroborationRecord]:
        """Not yet expired, oldest first."""
        rows = await self._database.fetch_all(
            f"SELECT {_COLUMNS} FROM corroborating_signals WHERE pop = ? AND expires_at > ?"
            " ORDER BY received_at, signal_id",
            (pop, now_us),
        )
        return self._unreadables.read("corroborating_signals", rows, _record)[0]


def _body(said: Corroboration) -> str:
    return _ENCODER.encode(
        _Body(
            adapter=said.adapter,
            kind=said.kind,
            observed_at_us=said.observed_at_us,
            vector=said.vector,
            polarity=said.polarity,
            confidence=said.confidence,
            confidence_origin=said.confidence_origin,
            customer_id=said.customer_id,
            service_id=said.service_id,
            interface=said.interface,
            pop=said.pop,
            router=said.router,
            protocol=said.protocol,
            victim_ip=None if said.victim_ip is None else str(said.victim_ip),
            victim_prefix=None if said.victim_prefix is None else str(said.victim_prefix),
            dst_ports=said.dst_ports,
            src_ports=said.src_ports,
            spoofable=said.spoofable,
            explain=said.explain,
            warnings=said.warnings,
        )
    ).decode()


def _record(row: Row) -> CorroborationRecord:
    (
        signal_id,
        source,
        external_id,
        pop,
        weight,
        received_at,
        expires_at,
        body_text,
        attached_text,
        raw,
    ) = row
    body = _BODIES.decode(body_text)
    victim_ip = None if body.victim_ip is None else Address.parse(body.victim_ip)
    if body.victim_ip is not None and victim_ip is None:
        raise ValueError(f"not an address: {body.victim_ip!r}")
    return CorroborationRecord(
        signal_id=SignalId(signal_id),
        corroboration=Corroboration(
            source=source,
            adapter=body.adapter,
            external_id=external_id,
            kind=body.kind,
            vector=body.vector,
            observed_at_us=body.observed_at_us,
            received_at_us=received_at,
            expires_at_us=expires_at,
            polarity=body.polarity,
            confidence=body.confidence,
            confidence_origin=body.confidence_origin,
            customer_id=body.customer_id,
            service_id=body.service_id,
            interface=body.interface,
            pop=body.pop,
            router=body.router,
            protocol=body.protocol,
            victim_ip=victim_ip,
            victim_prefix=(
                None if body.victim_prefix is None else parse_prefix(body.victim_prefix)
            ),
            dst_ports=body.dst_ports,
            src_ports=body.src_ports,
            spoofable=body.spoofable,
            explain=body.explain,
            warnings=body.warnings,
            raw=raw or "",
        ),
        pop=pop,
        weight=weight,
        attached=_IDS.decode(attached_text),
    )
