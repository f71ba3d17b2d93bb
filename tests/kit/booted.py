"""A machine of a test's own: systemd as process 1 in namespaces, over a throw-away copy of this
one's files.

The root directory is an overlay, so packages are installed and files changed without a trace. The
network has nothing but loopback, and the kernel's settings cannot be written. Everything ends with
the first process, and that one ends with us.
"""

import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.require import absent, binary

SYSTEMD = Path("/lib/systemd/systemd")
BOOT_LIMIT_S = 60.0
# First into a control group of our own (only then can it be the root of a namespace), then into
# the namespaces, then the root directory that process 1 shall see.
ENTER = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/groups"
mount -t cgroup2 cgroup2 "$1/groups"
mkdir "$1/groups/$2"
echo $$ > "$1/groups/$2/cgroup.procs"
exec unshare --pid --fork --kill-child --uts --ipc --net --cgroup sh -c "$3" boot "$1"
"""
BOOT = """
set -e
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    : > "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
: > etc/fstab
: > etc/machine-id
rm -f usr/sbin/policy-rc.d
ln -s /dev/null etc/systemd/system/modprobe@.service
ip link set lo up
mkdir run/before
pivot_root . run/before
umount -l /run/before
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd --system --unit=basic.target
"""
LEAVE = """
set -e
mount -t cgroup2 cgroup2 "$1"
[ ! -d "$1/$2" ] || find "$1/$2" -depth -type d -exec rmdir {} +
"""


@dataclass(frozen=True)
class Machine:
    pid: int

    def run(self, *words: str | Path, check: bool = True) -> str:
        """Both outputs of a command in there; an AssertionError with them when it fails."""
        done = subprocess.run(
            [binary("nsenter"), "--target", str(self.pid), "--all", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def path(self, inside: str) -> Path:
        """A file in there, seen from here."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def unit(self, name: str, key: str) -> str:
        return self.run("systemctl", "show", "--value", "--property", key, name).strip()

    def wait_for(self, name: str, key: str, value: str, limit_s: float = 30.0) -> None:
        end = time.monotonic() + limit_s
        while (found := self.unit(name, key)) != value:
            assert time.monotonic() < end, f"{name}: {key} is {found}, not {value}"
            time.sleep(0.1)


@contextlib.contextmanager
def booted(directory: Path) -> Iterator[Machine]:
    if os.geteuid() != 0:
        absent("root")
    if not SYSTEMD.exists():
        absent("systemd")
    directory.mkdir()
    group = f"prefixd-{uuid.uuid4().hex[:8]}"
    words = [binary("unshare"), "--mount", "sh", "-c", ENTER, "enter", str(directory), group, BOOT]
    with (directory.parent / f"{group}.log").open("w+") as said:
        first = subprocess.Popen(
            # The test run may be killed; what it started must not stay.
            [binary("setpriv"), "--pdeathsig", "KILL", *words],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
        try:
            machine = _await_boot(first, Path(said.name))
            yield machine
        finally:
            first.kill()
            first.wait()
            _remove(group, directory)


def _await_boot(first: "subprocess.Popen[bytes]", said: Path) -> Machine:
    end = time.monotonic() + BOOT_LIMIT_S
    while time.monotonic() < end:
        if first.poll() is not None:
            # Nothing that could be installed: the machine around this one does not allow it.
            pytest.skip(f"systemd cannot be process 1 in namespaces here: {said.read_text()}")
        children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
        for child in children:
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                machine = Machine(int(child))
                state = machine.run("systemctl", "is-system-running", check=False).strip()
                if state in {"running", "degraded"}:
                    return machine
        time.sleep(0.1)
    raise AssertionError(f"systemd did not come up: {said.read_text()}")


def _remove(group: str, directory: Path) -> None:
    """The control groups are empty as soon as the last process was collected."""
    shell = [binary("unshare"), "--mount", "sh", "-c", LEAVE, "leave", str(directory), group]
    for _ in range(50):
        if subprocess.run(shell, capture_output=True, timeout=10, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"the control group {group} could not be removed")
