"""What one value says against another, within a file and across files.

Each package judges its own settings (`problems` of guardrails, playbooks, BGP, correlation); here
they are asked, their words are brought back to a place in a file, and what no package can see
alone is added: TLS that mtls needs, a default TTL outside the guardrail, a playbook for a customer
that does not exist, two listeners on one port. Checks run on whatever could be built, so that one
bad section does not hide the mistakes of the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from prefixd.auth.settings import AuthMode
from prefixd.bgp.neighbor_settings import ImportMode
from prefixd.bgp.settings import PeerSettings, SpeakerSettings
from prefixd.bgp.settings_check import problems as bgp_problems
from prefixd.bgp.wire.iana import Safi
from prefixd.config.bundle import (
    ALERTING_NAME,
    CORRELATION_NAME,
    INVENTORY_NAME,
    MAIN_NAME,
    PLAYBOOKS_NAME,
)
from prefixd.config.correlation_file import CorrelationFile
from prefixd.config.derive import Sections
from prefixd.config.main_file import Http, MainFile
from prefixd.config.problem import Problem, Severity, TreePath, parse_path
from prefixd.config.schema import Fields
from prefixd.correlation.settings import CorrelationSettings
from prefixd.correlation.validate import agreement_problems
from prefixd.correlation.validate import problems as correlation_problems
from prefixd.domain.inventory import Customer, Inventory
from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.problem import Problem as DomainProblem
from prefixd.domain.rule import Blackhole
from prefixd.engine.settings import Mode
from prefixd.guardrails.limits import Limits
from prefixd.guardrails.limits import problems as limit_problems
from prefixd.notify.settings import (
    AlertSettings,
    Destination,
    Discord,
    Generic,
    Opsgenie,
    PagerDuty,
    Slack,
    Teams,
    Telegram,
    url_problem,
)
from prefixd.policy.playbook import PolicySettings
from prefixd.policy.playbook import problems as policy_problems
from prefixd.signals.webhook_compile import compile_adapter

Found = Iterator[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What could be built; None where a file or section was beyond use."""

    main: MainFile | None = None
    sections: Sections
    limits: Limits | None = None
    policy: PolicySettings | None = None
    customers: tuple[Customer, ...] | None = None
    inventory: Inventory | tuple[DomainProblem, ...] | None = None
    correlation: CorrelationFile | None = None
    correlation_home: tuple[str, TreePath] = (CORRELATION_NAME, ())
    alerting: AlertSettings | None = None
    alerting_home: tuple[str, TreePath] = (ALERTING_NAME, ())


def cross_check(parts: Parts) -> list[Problem]:
    """Every contradiction, with the file it is to be mended in."""
    found: list[Problem] = list(_main(parts.sections))
    if parts.limits is not None:
        found += _limits(parts.limits, parts.sections)
    if parts.policy is not None:
        found += _policy(parts.policy, parts.limits)
    if isinstance(parts.inventory, tuple):
        found += (_from_domain(INVENTORY_NAME, problem) for problem in parts.inventory)
    if isinstance(parts.inventory, Inventory):
        found += (_as_warning(INVENTORY_NAME, odd) for odd in parts.inventory.warnings)
    if parts.customers is not None:
        agreed = parts.correlation.correlation if parts.correlation else CorrelationSettings()
        found += _customers(parts.customers, agreed.window_s)
    if parts.policy is not None and parts.limits is not None:
        found += _policy_against_limits(parts.policy, parts.limits)
    if parts.policy is not None and parts.sections.bgp is not None:
        found += _policy_against_neighbors(parts.policy, parts.sections.bgp)
    if parts.policy is not None and isinstance(parts.inventory, Inventory):
        found += _policy_against_inventory(parts.policy, parts.inventory)
    if isinstance(parts.inventory, Inventory):
        found += _safelist_against_inventory(parts.sections, parts.inventory)
    if parts.correlation is not None:
        found += _correlation(parts.correlation, *parts.correlation_home)
    if parts.alerting is not None:
        found += _alerting(parts.alerting, *parts.alerting_home)
    return found


