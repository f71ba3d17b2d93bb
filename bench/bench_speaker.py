"""From `announce()` to the last octet at the last router, over real sockets.

`python bench/bench_speaker.py` prints the tables of docs/benchmarks.md; `--quick` leaves out what
takes long, `--bird` does only the comparison with BIRD. The routers are `sinks.py` in a process of
their own, so the CPU seconds are those of the speaker alone.

`python -m bench.compare` times a table for one router that has just come up; here all sessions are
up already, there are fifty of them, and BIRD takes turns with us.
"""

import asyncio
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from prefixd.bgp.rib.export_terms import ExportPolicy
from prefixd.bgp.rib.route import Route
from prefixd.bgp.rib.route_action import FlowSpecActions
from prefixd.bgp.settings import PeerSettings
from prefixd.bgp.wire.flowspec import encode_nlri, encode_rule, flowspec_rule
from prefixd.bgp.wire.flowspec_action import Discard
from prefixd.bgp.wire.flowspec_match import Kind, numeric_match, prefix_match
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.prefix import Prefix
from tests.kit.daemon_process import free_port
from tests.kit.daemons import output
from tests.kit.require import binary
from tests.kit.speaking import Speaking, a_neighbor, speaking

DISCARD = FlowSpecActions((Discard(),))


def routes(count: int, start: int = 0) -> list[Route]:
    udp = numeric_match(Kind.PROTOCOL, [(17, 17)])
    found = []
    for index in range(start, start + count):
        host = Prefix(1, 32, (0xC6120000 + index).to_bytes(4, "big"))
        port = index * 7919 % 65535 + 1
        rule = flowspec_rule(
            IPV4_FLOWSPEC,
            [
                prefix_match(Kind.DST_PREFIX, host),
                udp,
                numeric_match(Kind.DST_PORT, [(port, port)]),
            ],
        )
        nlri = encode_nlri(encode_rule(rule))
        found.append(Route(route_id=f"r{index}", family=IPV4_FLOWSPEC, nlri=nlri, action=DISCARD))
    return found


