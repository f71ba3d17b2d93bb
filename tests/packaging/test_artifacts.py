"""What is packed names files that exist, and the bill of materials names all that is installed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.kit.daemon_process import ROOT

DOCKER = ROOT / "packaging" / "docker"


def test_the_image_copies_files_that_exist_and_runs_a_command_that_exists() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    assert 'ENTRYPOINT ["prefixd"]' in text
    assert "USER prefixd" in text
    lines = text.replace("\\\n", " ").splitlines()
    words = {line.split()[0] for line in lines if line.strip() and not line.startswith(("#", " "))}
    assert words <= {
        "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL",
        "HEALTHCHECK", "ENTRYPOINT", "CMD",
    }  # fmt: skip


def test_compose_names_files_that_exist() -> None:
    tree = yaml.safe_load((DOCKER / "compose.yml").read_text())
    build = tree["services"]["prefixd"]["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).exists()
    for service in tree["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).exists(), source
            else:
                assert source in tree["volumes"]
    yaml.safe_load((DOCKER / "prometheus.yml").read_text())


def test_the_bill_of_materials_names_every_locked_package(tmp_path: Path) -> None:
    target = tmp_path / "bom.json"
    subprocess.run([sys.executable, ROOT / "packaging/sbom.py", target], check=True, timeout=60)
    bill = json.loads(target.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    locked = re.findall(
        r"^([\w.-]+)==", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE
    )
    listed = [re.sub(r"[-_.]+", "-", part["name"]).lower() for part in bill["components"]]
    assert sorted(listed) == sorted(locked)
    assert {"aiohttp", "msgspec", "pyyaml"} <= set(listed)
    for part in bill["components"]:
        hashes = [row for given in part["externalReferences"] for row in given.get("hashes", ())]
        assert {row["alg"] for row in hashes} == {"SHA-256"}, part["name"]
    assert len(bill["dependencies"]) == len(bill["components"]) + 1
