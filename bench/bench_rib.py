"""Memory and time of the tables without any socket: `python bench/bench_rib.py`.

Identifiers, expiry times and the mitigations behind them belong to others and are not counted; the
NLRI octets are.
"""

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.bench_speaker import DISCARD, routes
from prefixd.bgp.rib.distribution import Distribution
from prefixd.bgp.rib.export_terms import ExportPolicy, Pacing, Terms
from prefixd.bgp.rib.loc_rib import LocRib
from prefixd.bgp.rib.refresh_probe import ProbeSettings
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC

RULES = 100_000
TERMS = Terms(
    families=frozenset({IPV4_FLOWSPEC}),
    local_as=65000,
    internal=True,
    profile=PROFILES["bird"],
    policy=ExportPolicy(),
    pacing=Pacing(),
)


def timed(what: str, work: Callable[[], object], rules: int) -> None:
    gc.collect()
    start = time.perf_counter()
    work()
    took = time.perf_counter() - start
    print(f"{what}: {took * 1000:.0f} ms, {rules / took:,.0f} rules/s")


def drain(distribution: Distribution, names: list[str]) -> int:
    octets = 0
    clock = count(1000.0, 0.1)
    busy = True
    while busy:
        busy = False
        now = next(clock)
        for name in names:
            while (chunk := distribution.next_chunk(name, now)) is not None or distribution.judging(
                name
            ):
                octets += 0 if chunk is None else len(chunk.octets)
                busy = True
    return octets


def grown(work: Callable[[], object]) -> int:
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    work()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


def up(distribution: Distribution, name: str, terms: Terms) -> None:
    distribution.peer_up(name, terms, ProbeSettings(wanted=False), probe_usable=False)


def memory() -> None:
    """Octets per rule, with fresh NLRI objects so that they are counted."""
    prepared = routes(RULES)
    names = [route.route_id for route in prepared]
    parameters = [bytes(route.nlri) for route in prepared]
    loc, distribution = LocRib(), None
    tracemalloc.start()

    def fill() -> None:
        for name, nlri in zip(names, parameters, strict=True):
            fresh = bytes(bytearray(nlri))
            loc.put([Route(route_id=name, family=IPV4_FLOWSPEC, nlri=fresh, action=DISCARD)])

    print(f"Loc-RIB: {grown(fill) / RULES:.0f} octets per rule")
    distribution = Distribution(loc)
    distribution.ready()

    def one_peer(name: str, terms: Terms) -> Callable[[], object]:
        def work() -> None:
            up(distribution, name, terms)
            drain(distribution, [name])

        return work

    first = grown(one_peer("first", TERMS))
    print(f"first peer of a group, told everything: {first / RULES:.0f} octets per rule")
    second = grown(one_peer("second", TERMS))
    print(f"another peer in step with it: {second / RULES:.1f} octets per rule")
    other = grown(one_peer("other", replace(TERMS, local_as=65001)))
    print(f"a peer with a group of its own: {other / RULES:.0f} octets per rule")
    tracemalloc.stop()


def speed() -> None:
    prepared = routes(RULES)
    loc = LocRib()
    distribution = Distribution(loc)
    distribution.ready()
    timed("put into the Loc-RIB", lambda: loc.put(prepared), RULES)
    up_and_drain = [f"p{n}" for n in range(10)]
    up(distribution, "p0", TERMS)
    timed("first session: judge and dump all", lambda: drain(distribution, ["p0"]), RULES)
    up(distribution, "p0", TERMS)
    timed("next session: dump all", lambda: drain(distribution, ["p0"]), RULES)
    for name in up_and_drain[1:]:
        up(distribution, name, TERMS)
    drain(distribution, up_and_drain)
    timed("replace with the same: a clean reconcile", lambda: loc.replace(prepared), RULES)
    timed("self-check of ten peers", lambda: distribution.self_check(2000.0), RULES * 10)
    timed("withdraw all from the Loc-RIB", lambda: _gone(loc, distribution, prepared), RULES)
    timed("withdraw from ten peers in step", lambda: drain(distribution, up_and_drain), RULES * 10)


def _gone(loc: LocRib, distribution: Distribution, prepared: list[Route]) -> None:
    distribution.changed(loc.remove(route.route_id for route in prepared), 0.0)


if __name__ == "__main__":
    memory()
    speed()
