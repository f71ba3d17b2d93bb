"""Real BGP daemons, each with its own configuration, files and address, read by its own tools.

Meant for a network of the test's own (`netns.private_network`), where every daemon has an address
on loopback and its own port 179. A daemon is a context manager: what it started is gone afterwards,
killed by its process id. None of them touches the system's configuration or service files.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.kit.require import absent, binary

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Neighbor:
    """One session, seen from the daemon."""

    us: str
    """Our address."""
    our_asn: int
    local: str
    """The daemon's address."""
    families: tuple[str, ...] = ("ipv4 flowspec", "ipv6 flowspec")
    password: str = ""
    ttl_hops: int = 0
    passive: bool = True
    our_port: int = 179


@dataclass(frozen=True, kw_only=True)
class Wish:
    asn: int
    router_id: str
    neighbors: tuple[Neighbor, ...]
    hold_time_s: int = 90
    prefix: tuple[str, ...] = ()
    """Put before the command line: to run in another namespace."""
    restart_time_s: int = 30
    extra: str = ""
    """Literal configuration of the daemon's own kind, for one odd test."""


class Daemon(Protocol):
    name: str

    def version(self) -> str: ...

    def rules(self, family: str) -> int:
        """How many rules it holds, in its own words; family `ipv4` or `ipv6`."""
        ...


def output(command: Sequence[str], timeout_s: float = 10) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    return done.stdout + done.stderr