def _error(file: str, path: str | TreePath, message: str, hint: str | None = None) -> Problem:
    steps = parse_path(path) if isinstance(path, str) else path
    return Problem(file=file, steps=steps, message=message, hint=hint)


def _warning(file: str, path: str | TreePath, message: str, hint: str | None = None) -> Problem:
    return replace(_error(file, path, message, hint), severity=Severity.WARNING)


def _from_domain(file: str, problem: DomainProblem, inside: TreePath = ()) -> Problem:
    return _error(file, (*inside, *parse_path(problem.field)), problem.reason)


def _as_warning(file: str, problem: DomainProblem) -> Problem:
    return replace(_from_domain(file, problem), severity=Severity.WARNING)


def _main(main: Sections) -> Found:
    if main.http is not None:
        yield from _http(main.http)
    if main.bgp is not None:
        yield from _bgp(main.bgp)
        if main.http is not None:
            yield from _ports(main.http, main.bgp)
        if main.mode is Mode.ENFORCED and main.bgp.live and not main.bgp.peers:
            yield _warning(
                MAIN_NAME,
                "bgp",
                "no neighbor is configured: rules go nowhere",
                "list bgp.neighbors",
            )


def _http(http: Http) -> Found:
    tls = http.api.tls
    if http.auth.mode is AuthMode.MTLS:
        if tls is None:
            yield _error(MAIN_NAME, "http.auth.mode", "mtls needs TLS", "give http.tls")
        elif tls.ca_path is None:
            yield _error(
                MAIN_NAME, "http.tls", "mode mtls needs ca_path", "name the file of the CA"
            )
        if not http.auth.mtls_roles:
            yield _error(
                MAIN_NAME,
                "http.auth.mtls",
                "no certificate name has a role, so every request would be refused",
                "write http.auth.mtls.roles, for instance {noc.example.net: operator}",
            )
    if http.auth.mode is AuthMode.NONE and not _is_loopback(http.api.listen.host):
        yield _warning(
            MAIN_NAME,
            "http.auth.mode",
            f"none lets anyone who reaches {http.api.listen} do everything",
            "use bearer or credentials, or listen on 127.0.0.1",
        )


def _is_loopback(host: str) -> bool:
    address = Address.parse(host)
    if address is None:
        return host == "localhost"
    return Prefix(4, 127 << 24, 8).contains(address) or str(address) == "::1"


def _bgp(bgp: SpeakerSettings) -> Found:
    neighbors = {f"neighbor {peer.name}": index for index, peer in enumerate(bgp.peers)}
    ranges = {f"dynamic range {found.name}": index for index, found in enumerate(bgp.dynamic)}
    for problem in bgp_problems(bgp):
        path: TreePath = ("bgp",)
        if problem.where in neighbors:
            path = ("bgp", "neighbors", neighbors[problem.where])
        elif problem.where in ranges:
            path = ("bgp", "dynamic_neighbors", ranges[problem.where])
        yield _error(MAIN_NAME, path, f"{problem.where}: {problem.text}")
    yield from _exporting(bgp)
    for index, peer in enumerate(bgp.peers):
        yield from _accepting(peer, ("bgp", "neighbors", index))
    for index, found in enumerate(bgp.dynamic):
        yield from _accepting(found.template, ("bgp", "dynamic_neighbors", index))


def _exporting(bgp: SpeakerSettings) -> Found:
    """Without an export section nothing is announced (RFC 8212). A speaker where that is so of
    every neighbor protects no customer, unless it is there to watch what routers announce."""
    templates = [found.template for found in bgp.dynamic]
    peers = [peer for peer in (*bgp.peers, *templates) if peer.enabled]
    watches = any(peer.accept.mode is not ImportMode.DENY for peer in peers)
    if bgp.live and peers and not watches and all(peer.export is None for peer in peers):
        yield _error(
            MAIN_NAME,
            "bgp.neighbors",
            "no neighbor has an export section: nothing is announced to any router",
            "`export: {}` at a neighbor announces everything its profile can take",
        )
        return
    for index, peer in enumerate(bgp.peers):
        if peer.export is None and peer.enabled:
            yield _warning(
                MAIN_NAME,
                ("bgp", "neighbors", index),
                f"neighbor {peer.name} has no export section: nothing is announced to it",
                "`export: {}` announces everything its profile can take",
            )


