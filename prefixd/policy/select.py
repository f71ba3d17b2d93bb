"""Which playbook answers an attack: the first, in the order written, that matches.

An attack here is the few facts a match can ask about. Order is the only priority there is: a
reader of the file sees the answer without computing a score.
"""

from collections.abc import Sequence

from msgspec import Struct

from prefixd.domain.inventory import Owner
from prefixd.domain.prefix import Prefix
from prefixd.domain.rule import Ports
from prefixd.domain.vector import Vector
from prefixd.policy.playbook import Playbook, PlaybookMatch


class Attack(Struct, frozen=True, kw_only=True):
    """What is known about the traffic, over all sources that report it now."""

    victim: Prefix
    vector: Vector
    owner: Owner
    dst_ports: Ports = ()
    bps: int | None = None
    pps: int | None = None


def select_playbook(playbooks: Sequence[Playbook], attack: Attack) -> Playbook | None:
    for playbook in playbooks:
        if matches(playbook.match, attack):
            return playbook
    return None


def matches(match: PlaybookMatch, attack: Attack) -> bool:
    return (
        (not match.vectors or attack.vector in match.vectors)
        and not (match.require_top_ports and not attack.dst_ports)
        and _volume_suffices(match, attack)
        and _concerns(match, attack)
    )


def _volume_suffices(match: PlaybookMatch, attack: Attack) -> bool:
    """An unknown volume is no volume: a threshold is a reason to act, not to guess."""
    return (match.min_bps is None or (attack.bps or 0) >= match.min_bps) and (
        match.min_pps is None or (attack.pps or 0) >= match.min_pps
    )


def _concerns(match: PlaybookMatch, attack: Attack) -> bool:
    customer, service = attack.owner.customer, attack.owner.service
    return (
        (not match.customer_ids or customer.customer_id in match.customer_ids)
        and (
            not match.service_ids
            or (service is not None and service.service_id in match.service_ids)
        )
        and (not match.profiles or customer.profile in match.profiles)
        and (not match.tags or not set(match.tags).isdisjoint(customer.tags))
        and (not match.prefixes or any(prefix.covers(attack.victim) for prefix in match.prefixes))
    )
