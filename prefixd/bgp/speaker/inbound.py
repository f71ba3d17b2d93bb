"""Observer of all sessions: passes UPDATEs to the Adj-RIB-In and judges why a session ended.

Fits `PeerObserver`. A session that begins receives the whole table; one that ends may have ended
over a rule, over a budget, or for another reason. Received routes go to the Adj-RIB-In of their
neighbor, refresh answers prove what it has parsed. Reports of a neighbor that has been replaced or
removed meanwhile are ignored.
"""

import logging
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.fsm.state import DownKind, DownReason, is_cease
from prefixd.bgp.peer.interface import PeerHandle, StaleStep, Transition
from prefixd.bgp.rib.adj_rib_in import Echoed, Excess, Filling, ImportEvent, Learned, Lost
from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.group_member import GroupMember
from prefixd.bgp.rib.route import describe
from prefixd.bgp.session.send_queue import StallLevel
from prefixd.bgp.speaker.advertise import Advertiser
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
from prefixd.bgp.speaker.export_terms import probe_settings_of
from prefixd.bgp.speaker.neighbors import NeighborState, NeighborStates
from prefixd.bgp.wire.iana import CeaseSubcode, ErrorCode, RefreshSubtype
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.update import Update
from prefixd.clock import Clock

log = logging.getLogger(__name__)

_TOO_MANY = CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED


