"""Which playbook answers: the first in the order written."""

import pytest

from prefixd.domain.inventory import PolicyProfile
from prefixd.domain.rule import port_ranges
from prefixd.domain.vector import Vector
from prefixd.policy.playbook import PlaybookMatch
from prefixd.policy.select import Attack, select_playbook
from tests.kit.builders import a_customer, a_playbook, a_prefix, an_inventory

OWNER = an_inventory(a_customer(tags=("gold",), profile=PolicyProfile.STRICT)).find(a_prefix())
assert OWNER is not None
ATTACK = Attack(
    victim=a_prefix(),
    vector=Vector.UDP_FLOOD,
    owner=OWNER,
    dst_ports=port_ranges([53]),
    bps=5_000_000_000,
    pps=None,
)


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (PlaybookMatch(), True),
        (PlaybookMatch(vectors=(Vector.UDP_FLOOD, Vector.SYN_FLOOD)), True),
        (PlaybookMatch(vectors=(Vector.SYN_FLOOD,)), False),
        (PlaybookMatch(require_top_ports=True), True),
        (PlaybookMatch(min_bps=5_000_000_000), True),
        (PlaybookMatch(min_bps=5_000_000_001), False),
        (PlaybookMatch(min_pps=1), False),
        (PlaybookMatch(customer_ids=("cust_example",)), True),
        (PlaybookMatch(customer_ids=("other",)), False),
        (PlaybookMatch(service_ids=("svc_dns",)), True),
        (PlaybookMatch(service_ids=("svc_web",)), False),
        (PlaybookMatch(profiles=(PolicyProfile.STRICT,)), True),
        (PlaybookMatch(profiles=(PolicyProfile.NORMAL,)), False),
        (PlaybookMatch(tags=("silver", "gold")), True),
        (PlaybookMatch(tags=("silver",)), False),
        (PlaybookMatch(prefixes=(a_prefix("192.0.2.0/25"),)), True),
        (PlaybookMatch(prefixes=(a_prefix("192.0.2.128/25"),)), False),
    ],
)
def test_each_condition(match: PlaybookMatch, fits: bool) -> None:
    playbook = a_playbook(match=match)
    assert select_playbook([playbook], ATTACK) is (playbook if fits else None)


def test_the_first_that_fits_wins() -> None:
    small = a_playbook("small", match=PlaybookMatch(min_bps=10**12))
    first, second = a_playbook("first"), a_playbook("second")
    assert select_playbook([small, first, second], ATTACK) is first
    assert select_playbook([], ATTACK) is None


def test_a_playbook_that_wants_ports_waits_for_ports() -> None:
    wants = a_playbook(match=PlaybookMatch(require_top_ports=True))
    without = Attack(victim=a_prefix(), vector=Vector.UDP_FLOOD, owner=ATTACK.owner)
    assert select_playbook([wants], without) is None
