"""The labs whose daemons can be installed, run as they stand, with namespaces for containers.

containerlab itself is not needed for what these topologies ask of it: a network namespace per node,
a cable per link, files at their place, a few commands. So the topology files, the routers'
configurations, prefixd's configuration and the commands of the lab's README are what is tested;
images are not, and the daemons are Debian's instead of those in the images.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.daemon_process import ROOT, DaemonProcess
from tests.kit.daemons import output, wait_for
from tests.kit.netns import Namespace, ip, namespace, private_network
from tests.kit.require import binary
from tests.kit.stage import running

LAB = ROOT / "lab" / "containerlab"
README = (LAB / "README.md").read_text()
Ask = Callable[[str], str]


@dataclass
class Place:
    """A node's namespace; prefixd's is the one the test itself lives in."""

    inside: Namespace | None

    def command(self, *words: str) -> list[str]:
        return list(words) if self.inside is None else self.inside.command(*words)

    def ip(self, *words: str) -> None:
        ip(*words) if self.inside is None else self.inside.run(*words)


def lay_out(lab: dict[str, Any], stack: contextlib.ExitStack) -> dict[str, Place]:
    stack.enter_context(private_network())
    places = {
        name: Place(None if name == "prefixd" else stack.enter_context(namespace()))
        for name in lab["topology"]["nodes"]
    }
    for link in lab["topology"]["links"]:
        (near, near_if), (far, far_if) = (end.split(":") for end in link["endpoints"])
        other = places[far].inside
        assert other is not None
        words = ("type", "veth", "peer", "name", far_if, "netns", other.name)
        places[near].ip("link", "add", near_if, *words)
        places[near].ip("link", "set", near_if, "up")
        places[far].ip("link", "set", far_if, "up")
    for name, node in lab["topology"]["nodes"].items():
        for line in node.get("exec", []):
            subprocess.run(
                places[name].command(*shlex.split(line)),
                check=True,
                capture_output=True,
                timeout=10,
            )
    return places


def bound(node: dict[str, Any], inside: str) -> Path:
    """The file that is to stand at this place in the container."""
    [found] = [bind.split(":")[0] for bind in node["binds"] if bind.split(":")[1] == inside]
    return LAB / str(found)


@contextlib.contextmanager
def bird(node: dict[str, Any], place: Place, folder: Path) -> Iterator[Ask]:
    config, control = str(bound(node, "/etc/bird/bird.conf")), str(folder / "bird.ctl")
    command = place.command(binary("bird"), "-f", "-c", config, "-s", control)
    with running(command, folder / "bird.log"):
        yield lambda line: output([binary("birdc"), "-s", control, *shlex.split(line)[1:]])


@contextlib.contextmanager
def gobgp(node: dict[str, Any], place: Place, folder: Path) -> Iterator[Ask]:
    config = str(bound(node, "/etc/gobgp/gobgpd.toml"))
    with running(place.command(binary("gobgpd"), "-f", config), folder / "gobgpd.log"):
        yield lambda line: output(place.command(binary("gobgp"), *shlex.split(line)[1:]))


@contextlib.contextmanager
def frr(node: dict[str, Any], place: Place, _: Path) -> Iterator[Ask]:
    # They drop their privileges, so the folder must be open to their user, all the way down.
    folder = Path(tempfile.mkdtemp(prefix="lab-frr-"))
    folder.chmod(0o777)
    vty, client = f"--vty_socket={folder}", [binary("vtysh"), "--vty_socket", str(folder)]
    zserv = f"{folder}/zserv.api"
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in ("zebra", "bgpd"):
            program, pid = binary(f"/usr/lib/frr/{name}"), f"{folder}/{name}.pid"
            command = place.command(program, vty, "-z", zserv, "-i", pid)
            stack.enter_context(running(command, folder / f"{name}.log"))
            wait_for((folder / f"{name}.vty").exists, 8, f"{name}'s vty socket")
        output([*client, "-f", str(bound(node, "/etc/frr/frr.conf"))])
        yield lambda line: output([*client, *shlex.split(line)[1:]])


ROUTERS = {"bird": bird, "gobgp": gobgp, "frr": frr}


def what_to_ask(row: str) -> tuple[str, list[str]]:
    """From the README's table: what to ask this router, and what its answer is made of."""
    [line] = [line for line in README.splitlines() if line.startswith(f"| {row} | `")]
    ask, shown = re.findall(r"`([^`]+)`", line)
    return ask, [part for part in re.split(r" \.\.\. |(?<=\])(?=\[)", shown) if part]


def shown_peers() -> list[str]:
    """What `prefixdctl peers` says, by the README: a header and the router."""
    start = README.index("PEER ")
    return README[start:].splitlines()[:2]


def by_hand() -> list[str]:
    """The README's example of a mitigation."""
    joined = README.replace("\\\n", " ")
    found = re.search(r"docker exec \S+ (prefixdctl mitigations create .*)", joined)
    assert found
    return shlex.split(found[1])[1:]


def prefixdctl(daemon: DaemonProcess, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefixd.cli.main", *words],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PREFIXD_API": f"http://127.0.0.1:{daemon.port}",
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("kind", "row"), [("bird", "BIRD"), ("gobgp", "GoBGP"), ("frr", "FRR")])
def test_a_lab_does_what_its_readme_says(kind: str, row: str, tmp_path: Path) -> None:
    lab = yaml.safe_load((LAB / f"{kind}-flowspec.clab.yml").read_text())
    ask, shown = what_to_ask(row)
    with contextlib.ExitStack() as stack:
        places = lay_out(lab, stack)
        folder = tmp_path / "router"
        folder.mkdir()
        node = lab["topology"]["nodes"]["router"]
        router = stack.enter_context(ROUTERS[kind](node, places["router"], folder))
        files = {
            f"{name}.yaml": yaml.safe_load(
                bound(lab["topology"]["nodes"]["prefixd"], f"/etc/prefixd/{name}.yaml").read_text()
            )
            for name in ("prefixd", "inventory", "playbooks")
        }
        daemon = stack.enter_context(DaemonProcess(tmp_path, files=files))
        states = "/v1/health/detail"
        wait_for(lambda: "established" in str(daemon.get(states).json), 60, "the session")
        header, row_of_router = prefixdctl(daemon, "peers").splitlines()
        assert header.split()[:8] == shown_peers()[0].split()
        assert row_of_router.split()[:2] == shown_peers()[1].split()[:2]
        prefixdctl(daemon, *by_hand())
        wait_for(
            lambda: all(part in router(ask) for part in shown), 15, f"{shown} in {router(ask)}"
        )
