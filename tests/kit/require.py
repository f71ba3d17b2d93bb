"""Real things a test needs: present, or skipped aloud, or (in CI) a failure.

With `PREFIXD_REQUIRE_ALL=1` a missing daemon, database or privilege fails the test instead of
skipping it, so a green CI run cannot hide tests that never ran.
"""

import functools
import os
import shutil
import subprocess
from typing import NoReturn

import pytest

REQUIRE_ALL = os.environ.get("PREFIXD_REQUIRE_ALL") == "1"
EXTRA_PATH = ("/usr/sbin", "/sbin", "/usr/lib/frr", "/usr/lib/postgresql/15/bin")


def absent(what: str) -> NoReturn:
    if REQUIRE_ALL:
        pytest.fail(f"PREFIXD_REQUIRE_ALL=1 and {what} is absent", pytrace=False)
    pytest.skip(f"{what} is absent")


def find_binary(name: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), *EXTRA_PATH])
    return shutil.which(name, path=path)


def binary(name: str) -> str:
    """The full path of a program, or a skip (a failure where everything is required)."""
    found = find_binary(name)
    if found is None:
        absent(f"the program {name!r}")
    return found


@functools.cache
def _namespaces_work() -> bool:
    if os.geteuid() != 0 or find_binary("ip") is None:
        return False
    probe = subprocess.run(
        ["unshare", "--net", "true"], capture_output=True, timeout=10, check=False
    )
    return probe.returncode == 0


def network_namespaces() -> None:
    """Root and working network namespaces, or a skip."""
    if not _namespaces_work():
        absent("root with network namespaces")