def wait_for(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """Poll a command line tool until it says what we wait for."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            found = condition()
        except (ValueError, KeyError, subprocess.TimeoutExpired):
            found = None
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


@contextlib.contextmanager
def _process(
    command: Sequence[str], log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
    try:
        yield process
    finally:
        # The whole session it leads: some daemons are several processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(3)


def _version_of(text: str) -> str:
    found = re.search(r"\d+\.\d+(\.\d+)?", text)
    return found.group(0) if found else text.strip()[:40]


@dataclass
class Bird:
    directory: Path
    name: str = "BIRD"

    def version(self) -> str:
        return _version_of(output([binary("bird"), "--version"]))

    def ask(self, *words: str) -> str:
        return output([binary("birdc"), "-s", str(self.directory / "bird.ctl"), *words])

    def rules(self, family: str) -> int:
        found = re.search(
            r"(\d+) of (\d+) routes", self.ask("show", "route", "count", "table", f"f{family[3]}")
        )
        return int(found.group(1)) if found else -1

    @contextlib.contextmanager
    def run(self, wish: Wish) -> Iterator["Bird"]:
        config = self.directory / "bird.conf"
        config.write_text(self._config(wish), encoding="ascii")
        control = self.directory / "bird.ctl"
        command = [*wish.prefix, binary("bird"), "-f", "-c", str(config), "-s", str(control)]
        with _process(command, self.directory / "bird.log"):
            wait_for(control.exists, 5, "BIRD's control socket")
            yield self

    def _config(self, wish: Wish) -> str:
        lines = [
            f"router id {wish.router_id};",
            "flow4 table f4; flow6 table f6;",
            "protocol device {}",
        ]
        for index, each in enumerate(wish.neighbors):
            passive = "passive yes;" if each.passive else ""
            password = f'password "{each.password}";' if each.password else ""
            hops = f"ttl security yes; multihop {each.ttl_hops};" if each.ttl_hops else "multihop;"
            channels = []
            for family in each.families:
                version, kind = family[3], family.split()[1]
                channel = f"flow{version}" if kind == "flowspec" else f"ipv{version}"
                table = f"table f{version};" if kind == "flowspec" else ""
                channels.append(f"{channel} {{ {table} import all; export all; }};")
            lines.append(
                f"protocol bgp us{index} {{ local {each.local} as {wish.asn}; "
                f"neighbor {each.us} port {each.our_port} as {each.our_asn}; "
                f"strict bind yes; {passive} {password} "
                f"{hops} hold time {wish.hold_time_s}; connect delay time 1; "
                f"connect retry time 1; error wait time 1,2; graceful restart aware; "
                f"long lived graceful restart no; {wish.extra} {' '.join(channels)} }}"
            )
        return "\n".join(lines) + "\n"


@dataclass
class Frr:
    directory: Path
    name: str = "FRR"

    def version(self) -> str:
        return _version_of(output([binary("/usr/lib/frr/bgpd"), "--version"]))

    def ask(self, command: str) -> str:
        return output([binary("vtysh"), "--vty_socket", str(self.directory), "-c", command])

    def table(self, family: str) -> list[Any]:
        text = self.ask(f"show bgp {family} flowspec json")
        found, position, decoder = [], 0, json.JSONDecoder()
        while (start := text.find("{", position)) >= 0 or (start := text.find("[", position)) >= 0:
            value, position = decoder.raw_decode(text, start)
            found += value if isinstance(value, list) else [value]
        return found

    def rules(self, family: str) -> int:
        text = self.ask(f"show bgp {family} flowspec")
        found = re.search(r"Displayed\s+(\d+)", text)
        return int(found.group(1)) if found else 0

    @contextlib.contextmanager
    def run(self, wish: Wish) -> Iterator["Frr"]:
        config = self.directory / "bgpd.conf"
        config.write_text(self._config(wish), encoding="ascii")
        addresses = sorted({each.local for each in wish.neighbors})
        command = [
            *wish.prefix,
            binary("/usr/lib/frr/bgpd"),
            "--no_zebra",
            "--skip_runas",
            "--vty_port=0",
            f"--vty_socket={self.directory}",
            f"--config_file={config}",
            f"--pid_file={self.directory}/bgpd.pid",
            "--log=stdout",
            *[f"--listenon={address}" for address in addresses],
        ]
        with _process(command, self.directory / "frr.log"):
            wait_for((self.directory / "bgpd.vty").exists, 8, "FRR's vty socket")
            yield self

    def _config(self, wish: Wish) -> str:
        lines = [
            f"router bgp {wish.asn}",
            f" bgp router-id {wish.router_id}",
            " no bgp ebgp-requires-policy",
            " no bgp default ipv4-unicast",
            " bgp graceful-restart stalepath-time 60",
        ]
        for each in wish.neighbors:
            start = f" neighbor {each.us}"
            lines += [
                f"{start} remote-as {each.our_asn}",
                f"{start} update-source {each.local}",
                f"{start} timers {wish.hold_time_s // 3} {wish.hold_time_s}",
                f"{start} timers connect 1",
                f"{start} port {each.our_port}",
            ]
            if each.ttl_hops:
                lines.append(f"{start} ttl-security hops {each.ttl_hops}")
            elif each.our_asn != wish.asn:
                lines.append(f"{start} ebgp-multihop 255")
            if each.passive:
                lines.append(f"{start} passive")
            if each.password:
                lines.append(f"{start} password {each.password}")
        for family in ("ipv4 flowspec", "ipv6 flowspec", "ipv4 unicast", "ipv6 unicast"):
            chosen = [each for each in wish.neighbors if family in each.families]
            if chosen:
                lines.append(f" address-family {family}")
                lines += [f"  neighbor {each.us} activate" for each in chosen]
                lines.append(" exit-address-family")
        return "\n".join([*lines, wish.extra]) + "\n"


@dataclass
class GoBgp:
    directory: Path
    name: str = "GoBGP"
    address: str = field(default="", init=False)

    def version(self) -> str:
        return _version_of(output([binary("gobgpd"), "--version"]))

    def ask(self, *words: str) -> str:
        return output([binary("gobgp"), "-u", self.address, "-p", "50051", *words])

    def rules(self, family: str) -> int:
        text = self.ask("global", "rib", "-a", f"{family}-flowspec", "-j")
        table = json.loads(text) if text.strip().startswith(("{", "[")) else {}
        return len(table)

    @contextlib.contextmanager
    def run(self, wish: Wish) -> Iterator["GoBgp"]:
        config = self.directory / "gobgp.toml"
        config.write_text(self._config(wish), encoding="ascii")
        self.address = next(each.local for each in wish.neighbors if ":" not in each.local)
        command = [
            *wish.prefix,
            binary("gobgpd"),
            "-f",
            str(config),
            "--api-hosts",
            f"{self.address}:50051",
            "--pprof-disable",
        ]
        with _process(command, self.directory / "gobgp.log"):
            wait_for(lambda: "AS:" in self.ask("global"), 8, "GoBGP's API")
            yield self

    def _config(self, wish: Wish) -> str:
        addresses = json.dumps([each.local for each in wish.neighbors])
        lines = [
            "[global.config]",
            f"as = {wish.asn}",
            f'router-id = "{wish.router_id}"',
            f"local-address-list = {addresses}",
            "port = 179",
        ]
        for each in wish.neighbors:
            lines += [
                "[[neighbors]]",
                "[neighbors.config]",
                f'neighbor-address = "{each.us}"',
                f"peer-as = {each.our_asn}",
                f'auth-password = "{each.password}"' if each.password else "",
                "[neighbors.transport.config]",
                f'local-address = "{each.local}"',
                f"remote-port = {each.our_port}",
                f"passive-mode = {str(each.passive).lower()}",
                "[neighbors.timers.config]",
                f"hold-time = {wish.hold_time_s}",
                f"keepalive-interval = {wish.hold_time_s // 3}",
                "connect-retry = 1",
                "idle-hold-time-after-reset = 2",
                "[neighbors.graceful-restart.config]",
                "enabled = true",
                f"restart-time = {wish.restart_time_s}",
                "[neighbors.ebgp-multihop.config]" if not each.ttl_hops else "",
                "enabled = true" if not each.ttl_hops else "",
                "multihop-ttl = 64" if not each.ttl_hops else "",
            ]
            for family in each.families:
                lines += [
                    "[[neighbors.afi-safis]]",
                    "[neighbors.afi-safis.config]",
                    f'afi-safi-name = "{family.replace(" ", "-")}"',
                    "[neighbors.afi-safis.mp-graceful-restart.config]",
                    "enabled = true",
                ]
        return "\n".join(lines) + "\n"


def _exabgp5() -> str:
    program = ROOT / ".venv-peers" / "bin" / "exabgp"
    if not program.exists():
        absent("ExaBGP 5 (make setup-peers)")
    return str(program)


@dataclass
class ExaBgp:
    """Keeps no table; its JSON events are the evidence."""

    directory: Path
    major: int = 4

    @property
    def name(self) -> str:
        return f"ExaBGP {self.major}"

    @property
    def program(self) -> str:
        return _exabgp5() if self.major == 5 else binary("exabgp")

    def version(self) -> str:
        return _version_of(output([self.program, "version" if self.major == 5 else "--version"]))

    def events(self) -> list[dict[str, Any]]:
        path = self.directory / "events.jsonl"
        if not path.exists():
            return []
        found = []
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def rules(self, family: str) -> int:
        """Announced minus withdrawn, by what ExaBGP says it received."""
        alive: set[str] = set()
        for event in self.events():
            update = event.get("neighbor", {}).get("message", {}).get("update", {})
            for routes in update.get("announce", {}).get(f"{family} flow", {}).values():
                alive |= {json.dumps(_plain(route), sort_keys=True) for route in routes}
            gone = update.get("withdraw", {}).get(f"{family} flow", [])
            alive -= {json.dumps(_plain(route), sort_keys=True) for route in gone}
        return len(alive)

    @contextlib.contextmanager
    def run(self, wish: Wish) -> Iterator["ExaBgp"]:
        config = self.directory / "exabgp.conf"
        config.write_text(self._config(wish), encoding="ascii")
        watch = self.directory / "watch"
        watch.write_text(
            f"#!{sys.executable} -u\n"
            "import sys\n"
            f"with open({str(self.directory / 'events.jsonl')!r}, 'a') as out:\n"
            "    for line in sys.stdin:\n"
            "        out.write(line)\n"
            "        out.flush()\n",
            encoding="ascii",
        )
        watch.chmod(0o755)
        port = {each.our_port for each in wish.neighbors}.pop()
        settings = {
            "daemon.user": "root",
            "daemon.drop": "false",
            "log.destination": "stdout",
            "api.cli": "false",
            "tcp.port": str(port),
        }
        # ExaBGP 4 reads names with dots, ExaBGP 5 with underscores.
        env = dict(os.environ)
        for key, value in settings.items():
            env[f"exabgp.{key}"] = env[f"exabgp_{key.replace('.', '_')}"] = value
        command = [
            *wish.prefix,
            self.program,
            *(["server"] if self.major == 5 else []),
            str(config),
        ]
        with _process(command, self.directory / "exabgp.log", env):
            yield self

    def _config(self, wish: Wish) -> str:
        api_process = f"process watch {{ run {self.directory}/watch; encoder json; }}\n"
        parts = [api_process]
        for each in wish.neighbors:
            families = "".join(
                f"{family.replace('flowspec', 'flow')}; " for family in each.families
            )
            password = f"md5-password '{each.password}';" if each.password else ""
            parts.append(
                f"neighbor {each.us} {{ router-id {wish.router_id}; local-address {each.local}; "
                f"local-as {wish.asn}; peer-as {each.our_asn}; hold-time {wish.hold_time_s}; "
                f"{password} family {{ {families}}} "
                f"capability {{ graceful-restart {wish.restart_time_s}; route-refresh enable; }} "
                f"api {{ processes [ watch ]; neighbor-changes; "
                f"receive {{ parsed; update; }} }} }}\n"
            )
        return "".join(parts)


def _plain(route: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in route.items() if key != "string"}


@dataclass
class OpenBgpd:
    """Knows no FlowSpec: for sessions only."""

    directory: Path
    name: str = "OpenBGPD"

    def version(self) -> str:
        return _version_of(output([binary("bgpctl"), "-V"]))

    def ask(self, *words: str) -> Any:
        text = output([binary("bgpctl"), "-s", f"{self.directory}/bgpd.sock", "-j", *words])
        return json.loads(text)

    def rules(self, family: str) -> int:
        return 0

    @contextlib.contextmanager
    def run(self, wish: Wish) -> Iterator["OpenBgpd"]:
        jail = Path("/run/openbgpd")
        jail.mkdir(mode=0o755, exist_ok=True)
        config = self.directory / "openbgpd.conf"
        config.write_text(self._config(wish), encoding="ascii")
        config.chmod(0o600)
        command = [*wish.prefix, binary("bgpd"), "-d", "-f", str(config)]
        with _process(command, self.directory / "openbgpd.log"):
            wait_for((self.directory / "bgpd.sock").exists, 5, "OpenBGPD's control socket")
            yield self

    def _config(self, wish: Wish) -> str:
        lines = [f"AS {wish.asn}", f"router-id {wish.router_id}", "fib-update no"]
        lines.append(f'socket "{self.directory}/bgpd.sock"')
        lines += [f"listen on {each.local}" for each in wish.neighbors]
        for each in wish.neighbors:
            password = f'tcp md5sig password "{each.password}"' if each.password else ""
            passive = "passive" if each.passive else ""
            families = "\n".join(f"  announce {f.replace('ipv', 'IPv')}" for f in each.families)
            multihop = "" if each.ttl_hops else "multihop 8"
            security = "ttl-security yes" if each.ttl_hops else ""
            lines.append(
                f"neighbor {each.us} {{\n  remote-as {each.our_asn}\n  local-address {each.local}\n"
                f"  holdtime {wish.hold_time_s}\n  port {each.our_port}\n{families}\n"
                f"  {multihop}\n  {security}\n  {password}\n  {passive}\n}}"
            )
        lines += ["allow from any", "deny to any"]
        return "\n".join(lines) + "\n"
