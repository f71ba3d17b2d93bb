"""The real daemon as a process: its own directory, its own ports, nothing shared with another test.

with DaemonProcess(tmp_path, bgp={...}) as daemon:
    daemon.get("/v1/health")
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 20.0
READY = re.compile(r'"message": "ready"|INFO +ready ')


def free_port(host: str = "127.0.0.1") -> int:
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class DaemonProcess:
    """`main` is merged over the shipped `configs/prefixd.yaml`, other files replace theirs."""

    directory: Path
    main: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    namespace: str | None = None
    token: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "DaemonProcess":
        self.write_config()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def config_dir(self) -> Path:
        return self.directory / "conf"

    @property
    def log_text(self) -> str:
        path = self.directory / "daemon.log"
        return path.read_text() if path.exists() else ""

    def write_config(self) -> None:
        self.config_dir.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port(self.host)
        for name in ("prefixd", "inventory", "playbooks", "correlation", "alerting"):
            shipped = yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text())
            tree: dict[str, Any] = self.files.get(f"{name}.yaml") or shipped
            if name == "prefixd":
                tree = _merged(tree, self._own())
                tree = _merged(tree, self.main)
            (self.config_dir / f"{name}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))

    def start(self) -> None:
        command = [sys.executable, "-m", "prefixd", "run", "-c", str(self.config_dir)]
        if self.namespace is not None:
            command = ["ip", "netns", "exec", self.namespace, *command]
        said_before = len(self.log_text)
        with (self.directory / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
            )
        self._await_ready(said_before)

    def stop(self, number: int = signal.SIGTERM, limit_s: float = 20.0) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, None, **headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self.request("POST", path, body, **headers)

    def request(self, method: str, path: str, body: object, **headers: str) -> Answer:
        """One HTTP exchange; refusals are answers, not exceptions."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://{self.host}:{self.port}{path}", data=data, method=method
        )
        request.add_header("Content-Type", "application/json")
        if self.token is not None:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return Answer(reply.status, dict(reply.headers), reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def event(self, victim: str = "198.51.100.20", **fields: object) -> Answer:
        """Report an attack that the shipped playbooks answer with a rule."""
        body: dict[str, object] = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "source": "test",
            "victim_ip": victim,
            "vector": "udp_flood",
            "confidence": 0.9,
        }
        return self.post("/v1/events", {**body, **fields})

    def _own(self) -> dict[str, Any]:
        return {
            "http": {"listen": f"{self.host}:{self.port}"},
            "storage": {"connection_string": f"sqlite:{self.directory / 'prefixd.db'}"},
        }

    def _await_ready(self, said_before: int) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise AssertionError(f"the daemon ended while starting:\n{self.log_text}")
            if READY.search(self.log_text, said_before):
                return
            time.sleep(0.02)
        raise AssertionError(f"the daemon was not ready in time:\n{self.log_text}")


def _merged(tree: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(tree)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return merged
