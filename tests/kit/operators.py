"""The real daemon with people: an admin, an operator and a viewer, made on the command line."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kit.daemon_process import ROOT, DaemonProcess

ADMIN, OPERATOR, VIEWER = "anna", "olga", "vera"
PASSWORD = "a long enough one"
ROLES = {ADMIN: "admin", OPERATOR: "operator", VIEWER: "viewer"}


def add_operator(daemon: DaemonProcess, name: str, role: str) -> None:
    words = ["adduser", name, "--role", role, "--password-stdin", "-c", str(daemon.config_dir)]
    subprocess.run(
        [sys.executable, "-m", "prefixd", *words],
        input=f"{PASSWORD}\n", cwd=daemon.directory, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip


@contextmanager
def with_operators(
    directory: Path, mode: str = "credentials", http: dict[str, Any] | None = None
) -> Iterator[DaemonProcess]:
    settings = {"http": {"auth": {"mode": mode}, **(http or {})}}
    daemon = DaemonProcess(directory, main=settings)
    daemon.write_config()
    for name, role in ROLES.items():
        add_operator(daemon, name, role)
    with daemon:
        yield daemon
