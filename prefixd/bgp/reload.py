"""What a changed configuration costs each neighbor: decided before anything is touched.

A pure function from two sets of settings to a plan, so that an operator can read the plan first
(`describe`) and the registry of peers can carry it out without thinking. The least disturbing
effect that is still honest is chosen: most changes cost nothing, a new hold time waits for the next
session, a new key is put on the live socket, and only what stands in the OPEN or belongs to the TCP
connection costs a session. Under graceful restart even that session is closed without NOTIFICATION,
so that the rules stay on the router.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from prefixd.bgp.neighbor_settings import RestartPolicy, RestartSettings, TimerSettings
from prefixd.bgp.settings import PeerSettings, SpeakerSettings


class Effect(StrEnum):
    """From harmless to costly; the strongest of a neighbor's changes wins."""

    NONE = "unchanged"
    LIVE = "applied live"
    NEXT_SESSION = "with the next session"
    REKEY = "keys replaced on the live session"
    RESET = "session reset"
    REPLACE = "session reset, neighbor set up again"
    ADD = "added"
    REMOVE = "removed"


_STRENGTH: Final = {effect: rank for rank, effect in enumerate(Effect)}

_PEER_EFFECTS: Final = {
    "address": Effect.REPLACE,
    "port": Effect.REPLACE,
    "direction": Effect.REPLACE,
    "local_address": Effect.REPLACE,
    "bind_device": Effect.REPLACE,
    "ttl_security_hops": Effect.REPLACE,
    "multihop": Effect.REPLACE,
    "tcp_ao": Effect.REPLACE,
    "enabled": Effect.REPLACE,
    "peer_asns": Effect.RESET,
    "local_asn": Effect.RESET,
    "families": Effect.RESET,
    "required_families": Effect.RESET,
    "extended_message": Effect.RESET,
    "enhanced_refresh": Effect.RESET,
    "role": Effect.RESET,
    "role_strict": Effect.RESET,
    "announce_hostname": Effect.NEXT_SESSION,
    "md5": Effect.REKEY,
    "accept_long_messages": Effect.NEXT_SESSION,
    "record_dir": Effect.NEXT_SESSION,
    "packet_log_messages": Effect.NEXT_SESSION,
}
"""Everything else about a neighbor is applied live."""

_TIMER_EFFECTS: Final = dict.fromkeys(
    ("hold_time_s", "min_hold_time_s", "keepalive_s", "send_hold_time_s"), Effect.NEXT_SESSION
)
_RESTART_EFFECTS: Final = dict.fromkeys(
    ("policy", "restart_time_s", "llgr_stale_time_s"), Effect.RESET
)
_SPEAKER_RESETS: Final = ("local_asn", "router_id")
_SPEAKER_RESTARTS: Final = ("listen", "mode", "restart_marker")
_UNEFFECTIVE: Final = frozenset({"name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerChange:
    name: str
    effect: Effect
    fields: tuple[str, ...] = ()
    keeps_rules: bool = False
    """A reset that is done without NOTIFICATION, because the old session negotiated to keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadPlan:
    peers: tuple[PeerChange, ...]
    process_restart: tuple[str, ...] = ()
    """Settings that take effect only when the daemon is started again."""
    speaker: tuple[str, ...] = ()
    """Settings of the speaker itself that are applied live."""

    @property
    def resets(self) -> int:
        costly = (Effect.RESET, Effect.REPLACE)
        return sum(change.effect in costly for change in self.peers)


def plan_reload(old: SpeakerSettings, new: SpeakerSettings) -> ReloadPlan:
    before = {peer.name: peer for peer in old.peers}
    after = {peer.name: peer for peer in new.peers}
    changed = [
        field.name
        for field in fields(SpeakerSettings)
        if field.name != "peers" and getattr(old, field.name) != getattr(new, field.name)
    ]
    global_resets = tuple(name for name in changed if name in _SPEAKER_RESETS)
    changes = [PeerChange(name=name, effect=Effect.REMOVE) for name in before if name not in after]
    for name, peer in after.items():
        if name in before:
            changes.append(_compare(before[name], peer, global_resets))
        else:
            changes.append(PeerChange(name=name, effect=Effect.ADD))
    return ReloadPlan(
        peers=tuple(changes),
        process_restart=tuple(name for name in changed if name in _SPEAKER_RESTARTS),
        speaker=tuple(name for name in changed if name not in _SPEAKER_RESTARTS + _SPEAKER_RESETS),
    )


def _compare(old: PeerSettings, new: PeerSettings, global_resets: tuple[str, ...]) -> PeerChange:
    effects = dict.fromkeys(global_resets, Effect.RESET)
    for field in fields(PeerSettings):
        name = field.name
        if name in _UNEFFECTIVE or getattr(old, name) == getattr(new, name):
            continue
        match name:
            case "timers":
                effects |= _nested(name, old.timers, new.timers, _TIMER_EFFECTS)
            case "restart":
                effects |= _nested(name, old.restart, new.restart, _RESTART_EFFECTS)
            case "md5" if old.md5 is None or new.md5 is None:
                # Signed and unsigned segments do not understand each other.
                effects[name] = Effect.REPLACE
            case _:
                effects[name] = _PEER_EFFECTS.get(name, Effect.LIVE)
    effect = max(effects.values(), key=_STRENGTH.__getitem__, default=Effect.NONE)
    costly = effect in (Effect.RESET, Effect.REPLACE)
    return PeerChange(
        name=new.name,
        effect=effect,
        fields=tuple(effects),
        keeps_rules=costly and old.restart.policy is not RestartPolicy.FAIL_OPEN and new.enabled,
    )


def _nested(
    prefix: str,
    old: TimerSettings | RestartSettings,
    new: TimerSettings | RestartSettings,
    effects: dict[str, Effect],
) -> dict[str, Effect]:
    return {
        f"{prefix}.{field.name}": effects.get(field.name, Effect.LIVE)
        for field in fields(old)
        if getattr(old, field.name) != getattr(new, field.name)
    }


def describe(plan: ReloadPlan) -> list[str]:
    """The plan as an operator reads it; unchanged neighbors are not mentioned."""
    lines = []
    for change in plan.peers:
        if change.effect is Effect.NONE:
            continue
        because = f" ({', '.join(change.fields)})" if change.fields else ""
        kept = "; rules stay on the router" if change.keeps_rules else ""
        lines.append(f"neighbor {change.name}: {change.effect.value}{because}{kept}")
    lines += [f"bgp.{name}: applied live" for name in plan.speaker]
    lines += [f"bgp.{name}: needs a restart of the daemon" for name in plan.process_restart]
    lines.append(f"{plan.resets} session resets")
    return lines
