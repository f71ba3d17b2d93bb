"""Real routing daemons as neighbors of our speaker, each asked through its own command line.

They run as processes on loopback addresses and free ports, need no privileges and share no code
with us. `held` says which rules a router has, as meanings (`readings.py`) where its output allows
that; `count` how many; `action_of` how it shows the action of one rule.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefixd.bgp.wire.flowspec import FlowSpecRule
from tests.kit.daemon_process import free_port
from tests.kit.daemons import wait_for
from tests.kit.dialects import of_bird, of_gobgp
from tests.kit.readings import Reading, of_rule
from tests.kit.require import binary

START_ATTEMPTS = 3
LISTENS_WITHIN_S = 10.0
LISTEN = "0A"  # in /proc/net/tcp
US = "127.0.0.1"
ASN = 65000


def freeze(reading: Reading) -> frozenset[tuple[int, object]]:
    return frozenset(reading.items())


def meanings(rules: list[FlowSpecRule]) -> set[frozenset[tuple[int, object]]]:
    return {freeze(of_rule(rule)) for rule in rules}


@dataclass
class Router:
    name: str
    """Of its profile as well."""
    address: str
    port: int
    start: Callable[[], "subprocess.Popen[bytes]"]
    ask: Callable[..., str]
    held: Callable[[int], set[frozenset[tuple[int, object]]]]
    count: Callable[[int], int]
    action_of: Callable[[str], str]
    """How the router shows the action of the one rule whose text contains this address."""
    ask_for_refresh: Callable[[], None] = lambda: None
    needs_its_port: bool = False
    """It only waits for us: without its port no session comes up."""
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def up(self) -> None:
        """Running and listening. A daemon that finds its port in use goes on without it, so it is
        started again: with several tests at once, another may have the port for a moment."""
        for _ in range(START_ATTEMPTS if self.needs_its_port else 0):
            self.process = self.start()
            end = time.monotonic() + LISTENS_WITHIN_S
            while time.monotonic() < end:
                if self.listens() or self.process.poll() is not None:
                    return
                time.sleep(0.02)
            self.down()
        self.process = self.start()

    def listens(self) -> bool:
        """Read from the kernel's table: a connection would be one of a neighbor."""
        number = int.from_bytes(socket.inet_aton(self.address), sys.byteorder)
        wanted = {f"{number:08X}:{self.port:04X}", f"00000000:{self.port:04X}"}
        rows = (line.split() for line in Path("/proc/thread-self/net/tcp").read_text().splitlines())
        return any(row[3] == LISTEN and row[1] in wanted for row in rows if len(row) > 3)

    def down(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def total(self) -> int:
        return self.count(4) + self.count(6)


@contextmanager
def _alive(router: Router) -> Iterator[Router]:
    router.up()
    try:
        yield router
    finally:
        router.down()


def _spawn(command: list[str], folder: Path) -> "Callable[[], subprocess.Popen[bytes]]":
    def start() -> "subprocess.Popen[bytes]":
        with (folder / "daemon.log").open("ab") as log:
            return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)

    return start


def _client(command: list[str]) -> Callable[..., str]:
    def ask(*words: str) -> str:
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout

    return ask


BIRD = """router id 127.0.0.2;
flow4 table f4;
flow6 table f6;
protocol device {{}}
protocol bgp prefixd {{
  local {address} port {port} as 65000;
  neighbor 127.0.0.1 as 65000;
  passive yes;
  multihop;
  error wait time 1, 2;
  graceful restart yes;
  flow4 {{ table f4; import all; export none; }};
  flow6 {{ table f6; import all; export none; }};
  ipv4 {{ import all; export none; }};
  ipv6 {{ import all; export none; }};
}}
"""


