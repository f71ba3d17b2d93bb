"""Settings that no section builds alone: put together from several, or derived from others.

One bad section must not hide what the others say to each other. Checks therefore look at the
sections as far as they could be read, and not at the finished file.

Limits come from three sections and from the sessions that no rule may cut; the safelist's
infrastructure from every address that is a router's or ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from prefixd.bgp.neighbor_settings import StopMode
from prefixd.bgp.settings import PeerSettings, SpeakerSettings
from prefixd.config.bundle import (
    Protected,
)
from prefixd.config.correlation_file import CorrelationFile
from prefixd.config.main_file import Http, MainFile, Safelist
from prefixd.config.schema import Fields
from prefixd.domain.prefix import V4, Address, Prefix
from prefixd.engine.settings import Mode
from prefixd.guardrails.limits import Limits, ProtectedFlow
from prefixd.guardrails.protection import session_flows
from prefixd.notify.settings import AlertSettings
from prefixd.policy.playbook import Escalation, Playbook, PolicySettings
from prefixd.signals.settings import SignalSettings
from prefixd.store.settings import MEMORY, StoreSettings

LOOPBACK = Prefix(V4, 127 << 24, 8)


def limits_of(
    timers: Fields, guardrails: Fields, quotas: Fields, bgp: SpeakerSettings | None
) -> Limits:
    """Three sections feed one class; bounds the guardrails do not name are those of the timers."""
    names = {entry.name for entry in fields(Limits)}
    merged = {**timers, **guardrails, **quotas}
    own = {name: value for name, value in merged.items() if name in names}
    declared = own.pop("protected_flows", ())
    assert isinstance(declared, tuple)
    sessions = () if bgp is None else _protected_flows(bgp)
    return Limits(**own, protected_flows=(*declared, *sessions))  # type: ignore[arg-type]  # filtered by the fields of Limits


def policy_of(
    timers: Fields, escalation: Fields, playbooks: tuple[Playbook, ...]
) -> PolicySettings:
    own = dict(escalation)
    chosen = {"default_ttl_s": timers.get("default_ttl_s")}
    chosen["relaxed_confidence"] = own.pop("relaxed_confidence", None)
    given = {name: value for name, value in chosen.items() if value is not None}
    return PolicySettings(playbooks=playbooks, escalation=Escalation(**own), **given)  # type: ignore[arg-type]  # the tables name exactly these fields


def _protected_flows(bgp: SpeakerSettings) -> Iterator[ProtectedFlow]:
    for peer in bgp.peers:
        theirs = Address.parse(str(peer.address))
        if theirs is not None:
            ours = None if peer.local_address is None else Address.parse(str(peer.local_address))
            yield from session_flows(peer.name, theirs, ours)


def infrastructure_of(main: MainFile, signals: SignalSettings) -> tuple[Protected, ...]:
    """Routers, our own addresses, decoys, and what the file declares. A decoy offers nothing that
    could be protected, and a filter in front of it blinds its sensor."""
    found = [
        Protected(prefix, "declared as infrastructure") for prefix in main.safelist.infrastructure
    ]
    named = [
        *((str(peer.address), f"router {peer.name}") for peer in main.bgp.peers),
        *(
            (str(peer.local_address), f"our address towards {peer.name}")
            for peer in main.bgp.peers
            if peer.local_address is not None
        ),
        *(
            (str(entry.address), "our BGP address")
            for entry in main.bgp.listen
            if not entry.address.is_unspecified
        ),
        (main.http.api.listen.host, "our API address"),
        (str(main.bgp.router_id), "our router id"),
    ]
    for text, reason in named:
        address = Address.parse(text)
        if address is not None and not _is_local(address):
            found.append(Protected(address.host(), reason))
    for sensor in signals.deception:
        prefixes = (Prefix.parse(text) for text in sensor.decoys)
        reason = f"decoys of sensor {sensor.name}"
        found += [Protected(prefix, reason) for prefix in prefixes if prefix is not None]
    return tuple(found)


def _is_local(address: Address) -> bool:
    return address.value == 0 or str(address) == "::1" or LOOPBACK.contains(address)


def marked(bgp: SpeakerSettings, storage: StoreSettings, env: Mapping[str, str]) -> SpeakerSettings:
    """Where the next start reads how this one ended. Without a marker it would not announce a
    restart, and routers would drop the rules they kept for us the moment we come back.

    Beside the SQLite file, or in the state directory the service manager gave us; a daemon with
    neither has no place of its own to write to."""
    if bgp.restart_marker or not bgp.live:
        return bgp
    state = env.get("STATE_DIRECTORY", "").partition(":")[0]
    if storage.is_sqlite and storage.sqlite_path != MEMORY:
        # Named after the database: two daemons may keep theirs in one directory.
        return replace(bgp, restart_marker=str(storage.sqlite_file.with_suffix(".restart.json")))
    if state:
        return replace(bgp, restart_marker=str(Path(state) / "restart.json"))
    return bgp


def withdrawing(bgp: SpeakerSettings) -> SpeakerSettings:
    """preserve_announcements: false withdraws on exit, unless a neighbor says otherwise."""

    def changed(peer: PeerSettings) -> PeerSettings:
        return replace(peer, stop_mode=peer.stop_mode or StopMode.WITHDRAW)

    return replace(
        bgp,
        peers=tuple(changed(peer) for peer in bgp.peers),
        dynamic=tuple(replace(found, template=changed(found.template)) for found in bgp.dynamic),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """prefixd.yaml by section; None stands for a section that could not be read."""

    mode: Mode | None = None
    http: Http | None = None
    bgp: SpeakerSettings | None = None
    guardrails: Fields | None = None
    quotas: Fields | None = None
    timers: Fields | None = None
    escalation: Fields | None = None
    safelist: Safelist | None = None
    correlation: CorrelationFile | None = None
    alerting: AlertSettings | None = None

    @classmethod
    def of(cls, usable: Mapping[str, object]) -> "Sections":
        def section(name: str) -> Fields | None:
            found = usable.get(name)
            return found if isinstance(found, dict) else None

        mode, http, bgp = usable.get("mode"), usable.get("http"), usable.get("bgp")
        correlation, alerting = usable.get("correlation"), usable.get("alerting")
        safelist = usable.get("safelist")
        return cls(
            mode=mode if isinstance(mode, Mode) else None,
            http=http if isinstance(http, Http) else None,
            bgp=bgp if isinstance(bgp, SpeakerSettings) else None,
            guardrails=section("guardrails"),
            quotas=section("quotas"),
            timers=section("timers"),
            escalation=section("escalation"),
            safelist=safelist if isinstance(safelist, Safelist) else None,
            correlation=correlation if isinstance(correlation, CorrelationFile) else None,
            alerting=alerting if isinstance(alerting, AlertSettings) else None,
        )

    def limits(self) -> Limits | None:
        if self.timers is None or self.guardrails is None or self.quotas is None:
            return None
        return limits_of(self.timers, self.guardrails, self.quotas, self.bgp)

    def policy(self, playbooks: tuple[Playbook, ...]) -> PolicySettings | None:
        if self.timers is None or self.escalation is None:
            return None
        return policy_of(self.timers, self.escalation, playbooks)