class Sinks:
    """The other process."""

    def __init__(self) -> None:
        self.port = free_port()
        command = [sys.executable, str(Path(__file__).parent / "sinks.py"), str(self.port)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def counts(self) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def neighbors(count: int, port: int, *, shared: bool) -> list[PeerSettings]:
    """Shared terms make one update group; different ones (a community each) make as many groups."""
    peers = [
        a_neighbor(f"p{n}", f"127.0.1.{n}", port=port, profile="bird", families=(IPV4_FLOWSPEC,))
        for n in range(1, count + 1)
    ]
    if shared:
        return peers
    return [
        replace(peer, export=ExportPolicy(communities=(65000 << 16 | n,)))
        for n, peer in enumerate(peers)
    ]


@contextlib.asynccontextmanager
async def established(count: int, *, shared: bool = True) -> AsyncIterator[tuple[Speaking, Sinks]]:
    sinks = Sinks()
    try:
        peers = neighbors(count, sinks.port, shared=shared)
        async with speaking(*peers) as at_work:
            at_work.speaker.start()
            await at_work.until_synced(*(peer.name for peer in peers))
            await asyncio.sleep(0.1)
            sinks.counts()
            yield at_work, sinks
    finally:
        sinks.close()


async def until_told(at_work: Speaking, rules: int) -> None:
    while True:
        tables = at_work.speaker.status().peers
        if all(sum(t.rules.values()) == rules and not t.session.queued_octets for t in tables):
            return
        await asyncio.sleep(0.02)


async def load(rules: int, peers: int, *, shared: bool = True) -> dict[str, float]:
    """All at once: time to the last octet, messages, octets, CPU seconds."""
    prepared = routes(rules)
    async with established(peers, shared=shared) as (at_work, sinks):
        rss = resident_kib()
        cpu, start = time.process_time(), time.monotonic()
        at_work.speaker.announce(prepared)
        while True:
            await asyncio.sleep(0.2)  # to ask costs some milliseconds with fifty neighbors
            if not any(
                t.lag or t.pending or t.session.queued_octets
                for t in at_work.speaker.status().peers
            ):
                break
        cpu = time.process_time() - cpu
        await asyncio.sleep(0.3)
        seen = sinks.counts()
        return {
            "rules": rules,
            "peers": peers,
            "seconds": seen["last_at"] - start,
            "updates": seen["updates"],
            "MB": seen["octets"] / 1e6,
            "cpu_s": cpu,
            "rss_MiB": (resident_kib() - rss) / 1024,
        }


async def one_by_one(loaded: int, peers: int, times: int) -> list[float]:
    """One rule to all peers with many loaded: milliseconds to the last octet at the last peer."""
    async with established(peers) as (at_work, sinks):
        at_work.speaker.announce(routes(loaded))
        await until_told(at_work, loaded)
        await asyncio.sleep(0.5)
        sinks.counts()
        found = []
        for route in routes(times, start=loaded):
            start = time.monotonic()
            at_work.speaker.announce([route])
            await asyncio.sleep(0.08)
            seen = sinks.counts()
            assert seen["updates"] == peers, seen
            found.append((seen["last_at"] - start) * 1000)
        return found


def resident_kib() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def show(row: dict[str, float]) -> None:
    print(
        f"| {row['rules']:,.0f} | {row['peers']:.0f} | {row['seconds']:.3f} | {row['updates']:,.0f}"
        f" | {row['MB']:.2f} | {row['cpu_s']:.3f} | {row['rss_MiB']:.1f} |",
        flush=True,
    )


BIRD = """router id 127.0.0.1;
flow4 table f4;
protocol device {{}}
protocol static rules {{ disabled; flow4 {{ table f4; }};
{routes}
}}
template bgp sink {{
  local 127.0.0.1 port {ours} as 65000; multihop;
  connect delay time 1; connect retry time 1;
  flow4 {{ table f4; import none; export all; }};
}}
{neighbors}
"""


def as_bird_has_it(index: int) -> str:
    """The rule that `routes` makes of this index."""
    host = IPv4Address(0xC6120000 + index)
    match = f"dst {host}/32; proto = 17; dport = {index * 7919 % 65535 + 1};"
    return f"route flow4 {{ {match} }} {{ bgp_ext_community.add((generic, 0x80060000, 0x0)); }};"


def cpu_seconds(pid: int) -> float:
    """Of all threads, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def load_bird(rules: int, peers: int) -> dict[str, float]:
    """The same rules to the same routers: from the command that lets BIRD have them."""
    sinks = Sinks()
    with tempfile.TemporaryDirectory() as name:
        neighbors = "\n".join(
            f"protocol bgp p{n} from sink {{ neighbor 127.0.1.{n} port {sinks.port} as 65000; }}"
            for n in range(1, peers + 1)
        )
        text = BIRD.format(
            routes="\n".join(map(as_bird_has_it, range(rules))),
            neighbors=neighbors,
            ours=free_port(),
        )
        (Path(name) / "bird.conf").write_text(text)
        control = f"{name}/bird.ctl"
        command = [binary("bird"), "-f", "-c", f"{name}/bird.conf", "-s", control]
        ask = [binary("birdc"), "-s", control]
        with subprocess.Popen(command) as process:
            try:
                shown = [*ask, "show", "protocols"]
                while output(shown).count("Established") < peers:
                    time.sleep(0.1)
                time.sleep(5.0)  # BIRD waits after a session came up before it tells a table
                sinks.counts()
                cpu, start = cpu_seconds(process.pid), time.monotonic()
                output([*ask, "enable", "rules"])
                octets, still = 0.0, 0
                last, updates = start, 0.0
                while still < 20:  # one second without a further octet
                    time.sleep(0.05)
                    seen = sinks.counts()
                    still = 0 if seen["octets"] or not octets else still + 1
                    octets, updates = octets + seen["octets"], updates + seen["updates"]
                    last = max(last, seen["last_at"])
                return {
                    "rules": rules,
                    "peers": peers,
                    "seconds": last - start,
                    "updates": updates,
                    "MB": octets / 1e6,
                    "cpu_s": cpu_seconds(process.pid) - cpu,
                    "rss_MiB": 0.0,
                }
            finally:
                process.kill()
                sinks.close()


async def against_bird(rounds: int = 3) -> None:
    print("| | rules | peers | seconds to the last octet | UPDATEs | MB | CPU seconds |")
    print("|---|---|---|---|---|---|---|")
    for peers in (1, 50):
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(await load(10_000, peers))
            theirs.append(await asyncio.to_thread(load_bird, 10_000, peers))
        for name, rows in (("prefixd", ours), ("BIRD", theirs)):
            row = {key: statistics.median(each[key] for each in rows) for key in rows[0]}
            print(
                f"| {name} | {row['rules']:,.0f} | {row['peers']:.0f} | {row['seconds']:.3f}"
                f" | {row['updates']:,.0f} | {row['MB']:.2f} | {row['cpu_s']:.3f} |",
                flush=True,
            )


async def main(*, quick: bool) -> None:
    print("| rules | peers | seconds to last octet | UPDATEs | MB | CPU seconds | RSS grown MiB |")
    print("|---|---|---|---|---|---|---|")
    for rules in (1_000, 10_000) if quick else (1_000, 10_000, 100_000):
        for peers in (1, 50) if quick else (1, 10, 50):
            show(await load(rules, peers))
    print("\n50 peers, 10,000 rules: one update group against one group per peer")
    together = await load(10_000, 50)
    apart = await load(10_000, 50, shared=False)
    show(together)
    show(apart)
    print(f"CPU ratio {apart['cpu_s'] / together['cpu_s']:.1f}")
    times = await one_by_one(10_000, 20, 30 if quick else 100)
    times.sort()
    print(
        f"\none rule to 20 peers, 10,000 loaded: p50 {statistics.median(times):.2f} ms,"
        f" p99 {times[int(len(times) * 0.99) - 1]:.2f} ms, worst {times[-1]:.2f} ms"
    )


if __name__ == "__main__":
    if "--bird" in sys.argv:
        asyncio.run(against_bird())
    else:
        asyncio.run(main(quick="--quick" in sys.argv))
