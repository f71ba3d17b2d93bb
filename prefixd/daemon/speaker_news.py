"""What the speaker tells, as log lines and as news on the bus."""

import logging
from collections.abc import Callable, Sequence
from typing import assert_never

from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.rib.route import Key, describe
from prefixd.bgp.speaker.events import (
    BudgetLowered,
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
from prefixd.domain.news import DriftRepaired, News, PeerDown, PeerUp

log = logging.getLogger(__name__)


class SpeakerNews:
    def __init__(self, clock: Clock, publish: Callable[[Sequence[News]], None]) -> None:
        self._clock = clock
        self._publish = publish

    def on_event(self, event: SpeakerEvent) -> None:
        match event:
            case PeerChanged(transition=change):
                self._changed(change.peer, change.before, change.after, str(change.reason or ""))
            case PeerSynced(peer=peer, rules=rules):
                log.info("peer synced", extra={"peer": peer, "rules": rules})
            case PeerStalled(peer=peer, seconds=seconds, queued_octets=queued):
                log.warning(
                    "peer does not read",
                    extra={"peer": peer, "seconds": round(seconds, 1), "queued_octets": queued},
                )
            case RuleQuarantined(peer=peer, rule=rule):
                log.error("rule quarantined at peer", extra={"peer": peer, "rule": rule})
            case BudgetLowered(peer=peer, sent=sent, limit=limit):
                log.error(
                    "peer said too many rules", extra={"peer": peer, "sent": sent, "limit": limit}
                )
            case PeerFilling(peer=peer, family=family, held=held, most=most):
                log.warning(
                    "peer has told nearly as much as we remember",
                    extra={"peer": peer, "family": str(family), "held": held, "most": most},
                )
            case RulesExpired(route_ids=route_ids):
                log.warning(
                    "speaker withdrew overdue rules by itself", extra={"rules": len(route_ids)}
                )
            case TablesDiffered(keys=keys):
                now_us = self._clock.now_us()
                self._publish((DriftRepaired(at_us=now_us, missing=0, surplus=0, changed=keys),))
            case RuleLearned(peer=peer, received=received):
                _heard(peer, "learned", received.key)
            case RuleLost(peer=peer, key=key):
                _heard(peer, "lost", key)
            case _:
                assert_never(event)

    def _changed(self, peer: str, before: PeerState, after: PeerState, reason: str) -> None:
        """The peer itself has logged it; here it only becomes news."""
        if after is PeerState.ESTABLISHED:
            self._publish((PeerUp(at_us=self._clock.now_us(), peer=peer, address=""),))
        elif before is PeerState.ESTABLISHED:
            now_us = self._clock.now_us()
            self._publish((PeerDown(at_us=now_us, peer=peer, address="", reason=reason),))


def _heard(peer: str, change: str, key: Key) -> None:
    extra = {"peer": peer, "change": change, "rule": describe(*key)}
    log.info("rule heard from peer", extra=extra)
