"""`make sbom`: what is inside, as CycloneDX 1.5 JSON, from the locked requirements.

Exact versions and the hashes that pip checks at installation; nothing is asked of the network.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(text: str) -> list[dict]:
    found: list[dict] = []
    for line in text.splitlines():
        if locked := LOCKED.match(line):
            name, version = locked[1].lower().replace("_", "-"), locked[2]
            purl = f"pkg:pypi/{name}@{version}"
            found.append({
                "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
                "properties": [],
            })  # fmt: skip
        for digest in HASH.findall(line):
            found[-1]["properties"].append({"name": "pip:sha256", "value": digest})
    return found


def bill(requirements: str, version: str) -> dict:
    ours = f"pkg:pypi/prefixd@{version}"
    parts = components(requirements)
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": ours, "name": "prefixd", "version": version,
            "purl": ours, "licenses": [{"license": {"id": "MIT"}}],
        }},
        "components": parts,
        "dependencies": [{"ref": ours, "dependsOn": [part["bom-ref"] for part in parts]}],
    }  # fmt: skip


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "prefixd.cdx.json"
    version = re.search(r'"(.+)"', (ROOT / "prefixd" / "__init__.py").read_text().split("=")[1])
    if version is None:
        raise SystemExit("prefixd/__init__.py says no version")
    made = bill((ROOT / "requirements" / "run.txt").read_text(), version[1])
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(made, indent=1) + "\n")
    print(f"{target}: {len(made['components'])} components")


if __name__ == "__main__":
    main()
