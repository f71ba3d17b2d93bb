"""No real daemon is asked for a refresh without a change, and for each change at most once.

A probe may be answered (BIRD), ignored (FRR), or impossible (no enhanced refresh). In all three
cases the number of our requests is bounded by the number of changes, also when much time passes.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from prefixd.bgp.neighbor_settings import (
    PacingSettings,
)
from prefixd.bgp.rib.export_terms import ExportPolicy
from prefixd.bgp.rib.route import Route, host_nlri
from prefixd.bgp.rib.route_action import BlackholeAction
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.prefix import Prefix
from tests.kit.lab import KINDS, OUR_ASN, US_V4, all_addresses, families_of, make, peers_for, wish
from tests.kit.lab import our_speaker as settings_for
from tests.kit.netns import private_network
from tests.kit.speaking import Speaking, a_route, speaking

INTERVAL_S = 0.2
EAGER = PacingSettings(rules_per_second=0, fence_interval_s=INTERVAL_S, fence_timeout_s=1.0)
CHANGES = 3


def routes(kind: str, count: int) -> list[Route]:
    if IPV4_FLOWSPEC in families_of(kind):
        return [a_route(f"dst 198.51.100.{number}/32") for number in range(count)]
    return [
        Route(
            route_id=str(number),
            family=IPV4_UNICAST,
            nlri=host_nlri(Prefix.parse(f"203.0.113.{number}")),
            action=BlackholeAction(),
        )
        for number in range(count)
    ]


def synced(at_work: Speaking) -> bool:
    tables = at_work.speaker.status().peers
    return all(not table.pending and not table.lag for table in tables)


@pytest.mark.parametrize("kind", KINDS)
async def test_at_most_one_request_for_each_change(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = [replace(peer, export=ExportPolicy(), pacing=EAGER) for peer in peers_for(kind)]
    listen = settings_for().listen
    asked: dict[str, int] = {peer.name: 0 for peer in peers}
    with private_network(all_addresses()), make(kind, tmp_path).run(wish(kind)):
        async with speaking(*peers, local_asn=OUR_ASN, router_id=US_V4, listen=listen) as at_work:
            at_work.speaker.replace(routes(kind, 20))
            at_work.speaker.start()
            for handle in at_work.speaker.registry.peers():
                original = handle.refresh

                def counted(request: RouteRefresh, name=handle.name, send=original) -> bool:  # type: ignore[no-untyped-def]  # the defaults bind them
                    asked[name] += 1
                    return bool(send(request))

                monkeypatch.setattr(handle, "refresh", counted)
            await at_work.until_synced(*asked)
            for number in range(1, CHANGES):
                await asyncio.sleep(1.5)  # longer than the pause between probes and their patience
                at_work.speaker.replace(routes(kind, 20 + number))
                await at_work.until(lambda: synced(at_work))
            await asyncio.sleep(3.0)
            for name, count in asked.items():
                assert count <= CHANGES, (name, count)
            counters = [each.session.counters for each in at_work.speaker.status().peers]
            assert all(each.flaps == 0 for each in counters)
