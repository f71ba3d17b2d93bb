"""What sessions report, and what is made of it: the speaker's ear.

Fits `link.Observer`. A session that begins is told everything; one that ends may have ended over a
rule, over a budget, or over nothing of ours. What routers announce goes to their Adj-RIB-In, what
they answer proves what they have parsed. Reports of a neighbor that has been replaced or removed
meanwhile are nobody's any more.
"""

import logging
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.fsm.state import DownKind, DownReason, is_cease
from prefixd.bgp.peer.interface import Link, StaleStep, Transition
from prefixd.bgp.rib.adj_rib_in import Echoed, Excess, Filling, ImportEvent, Learned, Lost
from prefixd.bgp.rib.distribution import Fanout
from prefixd.bgp.rib.group_member import Member
from prefixd.bgp.rib.route import describe
from prefixd.bgp.session.send_queue import StallLevel
from prefixd.bgp.speaker.advertise import Telling
from prefixd.bgp.speaker.events import (
    BudgetLowered,
    PeerChanged,
    PeerFilling,
    PeerStalled,
    RuleLearned,
    RuleLost,
    RuleQuarantined,
    SpeakerEvent,
)
from prefixd.bgp.speaker.export_terms import fence_of
from prefixd.bgp.speaker.neighbors import Standing, Standings
from prefixd.bgp.wire.iana import CeaseSubcode, ErrorCode, RefreshSubtype
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.update import Update
from prefixd.clock import Clock

log = logging.getLogger(__name__)

_TOO_MANY = CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED


class Hearing:
    def __init__(
        self,
        fanout: Fanout,
        standings: Standings,
        telling: Telling,
        *,
        clock: Clock,
        tell: Callable[[SpeakerEvent], None],
        present: Callable[[str], Link | None],
    ) -> None:
        """`present` is the neighbor of that name as configured now."""
        self._fanout = fanout
        self._standings = standings
        self._telling = telling
        self._clock = clock
        self._tell = tell
        self._present = present

    def session_up(self, link: Link, negotiated: Negotiated) -> None:
        standing = self._standing(link)
        if standing is None:
            return
        standing.up, standing.synced = True, False
        standing.quiet_after_s = (negotiated.hold_time_s or 90) / 3 + 1
        self._fanout.peer_up(
            link.name,
            self._standings.terms(link),
            fence_of(link.settings),
            fence_usable=negotiated.enhanced_refresh,
        )
        self._telling.ask(link.name)

    def session_down(self, link: Link, reason: DownReason) -> None:
        standing = self._standing(link)
        if standing is None:
            return
        standing.up = False
        member = self._fanout.member(link.name)
        self._fanout.peer_down(link.name)
        if member is None:
            return
        if reason.kind is DownKind.PEER_NOTIFIED and is_cease(reason.notification, _TOO_MANY):
            sent = sum(map(len, member.table_source.table.values()))
            standing.most_rules = max(1, sent * 9 // 10)
            self._tell(BudgetLowered(link.name, sent, standing.most_rules))
        else:
            self._suspect(standing, member, reason)

    def update_received(self, link: Link, update: Update) -> None:
        standing, negotiated = self._standing(link), link.negotiated
        if standing is None or negotiated is None:
            return
        outcome = assess(update, negotiated.context)
        for fault in outcome.faults:
            standing.faults[fault.reason] = standing.faults.get(fault.reason, 0) + 1
        self._learned(standing, standing.received.apply(outcome, self._clock.now_us()))

    def refresh_received(self, link: Link, refresh: RouteRefresh) -> None:
        now = self._clock.monotonic()
        standing, negotiated = self._standing(link), link.negotiated
        member = self._fanout.member(link.name)
        if standing is None or negotiated is None or member is None:
            return
        match refresh.subtype:
            case RefreshSubtype.REQUEST:
                standing.refreshes_in += 1
                enhanced = negotiated.enhanced_refresh
                self._fanout.refresh_requested(link.name, refresh.family, now, enhanced=enhanced)
                self._telling.ask(link.name)
            case RefreshSubtype.BEGIN:
                standing.received.mark_stale((refresh.family,))
                fence = member.fences.get(refresh.family)
                took = None if fence is None else fence.answered(now)
                if took is not None:
                    standing.fence_s = took
                    self._fanout.proven(link.name)
                    self._telling.digest(standing)
            case RefreshSubtype.END:
                self._learned(standing, standing.received.sweep((refresh.family,)))
            case _:
                pass  # RFC 7313 3.2: unknown subtypes are ignored

    def drained(self, link: Link) -> None:
        self._telling.ask(link.name)

    def stale(self, link: Link, step: StaleStep, families: Sequence[object]) -> None:
        standing = self._standing(link)
        if standing is None:
            return
        wanted = [family for family in standing.received.tables if family in families]
        if step is StaleStep.MARK:
            standing.received.mark_stale(wanted)
        elif step is StaleStep.SWEEP:
            self._learned(standing, standing.received.sweep(wanted))

    def stalled(self, link: Link, level: StallLevel, seconds: float, queued_octets: int) -> None:
        self._tell(PeerStalled(link.name, level, seconds, queued_octets))

    def changed(self, link: Link, transition: Transition) -> None:
        self._tell(PeerChanged(transition))

    def _standing(self, link: Link) -> Standing | None:
        standing = self._standings.get(link.name)
        if standing is None or standing.link is not link:
            if self._present(link.name) is not link:
                return None  # an old connection's last words; another neighbor has the name
            standing = self._standings.of(link)
            standing.link = link
        return standing

    def _suspect(self, standing: Standing, member: Member, reason: DownReason) -> None:
        """Whether the session ended over what it had just been told."""
        name, note = standing.link.name, reason.notification
        quick = standing.link.settings.poison.window_s
        recent = self._clock.monotonic() - member.written_at <= quick
        named = (
            reason.kind is DownKind.PEER_NOTIFIED
            and note is not None
            and note.code == ErrorCode.UPDATE_MESSAGE
        )
        # A daemon that dies of a rule says nothing; its kernel closes or resets for it.
        accused = recent and (named or reason.kind in (DownKind.TRANSPORT, DownKind.PEER_CLOSED))
        convicted = standing.quarantine.session_ended(
            blamed=accused,
            certain=named,
            at_us=self._clock.now_us(),
            code=0 if note is None else note.code,
            subcode=0 if note is None else note.subcode,
            data=b"" if note is None else note.data,
            detail=str(reason),
        )
        for key in convicted:
            evidence = standing.quarantine.convicted[key]
            log.error("rule quarantined", extra={"peer": name, "rule": describe(*key)})
            self._tell(RuleQuarantined(name, describe(*key), evidence))

    def _learned(self, standing: Standing, events: Iterable[ImportEvent]) -> None:
        name = standing.link.name
        for event in events:
            match event:
                case Learned(received):
                    self._tell(RuleLearned(name, received))
                case Lost(key):
                    self._tell(RuleLost(name, key))
                case Echoed(key):
                    standing.echoes += 1
                    member = self._fanout.member(name)
                    if member is not None and member.table_source.told(key) is not None:
                        member.seen[key] = self._clock.now_us()
                case Filling(family, held, most):
                    self._tell(PeerFilling(name, family, held, most))
                case Excess(family, most):
                    # RFC 4486 4: which family, and how many were agreed.
                    data = struct.pack("!HBI", family.afi, family.safi, most)
                    detail = f"more than {most} routes of {family}"
                    standing.link.refuse(Notification(ErrorCode.CEASE, _TOO_MANY, data), detail)
                case _:
                    assert_never(event)
