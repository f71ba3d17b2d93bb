"""`make sbom`: what is inside, as CycloneDX 1.5 JSON, for exactly the locked requirements.

cyclonedx-py describes this environment (licences, who needs whom) and the lock (the hashes that pip
checks); this keeps what the lock names and joins the two. Nothing is asked of the network, and the
same lock, environment and commit give the same bytes.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:prefixd:sbom")
RUN = ROOT / "requirements" / "run.txt"
PROJECT = ROOT / "pyproject.toml"


def described(*words: str | Path) -> dict[str, Any]:
    """What cyclonedx-py says; a document that it would not accept itself fails in the tests."""
    command = [Path(sys.executable).with_name("cyclonedx-py"), *words, "--spec-version", "1.5",
               "--output-reproducible", "--no-validate"]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(moment_of_commit())},
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"cyclonedx-py: {done.stderr.strip()}")
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def bill(environment: dict[str, Any], lock: dict[str, Any], version: str) -> dict[str, Any]:
    """The environment without what the lock does not name, and with the hashes of the lock."""
    installed = {_plain(part["name"]): part for part in environment["components"]}
    parts = []
    for locked in lock["components"]:
        part = installed.get(_plain(locked["name"]))
        if part is None or part["version"] != locked["version"]:
            raise SystemExit(f"{locked['name']} {locked['version']} is locked and not installed")
        part.setdefault("externalReferences", []).extend(locked["externalReferences"])
        parts.append(part)
    ours = environment["metadata"]["component"]
    ours |= {"version": version, "purl": f"pkg:pypi/prefixd@{version}"}
    kept = {ours["bom-ref"], *(part["bom-ref"] for part in parts)}
    graph = [
        {"ref": row["ref"], "dependsOn": [ref for ref in row.get("dependsOn", ()) if ref in kept]}
        for row in environment["dependencies"]
        if row["ref"] in kept
    ]
    text = json.dumps([version, environment["metadata"]["timestamp"], parts], sort_keys=True)
    serial = f"urn:uuid:{uuid.uuid5(SPACE, text)}"
    return environment | {"serialNumber": serial, "components": parts, "dependencies": graph}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def moment_of_commit() -> int:
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        git = ["git", "log", "-1", "--format=%ct"]
        done = subprocess.run(git, capture_output=True, text=True, cwd=ROOT, check=False)
        given = done.stdout.strip() or "0"
    return int(given)


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "prefixd.cdx.json"
    version = re.search(r'__version__ = "(.+)"', (ROOT / "prefixd" / "__init__.py").read_text())
    if version is None:
        raise SystemExit("prefixd/__init__.py has no __version__")
    environment = described("environment", sys.executable, "--pyproject", PROJECT)
    made = bill(environment, described("requirements", RUN), version[1])
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(made, indent=1) + "\n")
    print(f"{target}: {len(made['components'])} components")


if __name__ == "__main__":
    main()