def _accepting(peer: PeerSettings, path: TreePath) -> Found:
    """The word promises more than we do: announced again, a learned rule would lose its AS path,
    and instances that listen to each other could keep a dead rule alive."""
    if peer.accept.mode is ImportMode.ACCEPT:
        yield _warning(
            MAIN_NAME,
            (*path, "accept", "mode"),
            "rules that pass are logged, nothing more: they do not become mitigations and are not "
            "announced to another router",
            "`monitor` keeps rules to look at without judging them",
        )


def _ports(http: Http, bgp: SpeakerSettings) -> Found:
    port = http.api.listen.port
    if bgp.live and any(entry.port == port for entry in bgp.listen):
        yield _error(
            MAIN_NAME, "http.listen", f"port {port} is also in bgp.listen", "choose another"
        )


def _limits(limits: Limits, main: Sections) -> Found:
    guardrails, timers = main.guardrails or {}, main.timers or {}
    for problem in limit_problems(limits):
        yield _at_home(_from_domain(MAIN_NAME, problem), guardrails)
    if limits.min_ttl_s > limits.max_ttl_s:
        return  # said already; whatever is compared with such bounds would only repeat it
    default = timers.get("default_ttl_s", PolicySettings().default_ttl_s)
    if isinstance(default, int) and not limits.min_ttl_s <= default <= limits.max_ttl_s:
        bounds = f"{limits.min_ttl_s}..{limits.max_ttl_s}"
        message = f"{default} is outside the guardrail's {bounds}"
        yield _error(MAIN_NAME, "timers.default_ttl_seconds", message)


def _at_home(problem: Problem, guardrails: Fields) -> Problem:
    """TTL bounds that the guardrails section leaves out come from the timers."""
    in_timers = {
        ("guardrails", "min_ttl_seconds"): "min_ttl_s",
        ("guardrails", "max_ttl_seconds"): "max_ttl_s",
    }
    field = in_timers.get((str(problem.steps[0]), str(problem.steps[-1])))
    if field is None or field in guardrails:
        return problem
    return replace(problem, steps=("timers", problem.steps[-1]))


def _policy(policy: PolicySettings, limits: Limits | None) -> Found:
    bounds = None
    if limits is not None and limits.min_ttl_s <= limits.max_ttl_s:
        bounds = limits.min_ttl_s, limits.max_ttl_s
    for problem in policy_problems(policy, bounds):
        home = MAIN_NAME if problem.field.startswith("escalation") else PLAYBOOKS_NAME
        yield _from_domain(home, problem)


def _policy_against_limits(policy: PolicySettings, limits: Limits) -> Found:
    for index, playbook in enumerate(policy.playbooks):
        if playbook.match_tcp_flags and not limits.allow_tcp_flags_match:
            yield _error(
                PLAYBOOKS_NAME,
                ("playbooks", index, "match_tcp_flags"),
                "every rule of it would be refused",
                f"set guardrails.allow_tcp_flags_match in {MAIN_NAME}",
            )


def _policy_against_neighbors(policy: PolicySettings, bgp: SpeakerSettings) -> Found:
    """Blackhole routes are unicast routes. Before there is a neighbor, any playbook may wait."""
    terms = [*bgp.peers, *(found.template for found in bgp.dynamic)]
    if not terms or any(family.safi == Safi.UNICAST for peer in terms for family in peer.families):
        return
    for index, playbook in enumerate(policy.playbooks):
        for number, step in enumerate(playbook.steps):
            if isinstance(step.action, Blackhole):
                yield _error(
                    PLAYBOOKS_NAME,
                    ("playbooks", index, "steps", number),
                    "a blackhole step needs a neighbor with a unicast family, and none has one",
                    "add ipv4-unicast or ipv6-unicast to afi_safi of a neighbor in "
                    f"{MAIN_NAME}, or write action: discard",
                )


