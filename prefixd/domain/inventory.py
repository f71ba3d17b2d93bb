"""Who owns an address: customers, their services and assets, found by longest match.

Built once per load from every customer prefix and every asset; the narrowest owner that covers the
whole victim wins, wherever it stands in the file.

An address listed twice would have two owners and the answer would depend on the order of a file:
such an inventory is refused when it is built, with the place of each mistake.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from prefixd.domain.agreement import Agreement
from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.problem import Problem
from prefixd.domain.rule import MAX_PORT
from prefixd.domain.segments import Segments
from prefixd.domain.vector import TCP, UDP


class PolicyProfile(StrEnum):
    """How hard we may act for a customer; what each means is `prefixd.policy.profile`."""

    STRICT = "strict"
    NORMAL = "normal"
    RELAXED = "relaxed"


@dataclass(frozen=True, slots=True)
class Asset:
    address: Address
    role: str | None = None
    interface: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    service_id: str
    name: str
    assets: tuple[Asset, ...] = ()
    allowed_udp: tuple[int, ...] = ()
    allowed_tcp: tuple[int, ...] = ()

    def allowed_ports(self, protocol: int | None) -> tuple[int, ...]:
        if protocol == UDP:
            return self.allowed_udp
        if protocol == TCP:
            return self.allowed_tcp
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    customer_id: str
    name: str
    prefixes: tuple[Prefix, ...] = ()
    profile: PolicyProfile = PolicyProfile.NORMAL
    services: tuple[Service, ...] = ()
    correlation: Agreement | None = None
    max_active: int | None = None  # None: the general quota applies
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The answer of a look-up. `service` and `asset` are set only for a listed asset."""

    customer: Customer
    prefix: Prefix
    service: Service | None = None
    asset: Asset | None = None


class Inventory:
    """Immutable. `build_inventory` makes one; an empty inventory owns nothing."""

    __slots__ = ("_by_id", "_segments", "customers", "prefix_count", "warnings")

    def __init__(
        self,
        customers: tuple[Customer, ...],
        owners: Mapping[Prefix, Owner],
        warnings: tuple[Problem, ...] = (),
    ) -> None:
        self.customers = customers
        self.warnings = warnings  # odd but workable: worth a line in the log of a load
        self.prefix_count = len(owners)
        self._by_id: Mapping[str, Customer] = MappingProxyType(
            {customer.customer_id: customer for customer in customers}
        )
        self._segments = Segments(owners)

    def customer(self, customer_id: str) -> Customer | None:
        return self._by_id.get(customer_id)

    def find(self, victim: Prefix) -> Owner | None:
        """The narrowest owner that covers the whole victim, or None."""
        node = self._segments.find(victim)
        return None if node is None else node.value

    def space(self, version: int) -> int:
        """How many addresses of a family have an owner, each counted once."""
        return self._segments.size(version)


EMPTY_INVENTORY: Final = Inventory((), {})


def build_inventory(customers: Iterable[Customer]) -> Inventory | tuple[Problem, ...]:
    """The index, or every reason why these customers do not make one."""
    customers = tuple(customers)
    problems: list[Problem] = []
    owners: dict[Prefix, Owner] = {}
    customer_ids: set[str] = set()
    for index, customer in enumerate(customers):
        where = f"customers[{index}]"
        if not customer.customer_id:
            problems.append(Problem(f"{where}.customer_id", "is empty"))
        elif customer.customer_id in customer_ids:
            problems.append(
                Problem(f"{where}.customer_id", f"{customer.customer_id!r} is listed twice")
            )
        customer_ids.add(customer.customer_id)
        problems += (found.inside(where) for found in _list_prefixes(customer, owners))
        problems += (found.inside(where) for found in _list_services(customer, owners))
    if problems:
        return tuple(problems)
    return Inventory(customers, owners, tuple(_stray_assets(customers)))


def _stray_assets(customers: Iterable[Customer]) -> Iterator[Problem]:
    """Assets outside their customer's prefixes: owned all the same, but probably a mistake."""
    for customer_number, customer in enumerate(customers):
        for service_number, service in enumerate(customer.services):
            where = f"customers[{customer_number}].services[{service_number}]"
            for index, asset in enumerate(service.assets):
                if not any(prefix.contains(asset.address) for prefix in customer.prefixes):
                    reason = f"{asset.address} is in no prefix of {customer.customer_id!r}"
                    yield Problem(f"{where}.assets[{index}].ip", reason)


def _list_prefixes(customer: Customer, owners: dict[Prefix, Owner]) -> list[Problem]:
    problems: list[Problem] = []
    for index, prefix in enumerate(customer.prefixes):
        taken = owners.get(prefix)
        if taken is None:
            owners[prefix] = Owner(customer=customer, prefix=prefix)
        else:
            problems.append(_twice(f"prefixes[{index}]", str(prefix), taken))
    return problems


def _list_services(customer: Customer, owners: dict[Prefix, Owner]) -> list[Problem]:
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, service in enumerate(customer.services):
        where = f"services[{number}]"
        if service.service_id in seen:
            problems.append(
                Problem(f"{where}.service_id", f"{service.service_id!r} is listed twice")
            )
        seen.add(service.service_id)
        for protocol, ports in (("udp", service.allowed_udp), ("tcp", service.allowed_tcp)):
            problems += (
                Problem(f"{where}.allowed_ports.{protocol}[{index}]", f"{port} is not a port")
                for index, port in enumerate(ports)
                if not 0 < port <= MAX_PORT
            )
        problems += (found.inside(where) for found in _list_assets(customer, service, owners))
    return problems


def _list_assets(
    customer: Customer, service: Service, owners: dict[Prefix, Owner]
) -> list[Problem]:
    problems: list[Problem] = []
    for index, asset in enumerate(service.assets):
        where = f"assets[{index}].ip"
        host = asset.address.host()
        taken = owners.get(host)
        if taken is not None and (taken.asset is not None or taken.customer is not customer):
            problems.append(_twice(where, str(asset.address), taken))
        else:
            # A customer may list a host both as a prefix and as an asset: the asset knows more.
            owners[host] = Owner(customer=customer, prefix=host, service=service, asset=asset)
    return problems


def _twice(where: str, text: str, taken: Owner) -> Problem:
    holder = taken.customer.customer_id
    what = f"service {taken.service.service_id!r} of " if taken.service is not None else ""
    return Problem(where, f"{text} already belongs to {what}customer {holder!r}")
