"""All daemons at once, over IPv4 and IPv6, under churn, for as long as asked.

    python -m tests.interop.soak --minutes 10 --result soak.json

Twelve sessions (six daemons, two each). Every second rules are announced and withdrawn on the
FlowSpec sessions; at the end the tables of the daemons that can be read must agree with what we
sent, no session may have gone down, and every keepalive must have been on time. It runs on its own
so that ten minutes cost ten minutes once; `test_session_soak.py` checks the result.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from prefixd.bgp.peer.peer import Peer
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, Family
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.clock import SystemClock
from prefixd.daemon.loop_lag import LoopLag
from tests.kit.bgp import Watcher
from tests.kit.lab import (
    KINDS,
    AnyDaemon,
    all_addresses,
    all_up,
    announcement,
    daemon_says,
    end_of_ribs,
    make,
    our_speaker,
    peers_for,
    rule_octets,
    running_registry,
    wish,
    withdrawal,
    write_all,
)
from tests.kit.netns import private_network

RULES = 500
CHANGED_PER_SECOND = 50


class Churn:
    """What one FlowSpec session should hold, and how it changes."""

    def __init__(self, peer: Peer, family: Family, seed: int) -> None:
        self.peer = peer
        self.family = family
        self.all = rule_octets(family, RULES)
        self.alive: set[int] = set()
        self.changes = 0
        self._random = random.Random(seed)

    async def step(self) -> None:
        chosen = self._random.sample(range(RULES), CHANGED_PER_SECOND)
        gone = [number for number in chosen if number in self.alive]
        new = [number for number in chosen if number not in self.alive]
        if gone:
            octets = [self.all[number] for number in gone]
            await write_all(self.peer, withdrawal(octets, self.family))
        if new:
            octets = [self.all[number] for number in new]
            await write_all(self.peer, announcement(octets, self.family))
        self.alive ^= set(chosen)
        self.changes += len(chosen)


async def soak(minutes: float, daemons: dict[str, AnyDaemon], watcher: Watcher) -> dict[str, Any]:
    settings = [peer for kind in KINDS for peer in peers_for(kind)]
    lag = LoopLag(SystemClock())
    async with running_registry(our_speaker(*settings), watcher) as (registry, _):
        await all_up(registry, watcher, 60)
        watching = asyncio.create_task(lag.run())
        churns = await begin(registry.peers())
        end = asyncio.get_running_loop().time() + minutes * 60
        seconds = 0
        while asyncio.get_running_loop().time() < end and not watcher.downs:
            await asyncio.gather(*[churn.step() for churn in churns])
            if seconds % 30 == 0:
                for churn in churns:
                    churn.peer.refresh(RouteRefresh(churn.family))
            seconds += 1
            await asyncio.sleep(1.0)
        agreed = {} if watcher.downs else await tables(daemons, churns)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        statuses = [peer.status() for peer in registry.peers()]
        versions = {kind: daemon.version() for kind, daemon in daemons.items()}
        return {
            "minutes": minutes,
            "sessions": {
                status.name: {
                    "daemon": versions[status.name.rsplit(" ", 1)[0]],
                    "state": status.state.value,
                    "established": status.counters.sessions,
                    "keepalive_late_s": round(status.keepalive_late_s, 3),
                    "updates_out": status.counters.messages_out.get("update", 0),
                    "messages_in": sum(status.counters.messages_in.values()),
                    "families": sorted(str(f) for f in status.negotiated.families)
                    if status.negotiated
                    else [],
                }
                for status in statuses
            },
            "downs": [f"{name}: {reason}" for name, reason in watcher.downs],
            "tables_agree": agreed,
            "changes": sum(churn.changes for churn in churns),
            "worst_loop_lag_s": round(lag.worst_s, 3),
        }


async def begin(peers: tuple[Peer, ...]) -> list[Churn]:
    churns = []
    for seed, peer in enumerate(peers):
        if peer.name.startswith("OpenBGPD"):
            continue
        family = IPV4_FLOWSPEC if peer.name.endswith("v4") else IPV6_FLOWSPEC
        await write_all(peer, end_of_ribs())
        churns.append(Churn(peer, family, seed))
    return churns


async def tables(daemons: dict[str, AnyDaemon], churns: list[Churn]) -> dict[str, bool]:
    """Each daemon's own count against what we think it holds."""
    agreed = {}
    for churn in churns:
        kind = churn.peer.name.rsplit(" ", 1)[0]
        version = "ipv4" if churn.family == IPV4_FLOWSPEC else "ipv6"
        daemon, wanted = daemons[kind], len(churn.alive)

        def same(daemon: AnyDaemon = daemon, version: str = version, wanted: int = wanted) -> bool:
            return daemon.rules(version) == wanted

        try:
            await daemon_says(same, 20, f"{kind} holds {wanted}")
            agreed[churn.peer.name] = True
        except AssertionError:
            agreed[churn.peer.name] = False
    return agreed


def run(minutes: float, directory: Path) -> dict[str, Any]:
    with private_network(all_addresses()), contextlib.ExitStack() as stack:
        daemons = {kind: make(kind, directory / kind.replace(" ", "")) for kind in KINDS}
        for kind, daemon in daemons.items():
            stack.enter_context(daemon.run(wish(kind)))
        return asyncio.run(soak(minutes, daemons, Watcher()))


def verdict(result: dict[str, Any]) -> list[str]:
    """What is wrong with a result; empty when nothing is."""
    wrong = [f"went down: {each}" for each in result["downs"]]
    wrong += [f"tables differ: {name}" for name, same in result["tables_agree"].items() if not same]
    for name, session in result["sessions"].items():
        if session["state"] != "established" or session["established"] != 1:
            wrong.append(f"{name}: {session['state']}, up {session['established']} times")
        if session["keepalive_late_s"] > 1:
            wrong.append(f"{name}: a keepalive was {session['keepalive_late_s']} s late")
    if len(result["sessions"]) != 2 * len(KINDS) or len(result["tables_agree"]) != 10:
        wrong.append("not all sessions took part")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--result", type=Path, default=Path("soak.json"))
    options = parser.parse_args()
    # Whoever stops us early must not leave a dozen daemons behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="pfx-soak-") as directory:
        result = run(options.minutes, Path(directory))
    options.result.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    wrong = verdict(result)
    sys.stdout.write("\n".join(wrong or [f"{len(result['sessions'])} sessions, all well"]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
