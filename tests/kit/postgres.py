"""A private PostgreSQL for tests: real, throw-away, fast, on a Unix socket nobody else knows.

The cluster is made from the installed binaries in a temporary directory, runs as an unprivileged
user (PostgreSQL refuses root), listens on no network, and forgets everything at the end. Each
test gets a schema of its own. Without the binaries the tests skip aloud (`require.py`).
"""

import atexit
import functools
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tests.kit.require import absent

START_LIMIT_S = 30


@dataclass
class Cluster:
    """One running server. `stop`, `start`, `kill` are for the tests about its absence."""

    binaries: Path
    folder: Path
    user: str | None
    options: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"postgres:///postgres?host={self.folder}&user=prefixd"

    def schema_url(self) -> str:
        """A connection string into a fresh, empty schema."""
        schema = f"t{uuid.uuid4().hex[:16]}"
        self.sql(f"CREATE SCHEMA {schema}")
        return f"{self.url}&search_path={schema}"

    def sql(self, text: str) -> str:
        command = [
            str(self.binaries / "psql"), "-h", str(self.folder), "-U", "prefixd",
            "-d", "postgres", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", text,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def initialise(self) -> None:
        self._run(
            "initdb", "-D", str(self.data), "-U", "prefixd", "-A", "trust", "-N", "-E", "UTF8"
        )

    def start(self) -> None:
        settings = [
            f"-k {self.folder}", "-c listen_addresses=", "-c max_connections=60",
            "-c shared_buffers=32MB", *self.options,
        ]  # fmt: skip
        self._run(
            "pg_ctl", "-D", str(self.data), "-w", "-t", str(START_LIMIT_S),
            "-l", str(self.folder / "log"), "-o", " ".join(settings), "start",
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def kill(self) -> None:
        """As the kernel would: no goodbye to anybody."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                break
            time.sleep(0.01)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        if self.user is not None:
            account = pwd.getpwnam(self.user)
            ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
            command = ["setpriv", *ids, "--", *command]
        with open(self.folder / "commands", "ab") as output:
            # Not a pipe: the server inherits it and would keep us waiting for its end.
            done = subprocess.run(
                command, stdout=output, stderr=output, timeout=60, check=False, cwd="/"
            )
        assert done.returncode == 0, (self.folder / "commands").read_text()[-2000:]


def new_cluster(*options: str) -> Cluster:
    """A server of one's own, started; the caller calls `remove`."""
    binaries = _binaries()
    if binaries is None:
        absent("PostgreSQL (no /usr/lib/postgresql/*/bin/initdb and none in PATH)")
    user = None if os.geteuid() else _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="prefixd-pg-", dir="/tmp"))
    cluster = Cluster(binaries, folder, user, list(options))
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o755)
    cluster.initialise()
    cluster.start()
    return cluster


def remove(cluster: Cluster) -> None:
    if (cluster.data / "postmaster.pid").exists():
        cluster.stop()
    shutil.rmtree(cluster.folder, ignore_errors=True)


@functools.cache
def shared_cluster() -> Cluster:
    """One server for the whole test run. Flushing to disk is off: nothing here outlives us."""
    cluster = new_cluster("-c fsync=off", "-c synchronous_commit=off", "-c full_page_writes=off")
    atexit.register(remove, cluster)
    return cluster


def _binaries() -> Path | None:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)
    if not found and (in_path := shutil.which("initdb")):
        found = [in_path]
    return Path(found[0]).parent if found else None


def _unprivileged() -> str:
    known = {account.pw_name for account in pwd.getpwall()}
    found = [name for name in ("postgres", "nobody") if name in known]
    if not found:
        absent("an unprivileged user to run PostgreSQL as")
    return found[0]
