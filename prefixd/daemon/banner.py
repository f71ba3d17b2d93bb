"""The address of the API, and what a terminal shows at the start: the address and a line to try."""

from prefixd.auth.settings import AuthMode
from prefixd.config.bundle import Config
from prefixd.domain.inventory import Customer
from prefixd.domain.prefix import Address


def base_url(config: Config, port: int) -> str:
    scheme = "http" if config.api.tls is None else "https"
    host = config.api.listen.host or "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def summary(config: Config, base: str) -> str:
    """One line, for the service manager's status too."""
    return f"prefixd listens on {base} ({_mode(config)})"


def greeting(config: Config, base: str) -> str:
    lines = [summary(config, base), f"  {base}/docs   the API"]
    victim = example_victim(config)
    if victim is not None:
        lines += ["Try, from another terminal:", f"  {example_curl(base, victim, config)}"]
    return "\n".join(lines)


def example_curl(base: str, victim: Address, config: Config) -> str:
    """An event that this configuration turns into a rule."""
    body = (
        '{"timestamp": "\'$(date -u +%FT%TZ)\'", "source": "try-it", '
        f'"victim_ip": "{victim}", "vector": "udp_flood", "bps": 900000000, "confidence": 0.9}}'
    )
    headers = ["-H 'Content-Type: application/json'"]
    if config.auth.mode is not AuthMode.NONE:
        headers.append('-H "Authorization: Bearer $PREFIXD_API_TOKEN"')
    return f"curl -s {base}/v1/events {' '.join(headers)} -d '{body}'"


def example_victim(config: Config) -> Address | None:
    """An address of the inventory that nothing protects from an example."""
    protected = [entry.prefix for entry in config.safelist.infrastructure]
    protected += config.safelist.prefixes
    for customer in config.inventory.customers:
        for address in _addresses(customer):
            if not any(prefix.contains(address) for prefix in protected):
                return address
    return None


def _addresses(customer: Customer) -> list[Address]:
    assets = [asset.address for service in customer.services for asset in service.assets]
    hosts = [
        Address(prefix.version, prefix.value + 20)
        for prefix in customer.prefixes
        if prefix.bits - prefix.length >= 5
    ]
    return [*hosts, *assets]


def _mode(config: Config) -> str:
    if config.is_dry_run:
        return "dry-run: rules are shown, nothing is announced"
    if not config.bgp.live:
        return "bgp.mode mock: rules stay in memory"
    return "rules are announced"