class InboundEvents:
    def __init__(
        self,
        distribution: Distribution,
        states: NeighborStates,
        advertiser: Advertiser,
        *,
        clock: Clock,
        publish: Callable[[SpeakerEvent], None],
        present: Callable[[str], PeerHandle | None],
        before_up: Callable[[], None],
    ) -> None:
        """`present` is the neighbor of that name as configured now. `before_up` is called when a
        session is established and nothing was sent on it yet."""
        self._distribution = distribution
        self._states = states
        self._advertiser = advertiser
        self._clock = clock
        self._publish = publish
        self._present = present
        self._before_up = before_up

    def session_up(self, handle: PeerHandle, negotiated: Negotiated) -> None:
        state = self._state_of(handle)
        if state is None:
            return
        self._before_up()
        state.up, state.synced = True, False
        state.quiet_after_s = (negotiated.hold_time_s or 90) / 3 + 1
        self._distribution.peer_up(
            handle.name,
            self._states.terms(handle),
            probe_settings_of(handle.settings),
            probe_usable=negotiated.enhanced_refresh,
        )
        self._advertiser.ask(handle.name)

    def session_down(self, handle: PeerHandle, reason: DownReason) -> None:
        state = self._state_of(handle)
        if state is None:
            return
        state.up = False
        member = self._distribution.member(handle.name)
        self._distribution.peer_down(handle.name)
        if member is None:
            return
        if reason.kind is DownKind.PEER_NOTIFIED and is_cease(reason.notification, _TOO_MANY):
            sent = sum(map(len, member.table_source.table.values()))
            state.most_rules = max(1, sent * 9 // 10)
            self._publish(BudgetLowered(handle.name, sent, state.most_rules))
        else:
            self._judge_end(state, member, reason)

    def update_received(self, handle: PeerHandle, update: Update) -> None:
        state, negotiated = self._state_of(handle), handle.negotiated
        if state is None or negotiated is None:
            return
        outcome = assess(update, negotiated.context)
        for fault in outcome.faults:
            state.faults[fault.reason] = state.faults.get(fault.reason, 0) + 1
        self._learned(state, state.received.apply(outcome, self._clock.now_us()))

    def refresh_received(self, handle: PeerHandle, refresh: RouteRefresh) -> None:
        now = self._clock.monotonic()
        state, negotiated = self._state_of(handle), handle.negotiated
        member = self._distribution.member(handle.name)
        if state is None or negotiated is None or member is None:
            return
        match refresh.subtype:
            case RefreshSubtype.REQUEST:
                state.refreshes_in += 1
                enhanced = negotiated.enhanced_refresh
                self._distribution.refresh_requested(
                    handle.name, refresh.family, now, enhanced=enhanced
                )
                self._advertiser.ask(handle.name)
            case RefreshSubtype.BEGIN:
                state.received.mark_stale((refresh.family,))
                probe = member.probes.get(refresh.family)
                took = None if probe is None else probe.answered(now)
                if took is not None:
                    state.fence_s = took
                    self._distribution.proven(handle.name)
                    self._advertiser.note_progress(state)
            case RefreshSubtype.END:
                self._learned(state, state.received.sweep((refresh.family,)))
            case _:
                pass  # RFC 7313 3.2: unknown subtypes are ignored

    def drained(self, handle: PeerHandle) -> None:
        self._advertiser.ask(handle.name)

    def stale(self, handle: PeerHandle, step: StaleStep, families: Sequence[object]) -> None:
        state = self._state_of(handle)
        if state is None:
            return
        wanted = [family for family in state.received.tables if family in families]
        if step is StaleStep.MARK:
            state.received.mark_stale(wanted)
        elif step is StaleStep.SWEEP:
            self._learned(state, state.received.sweep(wanted))

    def stalled(
        self, handle: PeerHandle, level: StallLevel, seconds: float, queued_octets: int
    ) -> None:
        self._publish(PeerStalled(handle.name, level, seconds, queued_octets))

    def changed(self, handle: PeerHandle, transition: Transition) -> None:
        self._publish(PeerChanged(transition))

    def _state_of(self, handle: PeerHandle) -> NeighborState | None:
        state = self._states.get(handle.name)
        if state is None or state.handle is not handle:
            if self._present(handle.name) is not handle:
                return None  # an old connection; another neighbor has the name now
            state = self._states.of(handle)
            state.handle = handle
        return state

    def _judge_end(self, state: NeighborState, member: GroupMember, reason: DownReason) -> None:
        """Whether the session ended over what had just been sent."""
        name, note = state.handle.name, reason.notification
        quick = state.handle.settings.poison.window_s
        recent = self._clock.monotonic() - member.written_at <= quick
        named = (
            reason.kind is DownKind.PEER_NOTIFIED
            and note is not None
            and note.code == ErrorCode.UPDATE_MESSAGE
        )
        # A daemon that crashes over a rule sends nothing; its kernel closes or resets for it.
        narrowed = recent and (named or reason.kind in (DownKind.TRANSPORT, DownKind.PEER_CLOSED))
        quarantined = state.quarantine.session_ended(
            suspicious=narrowed,
            certain=named,
            at_us=self._clock.now_us(),
            code=0 if note is None else note.code,
            subcode=0 if note is None else note.subcode,
            data=b"" if note is None else note.data,
            detail=str(reason),
        )
        for key in quarantined:
            evidence = state.quarantine.quarantined[key]
            log.error("rule quarantined", extra={"peer": name, "rule": describe(*key)})
            self._publish(RuleQuarantined(name, describe(*key), evidence))

    def _learned(self, state: NeighborState, events: Iterable[ImportEvent]) -> None:
        name = state.handle.name
        for event in events:
            match event:
                case Learned(received):
                    self._publish(RuleLearned(name, received))
                case Lost(key):
                    self._publish(RuleLost(name, key))
                case Echoed(key):
                    state.echoes += 1
                    member = self._distribution.member(name)
                    if member is not None and member.table_source.advertised(key) is not None:
                        member.seen[key] = self._clock.now_us()
                case Filling(family, held, most):
                    self._publish(PeerFilling(name, family, held, most))
                case Excess(family, most):
                    # RFC 4486 4: which family, and how many were agreed.
                    data = struct.pack("!HBI", family.afi, family.safi, most)
                    detail = f"more than {most} routes of {family}"
                    state.handle.refuse(Notification(ErrorCode.CEASE, _TOO_MANY, data), detail)
                case _:
                    assert_never(event)
