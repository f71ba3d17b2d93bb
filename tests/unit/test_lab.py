"""The labs cannot run here, so at least nothing in them may be missing or misspelt."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from prefixd.bgp.rib.profile import PROFILES
from prefixd.config.assemble import load_config

LAB = Path(__file__).parents[2] / "lab" / "containerlab"
TOPOLOGIES = sorted(LAB.glob("*.clab.yml"))
SAMPLES = Path(__file__).parents[2] / "configs"

NODE_KEYS = {
    "binds", "cmd", "entrypoint", "env", "exec", "group", "image", "kind", "labels", "license",
    "memory", "cpu", "ports", "startup-config", "startup-delay", "type", "user", "wait-for",
}  # fmt: skip
KINDS = {
    "linux", "arista_ceos", "juniper_cjunosevolved", "juniper_vjunosrouter", "cisco_xrd",
    "nokia_srsim",
}  # fmt: skip
COMES_WITH_THE_IMAGE = {"sros/license.key"}


def topology(path: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(path.read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_every_kind_of_router_we_name_has_a_lab() -> None:
    kinds = {path.name.split("-")[0] for path in TOPOLOGIES}
    assert kinds == {"bird", "ceos", "cjunos", "frr", "gobgp", "sros", "vjunos", "xrd"}


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.name)
def test_a_topology_has_the_shape_containerlab_asks_for(path: Path) -> None:
    lab = topology(path)
    assert set(lab) == {"name", "topology"}
    assert set(lab["topology"]) == {"nodes", "links"}
    nodes = lab["topology"]["nodes"]
    for node in nodes.values():
        assert set(node) <= NODE_KEYS
        assert node["kind"] in KINDS
        assert isinstance(node["image"], str)
        for line in node.get("exec", []):
            assert isinstance(line, str)
    used: list[str] = []
    for link in lab["topology"]["links"]:
        assert set(link) == {"endpoints"}
        assert len(link["endpoints"]) == 2
        for end in link["endpoints"]:
            node, _, interface = end.partition(":")
            assert node in nodes
            assert interface
            used.append(end)
    assert len(used) == len(set(used)), "an interface with two cables"


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.name)
def test_every_file_a_topology_names_is_there(path: Path) -> None:
    for node in topology(path)["topology"]["nodes"].values():
        named = [bind.partition(":")[0] for bind in node.get("binds", [])]
        named += [node[key] for key in ("startup-config", "license") if key in node]
        for name in named:
            if name not in COMES_WITH_THE_IMAGE:
                assert (LAB / name).is_file(), name


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.name)
def test_prefixd_accepts_its_configuration(path: Path, tmp_path: Path) -> None:
    kind = path.name.split("-")[0]
    (tmp_path / "prefixd.yaml").write_text((LAB / kind / "prefixd.yaml").read_text())
    for name in ("inventory.yaml", "playbooks.yaml"):
        (tmp_path / name).write_text((SAMPLES / name).read_text())
    config = load_config(tmp_path, {})
    [peer] = config.bgp.peers
    assert peer.profile in PROFILES
    assert peer.export is not None
    assert str(peer.address) == "10.0.0.1"


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.name)
def test_the_router_knows_prefixd(path: Path) -> None:
    router = topology(path)["topology"]["nodes"]["router"]
    named = [bind.partition(":")[0] for bind in router.get("binds", [])]
    named += [router[key] for key in ("startup-config",) if key in router]
    text = "".join((LAB / name).read_text() for name in named)
    assert "10.0.0.10" in text
    assert "64500" in text
