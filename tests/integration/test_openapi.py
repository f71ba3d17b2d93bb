"""What the API says of itself holds: every route documented, and a hostile client finds no lie.

The second half lets schemathesis make requests from the OpenAPI document: no 5xx, no status,
content type or body that the document does not name. It lives in a virtual environment of its own
(`make setup-contract`).
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kit.daemon_process import ROOT, DaemonProcess
from tests.kit.require import absent, find_binary

UNLIMITED = {"http": {"rate_limit": {"events_per_second": 1_000_000, "burst": 1_000_000}}}
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# The feed never ends, and panic withdraws what the other requests made.
LEFT_OUT = "/v1/feed|/v1/ws/feed|/v1/panic"


def test_the_document_and_the_page_name_every_route(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        document: dict[str, Any] = daemon.get("/openapi.json").json
        page = daemon.get("/docs").body.decode()
    operations = {(m.upper(), p) for p, item in document["paths"].items() for m in item}
    for wanted in [
        ("POST", "/v1/events"), ("POST", "/v1/events/batch"), ("GET", "/v1/mitigations/{id}"),
        ("DELETE", "/v1/safelist/{prefix}"), ("PUT", "/v1/config/playbooks"),
        ("POST", "/v1/signals/webhook/{name}"), ("GET", "/v1/ws/feed"), ("GET", "/metrics"),
        ("GET", "/openapi.json"), ("GET", "/docs"), ("POST", "/v1/panic"),
    ]:  # fmt: skip
        assert wanted in operations
    for method, path in operations - {("GET", "/docs"), ("GET", "/openapi.json")}:
        assert re.search(rf">{method}</td><td><code>{re.escape(path)}", page), (method, path)
    for item in document["paths"].values():
        for operation in item.values():
            assert "500" in operation["responses"]
            public = operation["security"] == []
            assert public or "401" in operation["responses"]


@pytest.mark.slow
def test_schemathesis_finds_no_fault(tmp_path: Path) -> None:
    own = ROOT / ".venv-contract" / "bin" / "schemathesis"
    program = str(own) if own.exists() else find_binary("schemathesis")
    if program is None:
        absent("schemathesis (make setup-contract)")
    with DaemonProcess(tmp_path, main=UNLIMITED) as daemon:
        done = subprocess.run(
            [
                program, "run", f"http://127.0.0.1:{daemon.port}/openapi.json",
                "--checks", ",".join(CHECKS), "--max-examples", "20", "--seed", "1",
                "--exclude-path-regex", LEFT_OUT, "--request-timeout", "10", "--no-color",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:]
        assert "request failed" not in daemon.log_text
        summary = re.search(r"(\d+) generated", done.stdout)
        assert summary is not None
        assert int(summary[1]) > 500
