"""What the API may show of the configuration.

The settings view is an allow-list: a key that is not written here is not shown. The views of the
three files that can be changed through the API are the files themselves, because they come back to
be saved; secrets in them read `***`, and names of variables and files stay, for they are no
secrets and the file would be lost without them.
"""

from collections.abc import Mapping
from typing import Any

from prefixd.bgp.settings import ListenAddress
from prefixd.config.alerting_file import DESTINATION
from prefixd.config.bundle import ALERTING_NAME, CORRELATION_NAME, MAIN_NAME, PLAYBOOKS_NAME, Config
from prefixd.config.references import REFERENCE_SUFFIXES
from prefixd.config.secrets import STARS
from prefixd.config.yaml_tree import Tree
from prefixd.domain.inventory import Customer


def settings_view(config: Config) -> dict[str, Tree]:
    """GET /v1/config/settings."""
    limits, policy, escalation = config.limits, config.policy, config.policy.escalation
    return {
        "pop": config.pop,
        "mode": config.mode.value,
        "version": config.version,
        "http": {
            "listen": str(config.api.listen),
            "auth": {"mode": config.auth.mode.value},
            "rate_limit": {
                "events_per_second": config.api.rate_limit.events_per_second,
                "burst": config.api.rate_limit.burst,
            },
            "cors_origin": config.api.cors_origin,
        },
        "bgp": {
            "mode": "speaker" if config.bgp.live else "mock",
            "local_asn": config.bgp.local_asn,
            "listen": [_endpoint(entry) for entry in config.bgp.listen],
            "neighbors": [
                {
                    "name": peer.name,
                    "address": str(peer.address),
                    "peer_asn": min(peer.peer_asns),
                    "afi_safi": [str(family) for family in peer.families],
                }
                for peer in config.bgp.peers
            ],
        },
        "guardrails": {
            "require_ttl": limits.require_ttl,
            "min_ttl_seconds": limits.min_ttl_s,
            "max_ttl_seconds": limits.max_ttl_s,
            "dst_prefix_minlen": limits.dst_prefix_min_length_v4,
            "dst_prefix_maxlen": limits.dst_prefix_max_length_v4,
            "dst_prefix_minlen_v6": limits.dst_prefix_min_length_v6,
            "dst_prefix_maxlen_v6": limits.dst_prefix_max_length_v6,
            "max_ports": limits.max_ports,
            "allow_src_prefix_match": limits.allow_src_prefix_match,
            "allow_tcp_flags_match": limits.allow_tcp_flags_match,
            "allow_fragment_match": limits.allow_fragment_match,
            "allow_packet_length_match": limits.allow_packet_length_match,
        },
        "quotas": {
            "max_active_per_customer": limits.max_active_per_customer,
            "max_active_per_pop": limits.max_active_per_pop,
            "max_active_global": limits.max_active_global,
            "max_new_per_minute": limits.max_new_per_minute,
            "max_announcements_per_peer": limits.max_announcements_per_peer,
        },
        "timers": {
            "default_ttl_seconds": policy.default_ttl_s,
            "min_ttl_seconds": limits.min_ttl_s,
            "max_ttl_seconds": limits.max_ttl_s,
            "correlation_window_seconds": config.correlation.window_s,
            "reconciliation_interval_seconds": config.engine.reconcile_interval_s,
            "quiet_period_after_withdraw_seconds": limits.quiet_period_after_withdraw_s,
            "max_lifetime_seconds": limits.max_lifetime_s,
        },
        "escalation": {
            "enabled": escalation.enabled,
            "min_persistence_seconds": escalation.min_persistence_s,
            "min_confidence": escalation.min_confidence,
            "max_escalated_duration_seconds": escalation.max_escalated_duration_s,
        },
        "shutdown": {
            "drain_timeout_seconds": config.engine.drain_timeout_s,
            "preserve_announcements": config.preserve_announcements,
        },
        "storage": {"connection_string": "[redacted]"},
        "observability": {
            "log_format": config.observability.log_format.value,
            "log_level": config.observability.log_level.value,
        },
        "safelist": {"count": len(config.safelist.prefixes)},
    }


def _endpoint(entry: ListenAddress) -> str:
    host = f"[{entry.address}]" if entry.address.version == 6 else str(entry.address)
    return f"{host}:{entry.port}"


def playbooks_view(config: Config) -> Tree:
    """The playbooks as the file has them, ready to be changed and put back."""
    return config.documents[PLAYBOOKS_NAME].tree


def correlation_view(config: Config) -> Tree:
    return raw_section(config, CORRELATION_NAME, "correlation")


def alerting_view(config: Config) -> Tree:
    """Every destination with its id; whatever is secret reads `***`."""
    tree = raw_section(config, ALERTING_NAME, "alerting")
    assert isinstance(tree, dict)
    destinations = tree.get("destinations") or []
    assert isinstance(destinations, list)
    shown: list[Tree] = []
    for raw, built in zip(destinations, config.alerting.destinations, strict=True):
        assert isinstance(raw, dict)
        shown.append({"id": built.id, **_starred(raw)})
    return {**tree, "destinations": shown, "events": tree.get("events") or []}


def raw_section(config: Config, name: str, section: str) -> Tree:
    """The unexpanded tree of a file, or of the section of prefixd.yaml that stands in for it."""
    document = config.documents.get(name)
    if document is not None:
        tree = document.tree
        return tree[section] if isinstance(tree, dict) and document.is_below(section) else tree
    main = config.documents[MAIN_NAME].tree
    return (main.get(section) or {}) if isinstance(main, dict) else {}


def secret_names(destination_type: object) -> tuple[str, ...]:
    """Keys of a destination whose values are secrets, references not among them."""
    section = DESTINATION.choices.get(str(destination_type))
    if section is None:
        return ()
    return tuple(
        entry.name
        for entry in section.keys
        if entry.is_secret and not entry.name.endswith(REFERENCE_SUFFIXES)
    )


def _starred(destination: Mapping[str, Tree]) -> dict[str, Tree]:
    shown = dict(destination)
    for name in secret_names(destination.get("type")):
        value = shown.get(name)
        if isinstance(value, dict):
            shown[name] = dict.fromkeys(value, STARS)
        elif value:
            shown[name] = STARS
    return shown


def inventory_view(config: Config) -> dict[str, Any]:
    """GET /v1/config/inventory."""
    customers = [_customer(customer) for customer in config.inventory.customers]
    services = [service for customer in customers for service in customer["services"]]
    return {
        "customers": customers,
        "total_customers": len(customers),
        "total_services": len(services),
        "total_assets": sum(len(service["assets"]) for service in services),
    }


def _customer(customer: Customer) -> dict[str, Any]:
    return {
        "customer_id": customer.customer_id,
        "name": customer.name,
        "prefixes": [str(prefix) for prefix in customer.prefixes],
        "policy_profile": str(customer.profile),
        "services": [
            {
                "service_id": service.service_id,
                "name": service.name,
                "assets": [
                    {"ip": str(asset.address), "role": asset.role, "interface": asset.interface}
                    for asset in service.assets
                ],
                "allowed_ports": {
                    "udp": list(service.allowed_udp),
                    "tcp": list(service.allowed_tcp),
                },
            }
            for service in customer.services
        ],
    }
