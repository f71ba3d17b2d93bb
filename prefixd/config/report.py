"""What `prefixd check` prints: the problems, or what would run.

Plain text for a terminal or a CI log; one problem a line, `file:line:column` first, so that
editors can jump to it.
"""

from collections.abc import Sequence

from prefixd.bgp.settings import PeerSettings, is_internal
from prefixd.config.bundle import FILE_NAMES, Config
from prefixd.config.problem import SHOWN_PROBLEMS, Problem, Severity


def render_problems(problems: Sequence[Problem]) -> str:
    """Errors first, then warnings, then the count. Empty when there is nothing to say.

    A file with a thousand mistakes shows the first hundred of each kind; the count is of all.
    """
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    warnings = [problem for problem in problems if problem.severity is Severity.WARNING]
    lines = [f"error: {problem}" for problem in errors[:SHOWN_PROBLEMS]]
    lines += [f"warning: {problem}" for problem in warnings[:SHOWN_PROBLEMS]]
    if problems:
        lines.append(f"{_count(len(errors), 'error')}, {_count(len(warnings), 'warning')}")
    return "\n".join(lines)


def render_summary(config: Config) -> str:
    """What this configuration would run, in the order an operator asks."""
    rows = [
        ("files", _files(config)),
        ("version", config.version),
        ("pop", config.pop),
        ("mode", _mode(config)),
        ("api", f"{_scheme(config)}://{config.api.listen}, auth {config.auth.mode.value}"),
        ("bgp", _bgp(config)),
        *(("  neighbor", _neighbor(config, peer)) for peer in config.bgp.peers),
        ("storage", config.storage.where),
        ("inventory", _inventory(config)),
        ("playbooks", ", ".join(playbook.name for playbook in config.policy.playbooks)),
        ("correlation", _correlation(config)),
        ("alerting", _alerting(config)),
        ("safelist", _safelist(config)),
    ]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{width}}{text}".rstrip() for name, text in rows)


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _files(config: Config) -> str:
    there = [name for name in FILE_NAMES if name in config.documents]
    return f"{config.directory}: {', '.join(there)}"


def _mode(config: Config) -> str:
    if config.is_dry_run:
        return "dry-run: rules are decided and shown, nothing is announced"
    if not config.bgp.live:
        return "enforced, but bgp.mode is mock: rules stay in memory"
    return "enforced: rules are announced"


def _scheme(config: Config) -> str:
    return "http" if config.api.tls is None else "https"


def _bgp(config: Config) -> str:
    bgp = config.bgp
    who = f"AS {bgp.local_asn}, router id {bgp.router_id}"
    if not bgp.live:
        return f"{who}, mock: no socket is opened"
    where = ", ".join(_endpoint(str(entry.address), entry.port) for entry in bgp.listen)
    return f"{who}, listening on {where or 'nothing'}, {_count(len(bgp.peers), 'neighbor')}"


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _neighbor(config: Config, peer: PeerSettings) -> str:
    asns = ", ".join(str(asn) for asn in sorted(peer.peer_asns))
    kind = "iBGP" if is_internal(config.bgp, peer) else "eBGP"
    families = ", ".join(str(family) for family in peer.families)
    guarded = "TCP-AO" if peer.tcp_ao else "MD5" if peer.md5 is not None else "no password"
    announced = "" if peer.export is not None else ", nothing announced: no export section"
    state = "" if peer.enabled else ", disabled"
    return (
        f"{peer.name} {peer.address} AS {asns} {kind}, {peer.profile}, {families}, {guarded}, "
        f"{peer.restart.policy.value}{announced}{state}"
    )


def _inventory(config: Config) -> str:
    customers = config.inventory.customers
    services = sum(len(customer.services) for customer in customers)
    assets = sum(len(service.assets) for found in customers for service in found.services)
    prefixes = sum(len(customer.prefixes) for customer in customers)
    return (
        f"{_count(len(customers), 'customer')} with {_count(prefixes, 'prefix', 'prefixes')}, "
        f"{_count(services, 'service')}, {_count(assets, 'asset')}"
    )


def _correlation(config: Config) -> str:
    settings = config.correlation
    if not settings.enabled:
        return "off: every report acts by itself"
    adapters = ", ".join(adapter.name for adapter in config.signals.webhooks)
    webhooks = f", webhooks {adapters}" if adapters else ""
    return (
        f"{settings.combine.value}, {_count(settings.min_sources, 'source')} and confidence "
        f"{settings.confidence_threshold:g} within {settings.window_s} s, "
        f"{_count(len(settings.sources), 'source')} listed{webhooks}"
    )


def _alerting(config: Config) -> str:
    names = [f"{found.id} ({found.type})" for found in config.alerting.destinations]
    return ", ".join(names) or "no destinations configured"


def _safelist(config: Config) -> str:
    configured = len(config.safelist.prefixes)
    infrastructure = len({entry.prefix for entry in config.safelist.infrastructure})
    return f"{configured} configured, {infrastructure} infrastructure"
