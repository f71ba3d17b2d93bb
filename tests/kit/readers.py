"""Programs that read BGP: two that are handed octets, two that are spoken to as peers.

`tshark` and `exabgp` decode what they are given; `gobgp` and `bird` run as processes of their own
on free ports of the loopback, need no privileges, and are asked through their command line.
"""

import json
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.raw_speaker import free_port
from tests.kit.readings import find
from tests.kit.require import binary

COMPLAINTS = ("malformed", "_ws.expert", "Undecoded")


def pcap(messages: list[bytes]) -> bytes:
    """A capture of raw IPv4 packets, one message each, from port 40000 to port 179."""
    octets = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101)]
    sequence = 1
    for message in messages:
        tcp = struct.pack("!HHIIBBHHH", 40000, 179, sequence, 1, 0x50, 0x18, 65535, 0, 0) + message
        sequence += len(message)
        addresses = bytes((192, 0, 2, 1, 192, 0, 2, 2))
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + addresses
        octets += [struct.pack("<IIII", 0, 0, len(ip + tcp), len(ip + tcp)), ip, tcp]
    return b"".join(octets)


def tshark(messages: list[bytes], folder: Path) -> list[Any]:
    """The BGP layer of every message, as lists of pairs because names repeat."""
    capture = folder / "messages.pcap"
    capture.write_bytes(pcap(messages))
    command = [binary("tshark"), "-r", str(capture), "-T", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    for complaint in COMPLAINTS:
        assert complaint not in done.stdout
    packets = json.loads(done.stdout, object_pairs_hook=list)
    layers = [layer for packet in packets for layer in find(packet, "bgp")]
    assert len(layers) == len(messages)
    return layers


EXABGP = """neighbor 127.0.0.1 {
    router-id 192.0.2.2;
    local-address 127.0.0.1;
    local-as 65002;
    peer-as 65001;
    family { ipv4 unicast; ipv4 flow; ipv6 unicast; ipv6 flow; }
}
"""


def exabgp(message: bytes, folder: Path) -> dict[str, Any]:
    settings = folder / "exabgp.conf"
    settings.write_text(EXABGP)
    command = [binary("exabgp"), "--decode", message.hex(), str(settings)]
    environment = {"PATH": "/usr/bin:/bin", "exabgp.log.level": "INFO"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    _, found, decoded = done.stdout.partition("update json ")
    assert found, done.stdout + done.stderr
    update = json.loads(decoded)["neighbor"]["message"]["update"]
    assert isinstance(update, dict)
    return update


@dataclass(frozen=True)
class Daemon:
    peer: tuple[str, int]
    source: str
    command_line: list[str]

    def ask(self, *words: str) -> str:
        done = subprocess.run(
            [*self.command_line, *words], capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


GOBGP = """[global.config]
  as = 65002
  router-id = "192.0.2.2"
  port = {port}
  local-address-list = ["127.0.0.1"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "127.0.0.1"
    peer-as = 65001
  [neighbors.transport.config]
    passive-mode = true
{families}
"""
GOBGP_FAMILY = """  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "{name}"
"""


@contextmanager
def gobgp(folder: Path) -> Iterator[Daemon]:
    port, api_port = free_port(), free_port()
    names = ("ipv4-flowspec", "ipv6-flowspec", "ipv4-unicast", "ipv6-unicast")
    families = "".join(GOBGP_FAMILY.format(name=name) for name in names)
    (folder / "gobgp.toml").write_text(GOBGP.format(port=port, families=families))
    api = f"127.0.0.1:{api_port}"
    command = [binary("gobgpd"), "-f", "gobgp.toml", "-t", "toml", "--api-hosts", api]
    client = [binary("gobgp"), "-u", "127.0.0.1", "-p", str(api_port), "global", "rib"]
    with running(command, folder):
        yield Daemon(("127.0.0.1", port), "127.0.0.1", client)


def gobgp_paths(daemon: Daemon, family: str) -> list[dict[str, Any]]:
    answer = daemon.ask("-a", family, "-j")
    table = json.loads(answer) if answer.strip() else {}
    return [path for paths in table.values() for path in paths]


BIRD = """router id 192.0.2.2;
flow4 table f4;
flow6 table f6;
protocol device {{}}
protocol bgp probe {{
  local 127.0.0.1 port {port} as 65002;
  neighbor 127.0.0.2 as 65001;
  passive yes;
  multihop;
  flow4 {{ table f4; import all; export none; }};
  flow6 {{ table f6; import all; export none; }};
  ipv4 {{ import all; export none; }};
  ipv6 {{ import all; export none; }};
}}
"""


@contextmanager
def bird(folder: Path) -> Iterator[Daemon]:
    port = free_port()
    (folder / "bird.conf").write_text(BIRD.format(port=port))
    control = str(folder / "bird.ctl")
    command = [binary("bird"), "-f", "-c", "bird.conf", "-s", control, "-P", "bird.pid"]
    client = [binary("birdc"), "-s", control, "show", "route"]
    with running(command, folder):
        yield Daemon(("127.0.0.1", port), "127.0.0.2", client)
