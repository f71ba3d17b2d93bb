"""News about BGP: events of the speaker, and active mitigations that no router can carry.

Each event of the speaker becomes a log line, or news on the bus, or both where an operator needs
both. Its changes of state are logged by the neighbor itself.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.neighbor_settings import IPAddress
from prefixd.bgp.rib.route import Key, describe
from prefixd.bgp.speaker.events import (
    BudgetLowered,
    OwnAddressesChanged,
    PeerChanged,
    PeerFilling,
    PeerStalled,
    PeerSynced,
    RuleLearned,
    RuleLost,
    RuleQuarantined,
    RulesExpired,
    SpeakerEvent,
    TablesDiffered,
)
from prefixd.clock import Clock
from prefixd.domain.news import (
    DriftRepaired,
    MitigationActivated,
    MitigationEscalated,
    MitigationInexpressible,
    MitigationRevised,
    News,
    PeerDown,
    PeerUp,
)

log = logging.getLogger(__name__)

Publish = Callable[[Sequence[News]], None]


class SpeakerNews:
    def __init__(
        self,
        clock: Clock,
        publish: Publish,
        own_addresses: Callable[[Mapping[IPAddress, str]], None],
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._own_addresses = own_addresses

    def on_event(self, event: SpeakerEvent) -> None:
        match event:
            case PeerChanged(transition=change):
                self._changed(change.peer, change.before, change.after, str(change.reason or ""))
            case PeerSynced(peer=peer, rules=rules):
                log.info("neighbor synchronized", extra={"peer": peer, "rules": rules})
            case PeerStalled(peer=peer, seconds=seconds, queued_octets=queued):
                log.warning(
                    "send stalled: TCP window closed",
                    extra={"peer": peer, "seconds": round(seconds, 1), "queued_octets": queued},
                )
            case RuleQuarantined():
                pass  # logged where it is decided
            case BudgetLowered(peer=peer, sent=sent, limit=limit):
                log.error(
                    "received Cease/1 (maximum prefixes): rule budget lowered",
                    extra={"peer": peer, "sent": sent, "limit": limit},
                )
            case PeerFilling(peer=peer, family=family, held=held, most=most):
                log.warning(
                    "received routes near max_received limit",
                    extra={"peer": peer, "family": str(family), "held": held, "most": most},
                )
            case RulesExpired(route_ids=route_ids):
                log.warning(
                    "overdue rules withdrawn by the speaker", extra={"rules": len(route_ids)}
                )
            case OwnAddressesChanged(addresses=addresses):
                self._own_addresses(addresses)
            case TablesDiffered(keys=keys):
                now_us = self._clock.now_us()
                self._publish((DriftRepaired(at_us=now_us, missing=0, surplus=0, changed=keys),))
            case RuleLearned(peer=peer, received=received):
                log.info("FlowSpec rule received", extra=_rule(peer, received.key))
            case RuleLost(peer=peer, key=key):
                log.info("received FlowSpec rule withdrawn", extra=_rule(peer, key))
            case _:
                assert_never(event)

    def _changed(self, peer: str, before: PeerState, after: PeerState, reason: str) -> None:
        now_us = self._clock.now_us()
        if after is PeerState.ESTABLISHED:
            self._publish((PeerUp(at_us=now_us, peer=peer, address=""),))
        elif before is PeerState.ESTABLISHED:
            self._publish((PeerDown(at_us=now_us, peer=peer, address="", reason=reason),))


def _rule(peer: str, key: Key) -> dict[str, object]:
    return {"peer": peer, "rule": describe(*key)}


class InexpressibleAlert:
    """Publishes news of active mitigations that no router can carry.

    A rule is announced before its news is published, so by then it is known whether a router can
    carry it. This news follows on its own, so that subscribers get the beginning first.
    """

    def __init__(
        self,
        why_inexpressible: Callable[[str], str | None],
        publish: Publish,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        """`soon` calls a function when what is being done now is done."""
        self._why_inexpressible = why_inexpressible
        self._publish = publish
        self._soon = soon

    def on_news(self, item: News) -> None:
        """A listener on the bus."""
        if not isinstance(item, MitigationActivated | MitigationEscalated | MitigationRevised):
            return
        reason = self._why_inexpressible(item.mitigation.mitigation_id)
        if reason is not None:
            failed = MitigationInexpressible(
                at_us=item.at_us, mitigation=item.mitigation, text=reason
            )
            self._soon(lambda: self._publish((failed,)))
