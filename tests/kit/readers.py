"""Programs that decode octets they are handed: tshark from a file, ExaBGP from its arguments.

Those that are spoken to as peers are in `daemons.py`.
"""

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

from tests.kit.dialects import find
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
