"""The four who speak: each has the same rules before the sink begins to listen.

`discard all UDP to this address`, one rule per address. A speaker is a context manager that yields
the process whose CPU seconds and memory count; it calls the sink by itself.
"""

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kit.daemon_process import DaemonProcess, free_port
from tests.kit.daemons import wait_for
from tests.kit.reporters import event
from tests.kit.require import binary
from tests.kit.site import inventory, playbooks, settings, victim_number

US, SINK, ASN = "127.0.0.1", "127.0.0.11", 65000
BATCH = 100

Speaker = Callable[[Path, int, int], "contextlib.AbstractContextManager[int]"]
"""(folder, rules, port of the sink) -> process id."""


@contextlib.contextmanager
def prefixd(folder: Path, rules: int, port: int) -> Iterator[int]:
    main = settings([], listen_port=free_port())
    main["bgp"]["neighbors"] = [
        {
            "name": "sink",
            "address": SINK,
            "port": port,
            "peer_asn": ASN,
            "profile": "bird",
            "local_address": US,
            "timers": {"connect_retry_seconds": 0.2},
            "budget": {"rules_total": rules * 2, "rules_v4": rules * 2},
            "afi_safi": ["ipv4-flowspec"],
            "export": {},
        }
    ]
    files = {"inventory.yaml": inventory(), "playbooks.yaml": playbooks()}
    with DaemonProcess(folder, main=main, files=files) as daemon:
        for start in range(0, rules, BATCH):
            numbers = range(start, min(rules, start + BATCH))
            answer = daemon.post("/v1/events/batch", {"events": [event(n) for n in numbers]})
            assert answer.status in (200, 202), answer.body
        assert daemon.process is not None
        yield daemon.process.pid


BIRD = """router id 127.0.0.1;
flow4 table f4;
protocol device {{}}
protocol static {{ flow4 {{ table f4; }};
{routes}
}}
protocol bgp sink {{
  local {us} port {ours} as {asn};
  neighbor {sink} port {port} as {asn};
  multihop;
  connect delay time 1; connect retry time 1;
  flow4 {{ table f4; import none; export all; }};
}}
"""


@contextlib.contextmanager
def bird(folder: Path, rules: int, port: int) -> Iterator[int]:
    action = "bgp_ext_community.add((generic, 0x80060000, 0x0));"
    routes = "\n".join(
        f"  route flow4 {{ dst {victim_number(n)}/32; proto = 17; }} {{ {action} }};"
        for n in range(rules)
    )
    values = {"us": US, "ours": free_port(), "sink": SINK, "port": port, "asn": ASN}
    (folder / "bird.conf").write_text(BIRD.format(routes=routes, **values))
    yield from _program(
        folder, [binary("bird"), "-f", "-c", "bird.conf", "-s", "bird.ctl", "-P", "bird.pid"]
    )


@contextlib.contextmanager
def exabgp(folder: Path, rules: int, port: int) -> Iterator[int]:
    routes = "\n".join(
        f"route r{n} {{ match {{ destination {victim_number(n)}/32; protocol =udp; }}"
        " then { discard; } }"
        for n in range(rules)
    )
    (folder / "exabgp.conf").write_text(
        f"neighbor {SINK} {{ router-id {US}; local-address {US}; local-as {ASN}; peer-as {ASN};"
        f" connect {port}; family {{ ipv4 flow; }} flow {{ {routes} }} }}\n"
    )
    folder.chmod(0o755)
    yield from _program(
        folder,
        [
            "env", "exabgp.daemon.user=root", "exabgp.daemon.drop=false", "exabgp.api.cli=false",
            "exabgp.log.level=INFO", "exabgp.tcp.attempts=0", binary("exabgp"), "exabgp.conf",
        ],
    )  # fmt: skip


@contextlib.contextmanager
def gobgp(folder: Path, rules: int, port: int) -> Iterator[int]:
    """Its client takes one rule a call, so loading takes long; that is not measured."""
    api = free_port()
    (folder / "gobgp.toml").write_text(
        f'[global.config]\nas = {ASN}\nrouter-id = "{US}"\nport = -1\n'
        f'[[neighbors]]\n[neighbors.config]\nneighbor-address = "{SINK}"\npeer-as = {ASN}\n'
        f'[neighbors.transport.config]\nlocal-address = "{US}"\nremote-port = {port}\n'
        "[neighbors.timers.config]\nconnect-retry = 1\nidle-hold-time-after-reset = 1\n"
        '[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "ipv4-flowspec"\n'
    )
    client = [binary("gobgp"), "-u", US, "-p", str(api)]

    def add(number: int) -> None:
        words = ["global", "rib", "add", "-a", "ipv4-flowspec", "match", "destination"]
        rule = [f"{victim_number(number)}/32", "protocol", "udp", "then", "discard"]
        subprocess.run([*client, *words, *rule], check=True, capture_output=True, timeout=30)

    def answers() -> bool:
        done = subprocess.run([*client, "global"], capture_output=True, check=False, timeout=10)
        return done.returncode == 0

    command = [
        binary("gobgpd"),
        "-f",
        "gobgp.toml",
        "--api-hosts",
        f"{US}:{api}",
        "--pprof-disable",
    ]
    for pid in _program(folder, command):
        wait_for(answers, 10, "GoBGP's API")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(add, range(rules)))
        yield pid


def _program(folder: Path, command: list[str]) -> Iterator[int]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait(10)


SPEAKERS: Mapping[str, Speaker] = {
    "prefixd": prefixd,
    "BIRD": bird,
    "GoBGP": gobgp,
    "ExaBGP": exabgp,
}
