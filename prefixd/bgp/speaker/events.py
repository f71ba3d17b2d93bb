"""Events that the speaker publishes: what happened between us and the routers.

Delivered synchronously, in order, from the event loop. The owner turns them into news, logs and
metrics; the speaker does not care what becomes of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from prefixd.bgp.neighbor_settings import IPAddress
from prefixd.bgp.peer.interface import Transition
from prefixd.bgp.rib.adj_rib_in import Received
from prefixd.bgp.rib.quarantine import Evidence
from prefixd.bgp.rib.route import Key
from prefixd.bgp.session.send_queue import StallLevel
from prefixd.bgp.wire.iana import Family


@dataclass(frozen=True, slots=True)
class PeerChanged:
    transition: Transition


@dataclass(frozen=True, slots=True)
class PeerSynced:
    """Everything the peer should hold at the beginning of a session has been sent."""

    peer: str
    rules: int


@dataclass(frozen=True, slots=True)
class PeerStalled:
    peer: str
    level: StallLevel
    seconds: float
    queued_octets: int


@dataclass(frozen=True, slots=True)
class RuleQuarantined:
    """The peer reset the session over this rule and does not get it again."""

    peer: str
    rule: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class BudgetLowered:
    """The peer sent Cease/1 (maximum prefixes); from now on it gets fewer rules."""

    peer: str
    sent: int
    limit: int


@dataclass(frozen=True, slots=True)
class RuleLearned:
    peer: str
    received: Received


@dataclass(frozen=True, slots=True)
class RuleLost:
    peer: str
    key: Key


@dataclass(frozen=True, slots=True)
class PeerFilling:
    """Received routes near the limit of this neighbor."""

    peer: str
    family: Family
    held: int
    most: int


@dataclass(frozen=True, slots=True)
class RulesExpired:
    """Withdrawn by the speaker itself, because their owner did not when they expired."""

    route_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnAddressesChanged:
    """What no rule may touch because it is ours, with the reason."""

    addresses: Mapping[IPAddress, str]


@dataclass(frozen=True, slots=True)
class TablesDiffered:
    """The self-check found something it should never find; it has been healed."""

    keys: int


SpeakerEvent: TypeAlias = (
    PeerChanged
    | PeerSynced
    | PeerStalled
    | RuleQuarantined
    | BudgetLowered
    | RuleLearned
    | RuleLost
    | PeerFilling
    | RulesExpired
    | OwnAddressesChanged
    | TablesDiffered
)
