"""The labs cannot run here, so at least nothing in them may be missing or misspelt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.config.assemble import load_config
from tests.kit.clab import complaints

LAB = Path(__file__).parents[2] / "lab" / "containerlab"
TOPOLOGIES = sorted(LAB.glob("*.clab.yml"))
SAMPLES = Path(__file__).parents[2] / "configs"

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
    assert complaints(topology(path)) == []


Spoil = Callable[[dict[str, Any]], object]


def _router(lab: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = lab["topology"]["nodes"]["router"]
    return found


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda lab: lab.update(name="a lab"), "name: 'a lab'"),
        (lambda lab: lab.update(nodes={}), "file: unknown key 'nodes'"),
        (lambda lab: _router(lab).pop("image"), "node router: 'image' is missing"),
        (lambda lab: _router(lab).update(kind="ceos2"), "node router: kind: 'ceos2'"),
        (lambda lab: _router(lab).update(bind=["a:b"]), "node router: unknown key 'bind'"),
        (lambda lab: _router(lab).update(exec="ip link"), "node router: exec: 'ip link'"),
        (
            lambda lab: _router(lab).update(binds=["a:b", "a:b"]),
            "node router: binds: ['a:b', 'a:b']",
        ),
        (
            lambda lab: lab["topology"]["links"][0].update(
                endpoints=["prefixd:eth1", "rooter:eth1"]
            ),
            "link end rooter:eth1: no such node",
        ),
        (
            lambda lab: lab["topology"]["links"][0].update(
                endpoints=["prefixd:eth0", "router:eth1"]
            ),
            "link end prefixd:eth0: not an interface of kind linux",
        ),
        (
            lambda lab: lab["topology"]["links"].append(
                {"endpoints": ["prefixd:eth1", "sender:eth2"]}
            ),
            "link end prefixd:eth1: two cables",
        ),
    ],
)
def test_a_mistake_in_a_topology_would_be_noticed(spoil: Spoil, says: str) -> None:
    lab = topology(LAB / "ceos-flowspec.clab.yml")
    spoil(lab)
    assert complaints(lab) == [says]


def test_a_reserved_interface_of_cjunosevolved_would_be_noticed() -> None:
    lab = topology(LAB / "cjunos-flowspec.clab.yml")
    lab["topology"]["links"][0]["endpoints"][1] = "router:eth1"
    assert complaints(lab) == [
        "link end router:eth1: not an interface of kind juniper_cjunosevolved"
    ]


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
