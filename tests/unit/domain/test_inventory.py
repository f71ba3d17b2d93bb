"""Who owns an address."""

import pytest

from prefixd.domain.inventory import Asset, Inventory, build_inventory
from prefixd.domain.prefix import V4, V6
from prefixd.domain.problem import Problem
from tests.kit.builders import a_customer, a_prefix, a_service, an_address, an_inventory

ACME = a_customer(
    customer_id="acme",
    prefixes=(a_prefix("198.51.100.0/24"), a_prefix("2001:db8:20::/48")),
    services=(),
)
INSIDE = a_customer(customer_id="inside", prefixes=(a_prefix("198.51.100.64/26"),), services=())


def owner_of(inventory: Inventory, victim: str) -> str | None:
    owner = inventory.find(a_prefix(victim))
    return None if owner is None else owner.customer.customer_id


@pytest.mark.parametrize("order", [(ACME, INSIDE), (INSIDE, ACME)])
def test_w05_the_longest_prefix_wins_whatever_the_order_of_the_file(order) -> None:
    inventory = an_inventory(*order)
    assert owner_of(inventory, "198.51.100.70") == "inside"
    assert owner_of(inventory, "198.51.100.63") == "acme"
    assert owner_of(inventory, "198.51.100.128") == "acme"
    assert owner_of(inventory, "198.51.101.0") is None
    assert owner_of(inventory, "198.51.99.255") is None


def test_an_asset_brings_its_service() -> None:
    owner = an_inventory().find(a_prefix("192.0.2.53"))
    assert owner is not None
    assert owner.service is not None
    assert owner.service.service_id == "svc_dns"
    assert owner.asset is not None
    assert owner.asset.interface == "core1:et-0/0/1"
    assert owner.service.allowed_ports(17) == (53,)
    assert owner.service.allowed_ports(1) == ()


def test_a_prefix_hit_has_no_service() -> None:
    owner = an_inventory().find(a_prefix("192.0.2.54"))
    assert owner is not None
    assert owner.service is None


def test_a_whole_network_belongs_to_who_covers_all_of_it() -> None:
    inventory = an_inventory(ACME, INSIDE)
    assert owner_of(inventory, "198.51.100.64/27") == "inside"
    assert owner_of(inventory, "198.51.100.0/25") == "acme"
    assert owner_of(inventory, "198.51.100.64/25") == "acme"
    assert owner_of(inventory, "198.51.0.0/16") is None


def test_families_do_not_mix() -> None:
    inventory = an_inventory(ACME)
    assert owner_of(inventory, "2001:db8:20::1") == "acme"
    assert owner_of(inventory, "2001:db8:21::1") is None
    assert owner_of(an_inventory(INSIDE), "2001:db8:20::1") is None


def test_w05_duplicates_are_refused_with_their_place() -> None:
    twice = a_customer(customer_id="twin", prefixes=(a_prefix("198.51.100.0/24"),), services=())
    problems = build_inventory([ACME, twice])
    assert isinstance(problems, tuple)
    assert [str(problem) for problem in problems] == [
        "customers[1].prefixes[0]: 198.51.100.0/24 already belongs to customer 'acme'"
    ]


def test_every_mistake_is_reported_at_once() -> None:
    shared = Asset(an_address("192.0.2.53"))
    services = (
        a_service(),
        a_service(assets=(shared,), allowed_udp=(0, 53), allowed_tcp=(70000,)),
    )
    problems = build_inventory([a_customer(services=services), a_customer(services=())])
    assert isinstance(problems, tuple)
    assert {problem.field for problem in problems} == {
        "customers[0].services[1].service_id",
        "customers[0].services[1].assets[0].ip",
        "customers[0].services[1].allowed_ports.udp[0]",
        "customers[0].services[1].allowed_ports.tcp[0]",
        "customers[1].customer_id",
        "customers[1].prefixes[0]",
        "customers[1].prefixes[1]",
    }


def test_an_asset_outside_its_customer_is_owned_with_a_warning() -> None:
    stray = a_service(assets=(Asset(an_address("203.0.113.9")),))
    inventory = an_inventory(a_customer(services=(stray,)))
    assert owner_of(inventory, "203.0.113.9") == "cust_example"
    assert inventory.warnings == (
        Problem(
            "customers[0].services[0].assets[0].ip",
            "203.0.113.9 is in no prefix of 'cust_example'",
        ),
    )


def test_a_host_may_be_listed_as_prefix_and_as_asset_of_one_customer() -> None:
    customer = a_customer(prefixes=(a_prefix("192.0.2.0/24"), a_prefix("192.0.2.53/32")))
    owner = an_inventory(customer).find(a_prefix("192.0.2.53"))
    assert owner is not None
    assert owner.asset is not None


def test_our_space_counts_each_address_once() -> None:
    inventory = an_inventory(ACME, INSIDE, a_customer())
    assert inventory.space(V4) == 512
    assert inventory.space(V6) == 2 * 2**80


def test_the_edges_of_the_address_space_can_be_owned() -> None:
    everything = a_customer(
        customer_id="all", prefixes=(a_prefix("0.0.0.0/0"), a_prefix("::/0")), services=()
    )
    inventory = an_inventory(everything)
    assert owner_of(inventory, "0.0.0.0") == "all"
    assert owner_of(inventory, "255.255.255.255") == "all"
    assert owner_of(inventory, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == "all"
    assert inventory.space(V4) == 2**32


def test_customers_are_found_by_their_id() -> None:
    inventory = an_inventory(ACME, INSIDE)
    found = inventory.customer("inside")
    assert found is not None
    assert found.prefixes == INSIDE.prefixes
    assert inventory.customer("nobody") is None
