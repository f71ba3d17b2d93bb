"""Wheel, sdist, bill of materials and audit: what somebody gets who installs or examines us."""

import http.server
import json
import re
import subprocess
import sys
import tarfile
import threading
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.kit.daemon_process import ROOT

AUDIT = ROOT / "packaging" / "audit.py"


def run(*words: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, **more)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "hatchling", "build", "-d", target, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return target


def test_the_wheel_runs_in_an_environment_of_its_own(artifacts: Path, tmp_path: Path) -> None:
    (wheel,) = artifacts.glob("*.whl")
    home = tmp_path / "venv"
    assert run(sys.executable, "-m", "venv", "--without-pip", home).returncode == 0
    pip = (sys.executable, "-m", "pip", "--python", home, "--disable-pip-version-check")
    done = run(*pip, "install", "--no-index", "--no-deps", wheel)
    assert done.returncode == 0, done.stderr
    # What it depends on is read from where the tests have it; itself it is only in the wheel.
    (site,) = home.glob("lib/python3*/site-packages")
    (ours,) = (path for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(f"{ours}\n")
    where = run(home / "bin/python", "-c", "import prefixd; print(prefixd.__file__)", cwd=tmp_path)
    assert where.stdout.startswith(str(site)), where.stdout + where.stderr
    version = run(home / "bin/prefixd", "version", cwd=tmp_path)
    assert version.stdout.startswith("prefixd "), version.stderr
    assert run(home / "bin/prefixd", "init", "conf", cwd=tmp_path).returncode == 0
    checked = run(home / "bin/prefixd", "check", "-c", "conf", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    client = run(home / "bin/prefixdctl", "--version", cwd=tmp_path)
    assert client.stdout.startswith("prefixdctl "), client.stderr


def test_the_sdist_holds_what_its_makefile_needs(artifacts: Path) -> None:
    (sdist,) = artifacts.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    makefile = (ROOT / "Makefile").read_text()
    needed = set(re.findall(r"\b((?:packaging|requirements|tests|bench)/[\w/.]+\w)", makefile))
    assert [path for path in sorted(needed) if not any(n.startswith(path) for n in names)] == []
    assert {"prefixd/py.typed", "docs/index.md", "CHANGELOG.md", "LICENSE"} <= names


def test_the_lock_holds_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {*project["dependencies"], *project["optional-dependencies"]["fast"]}
    written = (ROOT / "requirements" / "run.in").read_text().splitlines()
    locked = {line for line in written if line and not line.startswith("#")}
    assert {line.partition(";")[0] for line in asked} == locked


def test_the_bill_of_materials_is_cyclonedx(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    for target in (first, second):
        done = run(sys.executable, ROOT / "packaging/sbom.py", target)
        assert done.returncode == 0, done.stderr
    assert first.read_bytes() == second.read_bytes()
    bill = json.loads(first.read_text())
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    assert uuid.UUID(bill["serialNumber"].removeprefix("urn:uuid:"))
    assert datetime.fromisoformat(bill["metadata"]["timestamp"]).tzinfo is not None
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(first.read_text()) is None
    parts = [bill["metadata"]["component"], *bill["components"]]
    for part in parts:
        assert part["type"] in {"library", "application"}
        name = part["name"].lower().replace("_", "-")
        assert part["purl"] == f"pkg:pypi/{name}@{part['version']}"
        assert part["licenses"], name
    refs = [part["bom-ref"] for part in parts]
    assert len(set(refs)) == len(refs)
    graph = {entry["ref"]: set(entry["dependsOn"]) for entry in bill["dependencies"]}
    assert set(graph) == set(refs)
    assert set().union(*graph.values()) == set(refs[1:]), "everything is needed"
    named = {part["bom-ref"]: part["purl"].removeprefix("pkg:pypi/") for part in parts}
    ours = {named[ref].partition("@")[0] for ref in graph[refs[0]]}
    written = (ROOT / "requirements" / "run.in").read_text().splitlines()
    assert ours == {re.split("[>=<]", row)[0] for row in written if row and row[0] != "#"}


@contextmanager
def database(vulnerable: str | None = None, garbage: bytes | None = None) -> Iterator[str]:
    """What osv.dev answers: one result for each query, in their order."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            results = [
                {"vulns": [{"id": "TEST-1"}]} if each["package"]["name"] == vulnerable else {}
                for each in asked
            ]
            body = garbage or json.dumps({"results": results}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_an_audit_finds_what_is_known_and_says_when_it_could_not_look() -> None:
    with database() as url:
        good = run(sys.executable, AUDIT, "--database", url)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "nothing known against any of it" in good.stdout
    assert re.search(r"^  aiohttp +\S+ +Apache-2.0 AND MIT$", good.stdout, re.MULTILINE)
    with database("aiohttp") as url:
        bad = run(sys.executable, AUDIT, "--database", url)
    assert bad.returncode == 1
    assert re.search(r"^WRONG: aiohttp \S+: TEST-1", bad.stdout, re.MULTILINE)
    away = run(sys.executable, AUDIT, "--database", "http://127.0.0.1:1/")
    assert away.returncode == 2
    assert "NOT CHECKED for known vulnerabilities: http://127.0.0.1:1/:" in away.stdout
    assert "known vulnerabilities were not checked" in away.stdout
    with database(garbage=b"<html>welcome to the hotel</html>") as url:
        assert run(sys.executable, AUDIT, "--database", url).returncode == 2
    assert run(sys.executable, AUDIT, "--offline").returncode == 0


def test_an_audit_compares_what_is_installed_with_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    text = (ROOT / "requirements" / "dev.txt").read_text()
    changed = re.sub(r"^msgspec==\S+", "msgspec==0.0.1", text, flags=re.MULTILINE)
    lock.write_text(f"{changed}\nnowhere==1.0 \\\n    --hash=sha256:{'0' * 64}\nbare==2.0\n")
    done = run(sys.executable, AUDIT, "--offline", "--all", lock)
    assert done.returncode == 1
    assert "WRONG: msgspec 0.0.1 is locked, " in done.stdout
    assert "WRONG: nowhere 1.0 is locked and not installed" in done.stdout
    assert "WRONG: bare 2.0 is locked without a hash" in done.stdout
