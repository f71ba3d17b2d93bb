"""Networks of a test's own: any address, any port, nothing of it outside.

`private_network()` moves the calling thread into a new network namespace until the block ends.
Sockets made meanwhile, and programs started meanwhile, live in it; addresses go on its loopback
interface, so several daemons can each have one with port 179 on it. `Router` makes a second
namespace with a link to the first, for tests in which something has to be a hop away.
"""

import contextlib
import ctypes
import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.kit.require import binary, network_namespaces

CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*words: str) -> None:
    subprocess.run([binary("ip"), *words], check=True, capture_output=True, timeout=10)


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


@contextlib.contextmanager
def private_network(addresses: Sequence[str] = ()) -> Iterator[None]:
    """`addresses` like `10.9.0.1/24` or `fd09::1/64` are put on the loopback interface."""
    network_namespaces()
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _checked(_LIBC.unshare(CLONE_NEWNET), "unshare")
        try:
            ip("link", "set", "lo", "up")
            add_addresses(addresses)
            yield
        finally:
            _checked(_LIBC.setns(home, CLONE_NEWNET), "setns")
    finally:
        os.close(home)


def add_addresses(addresses: Sequence[str], device: str = "lo") -> None:
    for address in addresses:
        extra = ["nodad"] if ":" in address else []
        ip("address", "add", address, "dev", device, *extra)


class Namespace:
    """Another namespace, reached by a virtual cable from the one we are in."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *words: str) -> None:
        ip("-n", self.name, *words)

    def command(self, *words: str) -> list[str]:
        """A command line that runs in there."""
        return [binary("ip"), "netns", "exec", self.name, *words]

    def set(self, key: str, value: str) -> None:
        path = f"/proc/sys/{key.replace('.', '/')}"
        inside = self.command("sh", "-c", f"echo {value} > {path}")
        subprocess.run(inside, check=True, capture_output=True, timeout=10)


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    name = f"pfx-{uuid.uuid4().hex[:8]}"
    ip("netns", "add", name)
    try:
        found = Namespace(name)
        found.run("link", "set", "lo", "up")
        yield found
    finally:
        ip("netns", "delete", name)


def cable(
    near: str,
    near_address: str,
    far: str,
    far_address: str,
    inside: Namespace,
    outside: Namespace | None = None,
) -> None:
    """A veth pair: `near` stays here (or in `outside`), `far` goes into `inside`."""
    ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", inside.name)
    if outside is not None:
        ip("link", "set", near, "netns", outside.name)
        outside.run("address", "add", near_address, "dev", near)
        outside.run("link", "set", near, "up")
    else:
        add_addresses([near_address], near)
        ip("link", "set", near, "up")
    inside.run("address", "add", far_address, "dev", far)
    inside.run("link", "set", far, "up")


def thread_namespace_inode() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino
