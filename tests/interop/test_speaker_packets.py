"""Packets decide: traffic to a victim stops or slows when a router has our rule, and flows again.

A sender, a router and a victim in three namespaces. The router runs a real BIRD, which holds what
our speaker announced to it over the wire; a small agent reads BIRD's own table and turns it into
nftables, because none of the free daemons filters packets by itself on this system.
"""

import asyncio
import contextlib
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from prefixd.bgp.rib.route_action import FlowSpecActions
from prefixd.bgp.settings import ListenAddress
from prefixd.bgp.speaker.speaker import Speaker
from prefixd.bgp.wire.flowspec_action import RateLimit
from prefixd.clock import SystemClock
from tests.kit.daemons import wait_for
from tests.kit.netns import Namespace, cable, namespace
from tests.kit.require import binary, network_namespaces
from tests.kit.speaking import a_neighbor, a_route, speaking

VICTIM = "10.20.0.2"
ATTACK = f"dst {VICTIM}/32 proto udp dport 9999"
LIMIT_BPS = 800_000
PACKET_OCTETS = 1000

BIRD = """router id 10.99.0.2;
flow4 table f4;
protocol device {{}}
protocol bgp prefixd {{
  local 10.99.0.2 port 1790 as 65000;
  neighbor 10.99.0.1 as 65000;
  passive yes;
  flow4 {{ table f4; import all; export none; }};
}}
"""
NFT = """table ip flowspec
delete table ip flowspec
table ip flowspec {{
  chain forward {{
    type filter hook forward priority 0;
{rules}
  }}
}}
"""
SENDER = (
    "import socket,time,sys\n"
    "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
    "while True:\n"
    "    s.sendto(b'x'*{size},('{victim}',9999))\n"
    "    s.sendto(b'x'*{size},('{victim}',8888))\n"
    "    time.sleep(0.002)\n"
)


@dataclass
class Street:
    """sender -- router -- victim; we talk to the router over a cable of our own."""

    router: Namespace
    victim: Namespace
    folder: Path

    def enforce(self) -> None:
        """What a hardware router does: make the data plane follow the table."""
        shown = self._birdc("show", "route", "table", "f4", "all")
        rules = "\n".join(
            _nft_rule(entry) for entry in re.split(r"^(?=flow4)", shown, flags=re.MULTILINE)[1:]
        )
        command = self.router.command(binary("nft"), "-f", "-")
        text = NFT.format(rules=rules)
        subprocess.run(command, input=text, text=True, check=True, timeout=10)

    def _birdc(self, *words: str) -> str:
        command = [binary("birdc"), "-s", str(self.folder / "bird.ctl"), *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False
        ).stdout

    def received(self, port: int) -> int:
        """Packets the victim got on a port, counted by its kernel before any socket."""
        command = self.victim.command(binary("nft"), "list", "counter", "ip", "count", f"p{port}")
        shown = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        found = re.search(r"packets (\d+)", shown.stdout)
        assert found
        return int(found[1])

    async def rate(self, port: int, seconds: float = 0.6) -> float:
        """Packets per second at the victim, the router's rules brought up to date first."""
        await asyncio.to_thread(self.enforce)
        await asyncio.sleep(0.3)
        before, start = await asyncio.to_thread(self.received, port), time.monotonic()
        await asyncio.sleep(seconds)
        count = await asyncio.to_thread(self.received, port) - before
        return count / (time.monotonic() - start)


def _nft_rule(entry: str) -> str:
    """One rule in BIRD's words; only what this test announces is understood."""
    match = re.search(r"dst (\S+)/32; proto (\d+); dport (\d+);", entry)
    action = re.search(r"0x80060000, 0x([0-9a-f]+)\)", entry)
    assert match, entry
    assert action, entry
    octets_per_s = _float32(int(action[1], 16))
    verdict = (
        "drop" if octets_per_s == 0 else f"limit rate over {int(octets_per_s)} bytes/second drop"
    )
    return f"    ip daddr {match[1]} ip protocol {match[2]} udp dport {match[3]} {verdict}"


