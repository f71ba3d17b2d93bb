"""Builders of what the store keeps: a plausible value of each kind, any field overridable."""

import itertools
import uuid
from typing import Any

from prefixd.clock import SystemClock
from prefixd.domain.account import ApiToken, LoginSession, Operator
from prefixd.domain.actor import Permission, Role
from prefixd.domain.audit import AuditEntry
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, Group, GroupState
from prefixd.domain.ids import (
    DecisionId,
    GroupId,
    MitigationId,
    OperatorId,
    SignalId,
    TokenId,
)
from prefixd.domain.mitigation import Mitigation, Origin, Status
from prefixd.domain.prefix import Prefix
from prefixd.domain.record import CorroborationRecord, DecisionRecord, Outcome, SignalRecord
from prefixd.domain.rule import Match, Police, PortRange, Rule, scope_hash
from prefixd.domain.signal import Corroboration, Signal, SignalKind
from prefixd.domain.vector import Vector
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store, open_store

T0_US = 1_767_225_600_000_000
POP = "ams1"
_numbers = itertools.count(1)


def an_id() -> str:
    return str(uuid.uuid4())


def a_prefix(text: str) -> Prefix:
    prefix = Prefix.parse(text)
    assert prefix is not None
    return prefix


def a_victim() -> Prefix:
    """A new address each time."""
    number = next(_numbers)
    return a_prefix(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")


def a_rule(victim: Prefix, port: int = 53, rate_bps: int = 10_000_000) -> Rule:
    match = Match(dst=victim, protocol=17, dst_ports=(PortRange(port, port),))
    return Rule(match, Police(rate_bps))


def a_mitigation(**changes: Any) -> Mitigation:
    victim = changes.pop("victim", None) or a_victim()
    rule = changes.pop("rule", None) or a_rule(victim)
    fields: dict[str, Any] = {
        "mitigation_id": MitigationId(an_id()),
        "status": Status.ACTIVE,
        "pop": POP,
        "customer_id": "cust_example",
        "service_id": "svc_dns",
        "victim": victim,
        "vector": Vector.UDP_FLOOD,
        "contributing_vectors": (Vector.UDP_FLOOD,),
        "rule": rule,
        "scope_hash": scope_hash(rule.match),
        "created_at_us": T0_US,
        "updated_at_us": T0_US,
        "expires_at_us": T0_US + 300_000_000,
        "triggering_event_id": SignalId(an_id()),
        "last_event_id": SignalId(an_id()),
        "reason": "udp_flood to Resolver (playbook: udp)",
        "origin": Origin.DETECTOR,
        "created_by": "fastnetmon",
    }
    return Mitigation(**{**fields, **changes})


def a_signal(**changes: Any) -> Signal:
    fields: dict[str, Any] = {
        "source": "fastnetmon",
        "adapter": "native",
        "external_id": an_id(),
        "kind": SignalKind.FIRING,
        "victim": changes.get("victim") or a_victim(),
        "vector": Vector.UDP_FLOOD,
        "observed_at_us": T0_US - 1_000_000,
        "received_at_us": T0_US,
        "confidence": 0.9,
        "bps": 900_000_000,
        "pps": 210_000,
        "dst_ports": (53,),
    }
    return Signal(**{**fields, **changes})


def a_record(**changes: Any) -> SignalRecord:
    """Fields of the signal are given as `of_<field>`."""
    of_signal = {
        name.removeprefix("of_"): changes.pop(name) for name in list(changes) if name[:3] == "of_"
    }
    fields: dict[str, Any] = {
        "signal_id": SignalId(an_id()),
        "signal": changes.get("signal") or a_signal(**of_signal),
        "episode": 1,
        "pop": POP,
        "outcome": Outcome.MITIGATED,
        "last_seen_us": T0_US,
    }
    return SignalRecord(**{**fields, **changes})


def some_evidence(**changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "signal_id": SignalId(an_id()),
        "source": "fastnetmon",
        "external_id": "attack-1",
        "episode": 1,
        "role": EvidenceRole.PRIMARY,
        "state": EvidenceState.FIRING,
        "vector": Vector.UDP_FLOOD,
        "confidence": 0.9,
        "weight": 1.0,
        "first_seen_us": T0_US,
        "last_seen_us": T0_US,
    }
    return Evidence(**{**fields, **changes})


def a_group(**changes: Any) -> Group:
    fields: dict[str, Any] = {
        "group_id": GroupId(an_id()),
        "pop": POP,
        "victim": changes.get("victim") or a_victim(),
        "key": "udp_flood",
        "vector": Vector.UDP_FLOOD,
        "state": GroupState.OPEN,
        "created_at_us": T0_US,
        "last_primary_at_us": T0_US,
        "expires_at_us": T0_US + 300_000_000,
        "evidence": (some_evidence(),),
        "source_count": 1,
    }
    return Group(**{**fields, **changes})


def a_decision(**changes: Any) -> DecisionRecord:
    fields: dict[str, Any] = {
        "decision_id": DecisionId(an_id()),
        "at_us": T0_US,
        "pop": POP,
        "trigger": "signal",
        "outcome": "mitigated",
        "text": "Acted: 1 of 1 sources agree.",
        "body": '{"met":true}',
    }
    return DecisionRecord(**{**fields, **changes})


def an_entry(**changes: Any) -> AuditEntry:
    fields: dict[str, Any] = {
        "audit_id": an_id(),
        "at_us": T0_US,
        "pop": POP,
        "actor_type": "operator",
        "actor_id": "alice",
        "action": "withdraw",
        "target_type": "mitigation",
        "target_id": an_id(),
        "details": '{"reason":"false alarm"}',
    }
    return AuditEntry(**{**fields, **changes})


def a_corroboration(**changes: Any) -> CorroborationRecord:
    said: dict[str, Any] = {
        "source": "edge-snmp",
        "adapter": "corroborator",
        "external_id": an_id(),
        "kind": SignalKind.FIRING,
        "vector": Vector.UDP_FLOOD,
        "observed_at_us": T0_US,
        "received_at_us": T0_US,
        "expires_at_us": T0_US + 300_000_000,
        "customer_id": "cust_example",
        "victim_prefix": a_prefix("192.0.2.0/24"),
    }
    return CorroborationRecord(
        signal_id=SignalId(an_id()),
        corroboration=Corroboration(**{**said, **changes}),
        pop=POP,
        weight=0.5,
    )


def an_operator(**changes: Any) -> Operator:
    identifier = an_id()
    fields: dict[str, Any] = {
        "operator_id": OperatorId(identifier),
        "username": f"user-{identifier[:8]}",
        "password_hash": "$argon2id$...",
        "role": Role.OPERATOR,
        "created_at_us": T0_US,
    }
    return Operator(**{**fields, **changes})


def a_session(operator: Operator, **changes: Any) -> LoginSession:
    fields: dict[str, Any] = {
        "session_hash": an_id(),
        "operator_id": operator.operator_id,
        "fingerprint": "f" * 32,
        "created_at_us": T0_US,
        "last_seen_at_us": T0_US,
        "expires_at_us": T0_US + 1_000_000,
    }
    return LoginSession(**{**fields, **changes})


def a_token(**changes: Any) -> ApiToken:
    identifier = an_id()
    fields: dict[str, Any] = {
        "token_id": TokenId(identifier),
        "name": f"token-{identifier[:8]}",
        "secret_hash": "0" * 64,
        "permissions": frozenset({Permission.INGEST}),
        "created_at_us": T0_US,
        "created_by": "alice",
    }
    return ApiToken(**{**fields, **changes})


async def a_store(
    settings: StoreSettings | None = None, *, pop: str = POP, instance: str = "here"
) -> Store:
    """An open store; in memory unless told otherwise. `async with await a_store() as store:`"""
    settings = settings or StoreSettings(connection_string="sqlite::memory:")
    return await open_store(settings, SystemClock(), pop=pop, instance=instance)
