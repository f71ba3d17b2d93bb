"""`make sbom`: what is inside, as CycloneDX 1.5 JSON, from the locked requirements.

Exact versions, who needs whom, licences, and the hashes that pip checks at installation. Nothing is
asked of the network, and the same lock and commit give the same bytes.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
NEEDED_BY = re.compile(r"^    #(?: via|  ) *(.+)?$")
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:prefixd:sbom")


def components(text: str) -> list[dict[str, Any]]:
    """`needed_by` is for the graph and is no field of the format."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        if locked := LOCKED.match(line):
            name, version = locked[1].lower().replace("_", "-"), locked[2]
            purl = f"pkg:pypi/{name}@{version}"
            found.append({
                "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
                "properties": [], "needed_by": [],
            })  # fmt: skip
        for digest in HASH.findall(line):
            found[-1]["properties"].append({"name": "pip:sha256", "value": digest})
        if found and (who := NEEDED_BY.match(line)) and who[1]:
            found[-1]["needed_by"].append(who[1])
    return found


def licences(name: str) -> list[dict[str, Any]]:
    """As the installed package says it; nothing where it is not installed or says nothing."""
    try:
        facts = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return []
    if expression := facts.get("License-Expression"):
        return [{"expression": expression}]
    words = facts.get("License") or ""
    return [{"license": {"name": words}}] if 0 < len(words) < 40 else []


def bill(requirements: str, version: str, moment: datetime) -> dict[str, Any]:
    ours = f"pkg:pypi/prefixd@{version}"
    parts = components(requirements)
    refs = {part["name"]: part["bom-ref"] for part in parts}
    needs: dict[str, list[str]] = {ours: [], **{ref: [] for ref in refs.values()}}
    for part in parts:
        for who in part.pop("needed_by"):
            needs[refs.get(who.lower(), ours)].append(part["bom-ref"])
        if told := licences(part["name"]):
            part["licenses"] = told
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, f'{version} {moment} {requirements}')}",
        "version": 1,
        "metadata": {
            "timestamp": moment.isoformat().replace("+00:00", "Z"),
            "tools": {"components": [
                {"type": "application", "name": "packaging/sbom.py", "version": version},
            ]},
            "component": {
                "type": "application", "bom-ref": ours, "name": "prefixd", "version": version,
                "purl": ours, "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": parts,
        "dependencies": [{"ref": ref, "dependsOn": needs[ref]} for ref in needs],
    }  # fmt: skip


def moment_of_commit() -> datetime:
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told is None:
        git = ["git", "log", "-1", "--format=%ct"]
        done = subprocess.run(git, capture_output=True, text=True, cwd=ROOT, check=False)
        told = done.stdout.strip() or "0"
    return datetime.fromtimestamp(int(told), UTC)


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "prefixd.cdx.json"
    version = re.search(r'"(.+)"', (ROOT / "prefixd" / "__init__.py").read_text().split("=")[1])
    if version is None:
        raise SystemExit("prefixd/__init__.py says no version")
    text = (ROOT / "requirements" / "run.txt").read_text()
    made = bill(text, version[1], moment_of_commit())
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(made, indent=1) + "\n")
    print(f"{target}: {len(made['components'])} components")


if __name__ == "__main__":
    main()
