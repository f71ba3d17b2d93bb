"""From a neighbor's settings and what was negotiated to the terms the RIB works with.

The one translator between the operator's words (`settings.py`) and the RIB's values, so that the
RIB knows no configuration and the configuration no tables.
"""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network

from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.neighbor_settings import (
    ExcessPolicy,
    FenceMode,
    ImportMode,
    ImportSettings,
    IPAddress,
    IPNetwork,
)
from prefixd.bgp.rib.adj_rib_in import ImportPolicy
from prefixd.bgp.rib.export_terms import Budget, Pacing, Terms
from prefixd.bgp.rib.refresh_probe import ProbeSettings
from prefixd.bgp.rib.route import Key
from prefixd.bgp.rib.router_profile import GENERIC, PROFILES, Profile
from prefixd.bgp.rib.safety import OwnSession, SafetyNet
from prefixd.bgp.settings import (
    PeerSettings,
    SpeakerSettings,
    is_internal,
    local_asn,
)
from prefixd.bgp.wire.prefix import Prefix


def terms_of(
    speaker: SpeakerSettings,
    peer: PeerSettings,
    negotiated: Negotiated | None,
    *,
    safety: SafetyNet,
    quarantined: frozenset[Key] = frozenset(),
    most_rules: int | None = None,
    scoped: frozenset[str] = frozenset(),
) -> Terms:
    """`negotiated` is None while there is no session: then what is configured counts.

    `most_rules` is a limit learned from the peer. `scoped` are the names and tags that routes ask
    for; a peer's own name counts only if one does, or it could not share a group.
    """
    profile = profile_of(peer)
    rate = peer.pacing.rules_per_second
    return Terms(
        families=frozenset(peer.families) if negotiated is None else negotiated.families,
        local_as=local_asn(speaker, peer),
        internal=is_internal(speaker, peer) if negotiated is None else negotiated.internal,
        four_octet_as=negotiated is None or negotiated.four_octet_as,
        max_message=4096 if negotiated is None else negotiated.max_message,
        profile=profile,
        policy=peer.export,
        rtbh=peer.rtbh,
        budget=_budget(peer.budget, profile, most_rules),
        pacing=Pacing(
            batch_s=peer.pacing.batch_ms / 1000,
            batch_keys=peer.pacing.batch_keys,
            quiet_s=peer.pacing.quiet_ms / 1000,
            rules_per_second=profile.rules_per_second if rate is None else rate,
        ),
        names=frozenset({peer.name, *peer.tags}) & scoped,
        safety=safety,
        quarantined=quarantined,
    )


def profile_of(peer: PeerSettings) -> Profile:
    return PROFILES.get(peer.profile, GENERIC)


def _budget(budget: Budget, profile: Profile, most_rules: int | None) -> Budget:
    if most_rules is None:
        return budget
    configured = profile.budget_total if budget.rules_total is None else budget.rules_total
    return replace(
        budget, rules_total=most_rules if configured is None else min(configured, most_rules)
    )


def import_policy_of(settings: ImportSettings) -> ImportPolicy:
    return ImportPolicy(
        keep=settings.mode is not ImportMode.DENY,
        report=settings.mode is ImportMode.ACCEPT,
        destinations=_prefixes(settings.destinations),
        actions=settings.actions,
        required_communities=frozenset(settings.required_communities),
        max_flowspec=settings.max_received_flowspec,
        max_unicast=settings.max_received_unicast,
        max_items=settings.max_items_per_rule,
        warn_share=settings.warn_share,
        reset_on_excess=settings.on_excess is ExcessPolicy.RESET,
    )


def probe_settings_of(peer: PeerSettings) -> ProbeSettings:
    mode, known = peer.pacing.fence, profile_of(peer).fence
    wanted = mode is FenceMode.ON or (mode is FenceMode.AUTO and known is not False)
    return ProbeSettings(
        wanted=wanted,
        interval_s=peer.pacing.fence_interval_s,
        timeout_s=peer.pacing.fence_timeout_s,
    )


def safety_of(
    speaker: SpeakerSettings,
    untouchable: tuple[IPNetwork, ...] = (),
    own: Iterable[IPAddress] = (),
) -> SafetyNet:
    """Our end is the configured address, or else the router id, which usually is one of ours. What
    the kernel and the live sessions know comes in as `own`."""
    sessions: list[OwnSession] = []
    for peer in speaker.peers:
        ours: IPAddress | None = peer.local_address
        if ours is None and peer.address.version == 4:
            ours = speaker.router_id
        sessions.append(
            OwnSession(None if ours is None else _host(ours), _host(peer.address), peer.port)
        )
    return SafetyNet(
        sessions=tuple(sessions),
        untouchable=_prefixes(untouchable),
        own=frozenset(map(_host, own)),
    )


def _host(address: IPAddress) -> Prefix:
    return Prefix(1 if address.version == 4 else 2, address.max_prefixlen, address.packed)


def _prefixes(networks: tuple[IPNetwork, ...]) -> tuple[Prefix, ...]:
    return tuple(
        Prefix.of(
            1 if isinstance(network, IPv4Network) else 2,
            network.prefixlen,
            network.network_address.packed,
        )
        for network in networks
    )