def _float32(bits: int) -> float:
    exponent, mantissa = bits >> 23 & 0xFF, bits & 0x7FFFFF
    return 0.0 if bits == 0 else float((mantissa | 1 << 23) * 2.0 ** (exponent - 150))


COUNTERS = """table ip count {
  counter p9999 { }
  counter p8888 { }
  chain input {
    type filter hook prerouting priority -300;
    udp dport 9999 counter name p9999
    udp dport 8888 counter name p8888
  }
}
"""


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    network_namespaces()
    with contextlib.ExitStack() as stack:
        sender, router, victim = (stack.enter_context(namespace()) for _ in range(3))
        cable("s0", "10.10.0.2/24", "s1", "10.10.0.1/24", router, sender)
        cable("v0", "10.20.0.2/24", "v1", "10.20.0.1/24", router, victim)
        cable("pfxus0", "10.99.0.1/24", "pfxus1", "10.99.0.2/24", router)
        sender.run("route", "add", "default", "via", "10.10.0.1")
        victim.run("route", "add", "default", "via", "10.20.0.1")
        router.set("net.ipv4.ip_forward", "1")
        count = victim.command(binary("nft"), "-f", "-")
        subprocess.run(count, input=COUNTERS, text=True, check=True, timeout=10)
        (tmp_path / "bird.conf").write_text(BIRD.format())
        control = str(tmp_path / "bird.ctl")
        options = [
            "-f",
            "-c",
            str(tmp_path / "bird.conf"),
            "-s",
            control,
            "-P",
            str(tmp_path / "pid"),
        ]
        stack.enter_context(_running(router.command(binary("bird"), *options), tmp_path))
        flood = SENDER.format(size=PACKET_OCTETS - 28, victim=VICTIM)
        stack.enter_context(_running(sender.command(binary("python3"), "-c", flood), tmp_path))
        found = Street(router, victim, tmp_path)
        wait_for(lambda: found.received(9999) > 10, 10.0, "traffic reaches the victim")
        yield found


@contextlib.contextmanager
def _running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "processes.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


@contextlib.asynccontextmanager
async def at_the_router() -> AsyncIterator[Speaker]:
    settings = a_neighbor("edge", "10.99.0.2", port=1790, profile="bird")
    listen = (ListenAddress(ip_address("127.0.0.1"), 0),)
    async with speaking(settings, router_id="10.99.0.1", listen=listen) as at_work:
        at_work.speaker.start()
        await at_work.until_synced("edge")
        yield at_work.speaker


async def test_an_attack_is_dropped_limited_and_let_through_again(street: Street) -> None:
    async with at_the_router() as speaker:
        assert await _eventually(street, 9999, _flows)
        speaker.announce([a_route(ATTACK, "m1")])
        assert await _eventually(street, 9999, lambda rate: rate == 0)
        assert await _eventually(street, 8888, _flows)  # nobody else's traffic
        speaker.announce([a_route(ATTACK, "m1", action=FlowSpecActions((RateLimit(LIMIT_BPS),)))])
        limit = LIMIT_BPS / 8 / PACKET_OCTETS
        assert await _eventually(street, 9999, lambda rate: 0.6 * limit < rate < 1.4 * limit, 2.0)
        speaker.withdraw(["m1"])
        assert await _eventually(street, 9999, _flows)


async def test_traffic_flows_again_when_a_rule_expires(street: Street) -> None:
    async with at_the_router() as speaker:
        soon = SystemClock().now_us() + 2_500_000
        speaker.announce([a_route(ATTACK, "m1", expires_at_us=soon)])
        assert await _eventually(street, 9999, lambda rate: rate == 0, 0.3)
        assert await _eventually(street, 9999, _flows)


def _flows(rate: float) -> bool:
    """The sender's 500 a second shrink when the machine has other things to do."""
    return rate > 100


async def _eventually(
    street: Street, port: int, holds: Callable[[float], bool], seconds: float = 0.6
) -> bool:
    for _ in range(8):
        if holds(await street.rate(port, seconds)):
            return True
    return False