@contextmanager
def bird(folder: Path, address: str = "127.0.0.2") -> Iterator[Router]:
    port = free_port(address)
    (folder / "bird.conf").write_text(BIRD.format(address=address, port=port))
    control = str(folder / "bird.ctl")
    command = [binary("bird"), "-f", "-c", "bird.conf", "-s", control, "-P", "bird.pid"]
    ask = _client([binary("birdc"), "-s", control])

    def lines(version: int) -> list[str]:
        return [
            line
            for line in ask("show", "route", "table", f"f{version}").splitlines()
            if line.startswith("flow")
        ]

    def held(version: int) -> set[frozenset[tuple[int, object]]]:
        found = (re.search(r"\{(.*?)\}", line) for line in lines(version))
        return {freeze(of_bird(match[1])) for match in found if match}

    def action_of(host: str) -> str:
        text = "".join(ask("show", "route", "table", f"f{v}", "all") for v in (4, 6))
        for entry in re.split(r"^(?=flow)", text, flags=re.MULTILINE):
            if f"dst {host}" in entry:
                return " ".join(re.findall(r"\(generic, (0x[0-9a-f]+, 0x[0-9a-f]+)\)", entry))
        return ""

    router = Router(
        name="bird",
        address=address,
        port=port,
        start=_spawn(command, folder),
        ask=ask,
        held=held,
        count=lambda version: len(lines(version)),
        action_of=action_of,
        ask_for_refresh=lambda: void(ask("reload", "in", "prefixd")),
        needs_its_port=True,
    )
    with _alive(router):
        yield router


def void(_: object) -> None:
    """For lambdas whose answer nobody wants."""


GOBGP = """[global.config]
  as = 65000
  router-id = "127.0.0.3"
  port = {port}
  local-address-list = ["{address}"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "127.0.0.1"
    peer-as = 65000
  [neighbors.transport.config]
    passive-mode = true
    local-address = "{address}"
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 60
{families}
"""
GOBGP_FAMILY = """  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "{name}"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
"""


@contextmanager
def gobgp(folder: Path, address: str = "127.0.0.3") -> Iterator[Router]:
    port, api = free_port(address), free_port()
    names = ("ipv4-flowspec", "ipv6-flowspec", "ipv4-unicast", "ipv6-unicast")
    families = "".join(GOBGP_FAMILY.format(name=name) for name in names)
    settings = GOBGP.format(port=port, address=address, families=families)
    (folder / "gobgp.toml").write_text(settings)
    command = [
        binary("gobgpd"),
        "-f",
        "gobgp.toml",
        "-t",
        "toml",
        "--api-hosts",
        f"127.0.0.1:{api}",
    ]
    ask = _client([binary("gobgp"), "-u", "127.0.0.1", "-p", str(api)])

    def paths(version: int) -> list[dict[str, Any]]:
        answer = ask("global", "rib", "-a", f"ipv{version}-flowspec", "-j")
        table = json.loads(answer) if answer.startswith("{") else {}
        return [path for paths in table.values() for path in paths]

    def action_of(host: str) -> str:
        for version in (4, 6):
            for path in paths(version):
                if host in json.dumps(path["nlri"]):
                    return json.dumps([a for a in path["attrs"] if a["type"] == 16])
        return ""

    router = Router(
        name="gobgp",
        address=address,
        port=port,
        start=_spawn(command, folder),
        ask=ask,
        held=lambda version: {freeze(of_gobgp(path["nlri"])) for path in paths(version)},
        count=lambda version: len(paths(version)),
        action_of=action_of,
    )
    with _alive(router):
        yield router


FRR_BGPD = "/usr/lib/frr/bgpd"  # OpenBGPD has a program of the same name
FRR = """hostname router
log file {folder}/bgpd.log
router bgp 65000
 bgp router-id 127.0.0.4
 no bgp default ipv4-unicast
 neighbor 127.0.0.1 remote-as 65000
 neighbor 127.0.0.1 passive
 address-family ipv4 flowspec
  neighbor 127.0.0.1 activate
 exit-address-family
 address-family ipv6 flowspec
  neighbor 127.0.0.1 activate
 exit-address-family
 address-family ipv4 unicast
  neighbor 127.0.0.1 activate
  neighbor 127.0.0.1 soft-reconfiguration inbound
 exit-address-family
"""


