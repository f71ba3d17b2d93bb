"""inventory.yaml: whose addresses these are.

The largest file by far, so its kinds record nothing and positions are looked up only for mistakes.
Ids listed twice, addresses with two owners and assets outside their customer's prefixes are found
by `prefixd.domain.inventory.build_inventory`, with paths that lead back into the file.
"""

from prefixd.config.kinds import (
    ADDRESS,
    AT_LEAST_ONE,
    NAME,
    PORT,
    PREFIX,
    SECONDS,
    SHARE,
    Listing,
    Text,
    Whole,
    Word,
)
from prefixd.config.schema import Section, key
from prefixd.domain.agreement import Agreement, Bypass
from prefixd.domain.inventory import Asset, Customer, PolicyProfile, Service
from prefixd.setting import Live

BYPASS = Section(
    Bypass,
    [
        key("source", NAME, "The source that is trusted alone."),
        key("min_confidence", SHARE, "Its report needs at least this confidence."),
        key("min_bps", Whole(), "And at least this volume.", unit="bit/s", default_text="none"),
        key("min_pps", Whole(), "And at least this rate.", unit="packet/s", default_text="none"),
    ],
    doc="A trusted source whose overwhelming report is enough by itself.",
)

AGREEMENT = Section(
    Agreement,
    [
        key("min_sources", AT_LEAST_ONE, "Sources that must agree.",
            default_text="the general value"),
        key("min_primary_sources", AT_LEAST_ONE, "Primary sources among them.",
            default_text="the general value"),
        key("confidence_threshold", SHARE, "Combined confidence that is enough.",
            default_text="the general value"),
        key("confidence_decay_half_life_seconds", SECONDS, "Half-life of a report; 0: no decay.",
            field="half_life_s", unit="s", default_text="the general value"),
        key("bypass", Listing(kind=BYPASS), "Sources that suffice alone."),
    ],
    doc="Demands on agreement between sources.",
)  # fmt: skip

ASSET = Section(
    Asset,
    [
        key("ip", ADDRESS, "One address, inside a prefix of the customer.", field="address"),
        key("role", Text(), "For people.", default_text="none"),
        key("interface", Text(), "Router interface it is reached through; corroborating sources "
            "may refer to it.", default_text="none"),
    ],
    doc="Addresses of the service.",
)  # fmt: skip

PORTS: Section[dict[str, tuple[int, ...]]] = Section(
    dict,
    [
        key("udp", Listing(kind=PORT), "UDP ports.", default=()),
        key("tcp", Listing(kind=PORT), "TCP ports.", default=()),
    ],
    doc="Ports on which the service is used; mitigation leaves them open where it can.",
)


def _service(*, allowed_ports: dict[str, tuple[int, ...]], **fields: object) -> Service:
    return Service(**fields, allowed_udp=allowed_ports["udp"], allowed_tcp=allowed_ports["tcp"])  # type: ignore[arg-type]  # the table below names exactly the fields of Service


SERVICE = Section(
    _service,
    [
        key("service_id", NAME, "Unique within the customer."),
        key("name", Text(), "For people."),
        key("assets", Listing(kind=ASSET, unique=False), "Its addresses."),
        key("allowed_ports", PORTS, "Ports on which it is used."),
    ],
    doc="What the customer runs.",
    defaults=Service,
)

CUSTOMER = Section(
    Customer,
    [
        key("customer_id", NAME, "Unique."),
        key("name", Text(), "For people."),
        key("prefixes", Listing(kind=PREFIX, unique=False), "The customer's networks."),
        key("policy_profile", Word(PolicyProfile), "How hard we may act: `strict` never escalates "
            "and discards only when two sources agree, `relaxed` discards at once when confidence "
            "is high.", field="profile"),
        key("services", Listing(kind=SERVICE, unique=False), "What the customer runs."),
        key("correlation", AGREEMENT, "Other demands on agreement for this customer.",
            default=None, default_text="as in correlation.yaml"),
        key("max_active", AT_LEAST_ONE, "Most live mitigations of this customer.",
            default_text="quotas.max_active_per_customer"),
        key("tags", Listing(kind=NAME), "Words that playbooks can refer to."),
    ],
    doc="Who owns which addresses. The longest prefix decides.",
)  # fmt: skip

INVENTORY: Section[tuple[Customer, ...]] = Section(
    lambda customers: customers,
    [key("customers", Listing(kind=CUSTOMER, unique=False), "The customers.")],
    live=Live.LIVE,
)
