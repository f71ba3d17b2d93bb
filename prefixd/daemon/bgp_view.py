"""The speaker as the API shows it: plain data, made at each request.

Rules that no router can carry are known to the announcer and not to the RIB; they are shown here
beside the others, because an operator looks for a mitigation here.
"""

import contextlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, assert_never

from prefixd.announce.announcer import BgpAnnouncer, Inexpressible
from prefixd.announce.translate import action_of
from prefixd.api.render import format_time
from prefixd.api.route import PacketQuery
from prefixd.bgp.fsm.state import PeerState
from prefixd.bgp.peer.interface import PeerStatus
from prefixd.bgp.peer.shutdown import signed
from prefixd.bgp.rib.overlap import Packet
from prefixd.bgp.rib.route import Route, describe
from prefixd.bgp.rib.route_action import FlowSpecActions, RouteAction, abilities_of
from prefixd.bgp.rib.verdict import Finding
from prefixd.bgp.settings import PeerSettings
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.bgp.speaker.status import PeerTable, Progress, RuleState
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6
from prefixd.domain.actor import PeerOperation
from prefixd.domain.prefix import V4, Address
from prefixd.domain.rule import format_action, format_match

# What the health page has always called them.
SESSION_WORDS = {
    PeerState.DISABLED: "idle",
    PeerState.OPEN_SENT: "opensent",
    PeerState.OPEN_CONFIRM: "openconfirm",
}


class BgpView:
    """Fits the `Speaker` port of the API."""

    def __init__(self, speaker: Speaker, announcer: BgpAnnouncer) -> None:
        self._speaker = speaker
        self._announcer = announcer

    def session_words(self) -> Mapping[str, str]:
        return {
            handle.name: SESSION_WORDS.get(handle.status().state, str(handle.status().state))
            for handle in self._speaker.registry.peers()
        }

    def peers(self) -> Sequence[Mapping[str, object]]:
        settings = {handle.name: handle.settings for handle in self._speaker.registry.peers()}
        return [
            _peer(table, settings.get(table.session.name)) for table in self._speaker.status().peers
        ]

    def peer(self, name: str) -> Mapping[str, object] | None:
        return next((peer for peer in self.peers() if peer["name"] == name), None)

    def rib(self) -> Sequence[Mapping[str, object]]:
        progress: dict[object, Progress] = {}
        """By place: neighbors at one place have come equally far, so one of them is asked."""
        places: dict[str, object] = {}
        for handle in self._speaker.registry.peers():
            found = self._speaker.progress(handle.name)
            if found is not None:
                place = places[handle.name] = found.place or handle.name
                progress.setdefault(place, found)
        rows: list[Mapping[str, object]] = []
        for route in self._speaker.loc.routes():
            states = {place: _state(each.of(route)) for place, each in progress.items()}
            rows.append(_row(route, {name: states[place] for name, place in places.items()}))
        return rows

    def inexpressible(self) -> Sequence[Mapping[str, object]]:
        """Live mitigations that no router can carry, and why."""
        return [
            {
                "mitigation_id": each.intent.mitigation_id,
                "rule": format_match(each.intent.rule.match),
                "action": format_action(each.intent.rule.action),
                "reason": each.reason,
            }
            for each in self._announcer.inexpressible
        ]

    def explain(self, rule: str, peer: str) -> Mapping[str, object] | None:
        for each in self._announcer.inexpressible:
            if rule == each.intent.mitigation_id and self._speaker.registry.get(peer) is not None:
                return _inexpressible(each, peer)
        route_id = self._route_id(rule)
        state = None if route_id is None else self._speaker.state(route_id, peer)
        if route_id is None or state is None:
            return None
        return {
            "mitigation_id": route_id,
            "peer": peer,
            **_state(state),
            "steps": [_finding(found) for found in self._speaker.explain(route_id, peer)],
        }

    def operate(
        self, peer: str, operation: PeerOperation, operator: str, reason: str
    ) -> str | None:
        """None, or why it cannot be done now."""
        text = signed(operator, reason or operation)
        match operation:
            case PeerOperation.RESET:
                return self._speaker.reset(peer, text)
            case PeerOperation.REFRESH:
                return self._speaker.refresh(peer)
            case PeerOperation.DISABLE:
                return self._speaker.disable(peer, text)
            case PeerOperation.ENABLE:
                return self._speaker.enable(peer)
            case PeerOperation.RELEASE:
                released = self._speaker.release(peer)
                return None if released else "no rule is quarantined for this neighbor"
            case _:
                assert_never(operation)

    def simulate(
        self, dst: Address, src: Address, packet: PacketQuery
    ) -> Mapping[str, Mapping[str, object]]:
        seen = Packet(
            afi=AFI_IPV4 if dst.version == V4 else AFI_IPV6,
            dst=dst.value,
            src=src.value,
            protocol=packet.protocol,
            dst_port=packet.dst_port,
            src_port=packet.src_port,
            tcp_flags=packet.tcp_flags,
            length=packet.length,
        )
        return {
            name: {
                "rule": decision.rule,
                "action": None if decision.action is None else _action(decision.action),
            }
            for name, decision in self._speaker.simulate(seen).items()
        }

    def _route_id(self, rule: str) -> str | None:
        """A mitigation id, or the text of a rule as `rib` shows it."""
        if self._speaker.loc.get(rule) is not None:
            return rule
        wanted = " ".join(rule.split())
        for route in self._speaker.loc.routes():
            if describe(route.family, route.nlri) == wanted:
                return route.route_id
        return None