def _customers(customers: Iterable[Customer], window_s: int) -> Found:
    for index, customer in enumerate(customers):
        if customer.correlation is not None:
            for problem in agreement_problems(customer.correlation, window_s):
                yield _from_domain(INVENTORY_NAME, problem, ("customers", index, "correlation"))


def _policy_against_inventory(policy: PolicySettings, inventory: Inventory) -> Found:
    services = {
        service.service_id for customer in inventory.customers for service in customer.services
    }
    tags = {tag for customer in inventory.customers for tag in customer.tags}
    for index, playbook in enumerate(policy.playbooks):
        path = ("playbooks", index, "match")
        match = playbook.match
        unknown = [
            *(("customers", name) for name in match.customer_ids if not inventory.customer(name)),
            *(("services", name) for name in match.service_ids if name not in services),
            *(("tags", name) for name in match.tags if name not in tags),
        ]
        for key, name in unknown:
            yield _warning(
                PLAYBOOKS_NAME, (*path, key), f"{name!r} is not in the inventory: never matches"
            )


def _safelist_against_inventory(main: Sections, inventory: Inventory) -> Found:
    prefixes = () if main.safelist is None else main.safelist.prefixes
    for index, prefix in enumerate(prefixes):
        covered = next(
            (
                (customer, own)
                for customer in inventory.customers
                for own in customer.prefixes
                if prefix.covers(own)
            ),
            None,
        )
        if covered is not None:
            customer, own = covered
            yield _warning(
                MAIN_NAME,
                ("safelist", "prefixes", index),
                f"covers {own} of customer {customer.customer_id!r}: nothing there is ever "
                "mitigated",
            )


def _correlation(file: CorrelationFile, name: str, inside: TreePath) -> Found:
    for problem in correlation_problems(file.correlation):
        yield _from_domain(name, problem, inside)
    for index, adapter in enumerate(file.signals.webhooks):
        compiled = compile_adapter(adapter)
        if isinstance(compiled, tuple):
            path = (*inside, "webhook_adapters", index)
            yield from (_from_domain(name, problem, path) for problem in compiled)
    yield from _names(file, name, inside)


def _names(file: CorrelationFile, name: str, inside: TreePath) -> Found:
    """Adapters, sensors and built-in sources share one set of source names."""
    adapters = {adapter.name for adapter in file.signals.webhooks}
    for index, sensor in enumerate(file.signals.deception):
        path = (*inside, "sensors", "deception", index)
        if sensor.name in adapters or sensor.name in file.correlation.sources:
            yield _error(
                name, (*path, "name"), f"{sensor.name!r} is also the name of another source"
            )
        if sensor.enabled and not sensor.webhook_secret_refs:
            yield _error(name, path, "has no input", "give it secrets for its webhook")


def _alerting(alerting: AlertSettings, name: str, inside: TreePath) -> Found:
    first: dict[str, int] = {}
    for index, destination in enumerate(alerting.destinations):
        path = (*inside, "destinations", index)
        earlier = first.setdefault(destination.id, index)
        if earlier != index:
            message = f"{destination.id!r} is also the id of destinations[{earlier}]"
            yield _error(name, (*path, "id"), message)
        for key, url in _urls(destination):
            reason = url_problem(url, alerting.allow_private)
            if reason is not None:
                where = f"destination {destination.id} ({destination.type})"
                yield _error(name, (*path, key), f"{where}: {key} {reason}")


def _urls(destination: Destination) -> Iterator[tuple[str, str]]:
    match destination.target:
        case Slack(webhook_url=url) | Discord(webhook_url=url) | Teams(webhook_url=url):
            yield "webhook_url", url
        case PagerDuty(events_url=url):
            yield "events_url", url
        case Generic(url=url):
            yield "url", url
        case Telegram() | Opsgenie():
            return
