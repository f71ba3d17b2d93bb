"""The four who speak: each has the same rules before the sink begins to listen.

`discard all UDP to this address`, one rule per address. A speaker is a context manager that yields
the process whose CPU seconds and memory count; it calls the sink by itself.
"""

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prefixd import __version__
from prefixd.bgp.wire.flowspec import encode_nlri, encode_rule
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from tests.kit.daemon_process import DaemonProcess, free_port
from tests.kit.daemons import wait_for
from tests.kit.lab import OUR_ASN, announcement
from tests.kit.raw_speaker import RawSpeaker
from tests.kit.reporters import event
from tests.kit.require import binary
from tests.kit.site import inventory, playbooks, settings, victim_number

US, SINK, ASN = "127.0.0.1", "127.0.0.11", 65000
FEEDER, FEEDER_ASN = "127.0.0.12", OUR_ASN
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
            "timers": {"connect_retry_seconds": 0.05},
            "poison": {"window_seconds": 0},  # a sink that hangs up accuses no rule
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
  connect delay time 1; connect retry time 1; error wait time 1, 1;
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


CLIENT_UP_TO = 1000
"""Its client takes one rule a call, fifty a second; a larger table comes over a session."""


@contextlib.contextmanager
def gobgp(folder: Path, rules: int, port: int) -> Iterator[int]:
    api, ours = free_port(), free_port(FEEDER)
    (folder / "gobgp.toml").write_text(
        f'[global.config]\nas = {ASN}\nrouter-id = "{US}"\nport = {ours}\n'
        f'local-address-list = ["{US}"]\n'
        + _gobgp_neighbor(SINK, ASN, f'remote-port = {port}\nlocal-address = "{US}"\n')
        + _gobgp_neighbor(FEEDER, FEEDER_ASN, "passive-mode = true\n")
    )
    client = [binary("gobgp"), "-u", US, "-p", str(api)]

    def add(number: int) -> None:
        words = ["global", "rib", "add", "-a", "ipv4-flowspec", "match", "destination"]
        rule = [f"{victim_number(number)}/32", "protocol", "udp", "then", "discard"]
        subprocess.run([*client, *words, *rule], check=True, capture_output=True, timeout=30)

    def answers() -> bool:
        done = subprocess.run([*client, "global"], capture_output=True, check=False, timeout=10)
        return done.returncode == 0

    def loaded() -> bool:
        words = [*client, "global", "rib", "summary", "-a", "ipv4-flowspec"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        return f"Destination: {rules}" in done.stdout

    command = [binary("gobgpd"), "-f", "gobgp.toml", "--api-hosts", f"{US}:{api}"]
    for pid in _program(folder, [*command, "--pprof-disable"]):
        wait_for(answers, 10, "GoBGP's API")
        if rules <= CLIENT_UP_TO:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(add, range(rules)))
            yield pid
            continue
        families = (IPV4_FLOWSPEC,)
        with RawSpeaker((US, ours), asn=FEEDER_ASN, families=families, source=FEEDER) as feeder:
            feeder.send(b"".join(announcement(_flow_rules(rules), IPV4_FLOWSPEC)))
            wait_for(loaded, 120, f"{rules} rules in GoBGP")
            yield pid


def _gobgp_neighbor(address: str, asn: int, transport: str) -> str:
    return (
        f'[[neighbors]]\n[neighbors.config]\nneighbor-address = "{address}"\npeer-as = {asn}\n'
        f"[neighbors.transport.config]\n{transport}"
        "[neighbors.timers.config]\nconnect-retry = 1\nidle-hold-time-after-reset = 1\n"
        '[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "ipv4-flowspec"\n'
    )


def _flow_rules(count: int) -> list[bytes]:
    texts = (f"dst {victim_number(number)}/32 proto udp" for number in range(count))
    return [encode_nlri(encode_rule(parse_rule(text))) for text in texts]


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
VERSIONS: Mapping[str, Sequence[str]] = {
    "BIRD": ("bird", "--version"),
    "GoBGP": ("gobgpd", "--version"),
    "ExaBGP": ("exabgp", "--version"),
}


def version_of(name: str) -> str:
    """Such as `BIRD 2.0.12`."""
    if name not in VERSIONS:
        return f"{name} {__version__}"
    program, *words = VERSIONS[name]
    done = subprocess.run(
        [binary(program), *words], capture_output=True, text=True, check=False, timeout=10
    )
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return f"{name} {found[0]}" if found else name