def _row(route: Route, states: Mapping[str, object]) -> Mapping[str, object]:
    return {
        "mitigation_id": route.route_id,
        "family": str(route.family),
        "rule": describe(route.family, route.nlri),
        "nlri": route.nlri.hex(),
        "action": _action(route.action),
        "priority": route.priority,
        "expires_at": format_time(route.expires_at_us) if route.expires_at_us else None,
        "peers": states,
    }


@lru_cache(maxsize=256)
def _action(action: RouteAction) -> str:
    """In an operator's words, or in the RIB's. Few actions, many rules."""
    if isinstance(action, FlowSpecActions):
        with contextlib.suppress(ValueError):
            return format_action(action_of(action))
    return "+".join(sorted(abilities_of(action)))


def _peer(table: PeerTable, settings: PeerSettings | None) -> dict[str, Any]:
    session = table.session
    return {
        "name": session.name,
        "description": "" if settings is None else settings.description,
        "profile": "" if settings is None else settings.profile,
        "address": "" if settings is None else str(settings.address),
        "peer_asn": sorted(settings.peer_asns) if settings is not None else [],
        "state": str(session.state),
        "since": format_time(session.since_us) if session.since_us else None,
        "enabled": session.enabled,
        "dynamic": session.dynamic,
        "last_down": None if session.last_down is None else str(session.last_down),
        "last_down_at": format_time(session.last_down_us) if session.last_down_us else None,
        "last_error": session.last_error,
        "next_retry_seconds": session.next_retry_s,
        "hold_left_seconds": session.hold_left_s,
        "keepalive_late_seconds": session.keepalive_late_s,
        "negotiated": _negotiated(session),
        "transport": _transport(session),
        "messages_in": dict(session.counters.messages_in),
        "messages_out": dict(session.counters.messages_out),
        "octets_in": session.counters.octets_in,
        "octets_out": session.counters.octets_out,
        "sessions": session.counters.sessions,
        "flaps": session.counters.flaps,
        "rules": {str(family): count for family, count in table.rules.items()},
        "announced": table.announced,
        "withdrawn": table.withdrawn,
        "withheld": {str(reason): count for reason, count in table.withheld.items()},
        "quarantined": len(table.quarantined),
        "budget_lowered_to": table.budget_lowered_to,
        "outbox": table.pending,
        "outbox_oldest_seconds": table.oldest_s,
        "synced_revision": table.synced_revision,
        "revision_lag": table.lag,
        "fence_works": table.fence_works,
        "fence_round_trip_seconds": table.fence_round_trip_s,
        "seen": table.seen,
        "received": {str(family): count for family, count in table.received.items()},
        "faults": dict(table.faults),
    }


def _negotiated(session: PeerStatus) -> dict[str, Any] | None:
    terms = session.negotiated
    if terms is None:
        return None
    return {
        "families": [str(family) for family in sorted(terms.families)],
        "hold_time_seconds": terms.hold_time_s,
        "enhanced_refresh": terms.enhanced_refresh,
    }


def _transport(session: PeerStatus) -> dict[str, Any] | None:
    wire = session.transport
    if wire is None:
        return None
    return {
        "local": f"{wire.local_address} port {wire.local_port}",
        "remote": f"{wire.remote_address} port {wire.remote_port}",
        "incoming": wire.incoming,
        "md5": wire.md5,
        "tcp_ao": wire.tcp_ao,
        "min_ttl": wire.min_ttl,
    }


def _state(state: RuleState) -> dict[str, Any]:
    return {
        "stage": str(state.stage),
        "reason": None if state.reason is None else str(state.reason),
        "detail": state.detail,
        "parts": state.parts,
    }


def _inexpressible(each: Inexpressible, peer: str) -> dict[str, Any]:
    return {
        "mitigation_id": each.intent.mitigation_id,
        "peer": peer,
        "stage": "inexpressible",
        "reason": "inexpressible",
        "detail": each.reason,
        "parts": 0,
        "steps": [{"step": "translate", "passed": False, "detail": each.reason}],
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {"step": str(found.step), "passed": found.passed, "detail": found.detail}