@contextmanager
def frr(folder: Path, address: str = "127.0.0.4") -> Iterator[Router]:
    # It drops its privileges, so the folder must be open to its user, all the way down.
    folder = Path(tempfile.mkdtemp(prefix="bgpd-"))
    folder.chmod(0o777)
    port = free_port(address)
    (folder / "bgpd.conf").write_text(FRR.format(folder=folder))
    command = [
        binary(FRR_BGPD), "-f", str(folder / "bgpd.conf"), "-p", str(port), "-l", address,
        "-n", "-S", "-i", str(folder / "bgpd.pid"), "--vty_socket", str(folder),
        "-z", str(folder / "none"),
    ]  # fmt: skip
    ask = _client([binary("vtysh"), "--vty_socket", str(folder), "-c"])

    def details(version: int) -> str:
        return ask(f"show bgp ipv{version} flowspec detail")

    def action_of(host: str) -> str:
        for entry in re.split(r"^(?=BGP flowspec entry)", details(4), flags=re.MULTILINE):
            if host in entry:
                return " ".join(re.findall(r"FS:\S+(?: \S+)*", entry))
        return ""

    router = Router(
        name="frr",
        address=address,
        port=port,
        start=_spawn(command, folder),
        ask=ask,
        held=lambda _: set(),
        count=lambda version: details(version).count("BGP flowspec entry"),
        action_of=action_of,
        ask_for_refresh=lambda: void(ask(f"clear bgp ipv4 flowspec {US} soft in")),
    )
    try:
        with _alive(router):
            yield router
    finally:
        shutil.rmtree(folder, ignore_errors=True)


EXABGP = """process watch {{
    run {python} {folder}/watch.py;
    encoder json;
}}
neighbor 127.0.0.1 {{
    router-id 127.0.0.5;
    local-address {address};
    local-as 65000;
    peer-as 65000;
    connect {port};
    family {{ ipv4 flow; ipv6 flow; }}
    api {{ processes [ watch ]; receive {{ parsed; update; }} }}
}}
"""
WATCH = """import sys
with open("{folder}/events.json", "a") as out:
    for line in iter(sys.stdin.readline, ""):
        out.write(line)
        out.flush()
"""


@contextmanager
def exabgp(folder: Path, port: int, address: str = "127.0.0.5") -> Iterator[Router]:
    """It only dials, so we listen on `port`; it has no table, so its events are replayed here."""
    python = sys.executable
    settings = EXABGP.format(python=python, folder=folder, address=address, port=port)
    (folder / "exabgp.conf").write_text(settings)
    (folder / "watch.py").write_text(textwrap.dedent(WATCH.format(folder=folder)))
    events = folder / "events.json"
    events.write_text("")
    folder.chmod(0o777)
    events.chmod(0o666)
    command = [
        "env", "exabgp.daemon.user=root", "exabgp.log.level=INFO", "exabgp.tcp.attempts=0",
        binary("exabgp"), str(folder / "exabgp.conf"),
    ]  # fmt: skip

    def table(version: int) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in events.read_text().splitlines():
            update = json.loads(line).get("neighbor", {}).get("message", {}).get("update")
            if not update:
                continue
            name = f"ipv{version} flow"
            actions = json.dumps(update.get("attribute", {}).get("extended-community", []))
            for group in update.get("announce", {}).get(name, {}).values():
                found |= {flow["string"]: actions for flow in group}
            for flow in update.get("withdraw", {}).get(name, []):
                found.pop(flow["string"], None)
        return found

    def action_of(host: str) -> str:
        for version in (4, 6):
            for text, actions in table(version).items():
                if host in text:
                    return actions
        return ""

    router = Router(
        name="exabgp",
        address=address,
        port=0,
        start=_spawn(command, folder),
        ask=lambda *_: events.read_text(),
        held=lambda _: set(),
        count=lambda version: len(table(version)),
        action_of=action_of,
    )
    with _alive(router):
        yield router


KINDS = {"bird": bird, "gobgp": gobgp, "frr": frr}


@contextmanager
def router_of_kind(kind: str, folder: Path) -> Iterator[Router]:
    folder.mkdir(parents=True, exist_ok=True)
    with KINDS[kind](folder) as router:
        wait_for(lambda: _answers(router), 30.0, f"{kind} answers")
        yield router


def _answers(router: Router) -> bool:
    words = {"bird": ("show", "status"), "gobgp": ("global",), "frr": ("show version",)}
    return bool(router.ask(*words[router.name]).strip())
