"""GoBGP configurations become a section that prefixd's own reader accepts."""

from pathlib import Path

import pytest
import yaml

from prefixd.config.assemble import load_config
from prefixd.migrate.gobgp import NotGobgp, convert, parse_gobgp

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
TOML = """
[global.config]
as = 64500
router-id = "192.0.2.250"
port = 1790
local-address-list = ["192.0.2.250", "2001:db8::250"]

[[peer-groups]]
[peer-groups.config]
peer-group-name = "edge"
peer-as = 64500
auth-password = "hunter2"
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "ipv4-flowspec"
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "l2vpn-evpn"

[[neighbors]]
[neighbors.config]
neighbor-address = "192.0.2.1"
peer-group = "edge"
description = "edge one (fra)"
[neighbors.timers.config]
hold-time = 90.0
connect-retry = 11
[neighbors.transport.config]
local-address = "192.0.2.250"
passive-mode = true
[neighbors.graceful-restart.config]
enabled = true
restart-time = 120

[[neighbors]]
[neighbors.config]
neighbor-address = "2001:db8::1"
peer-as = 64501
local-as = 64999
[neighbors.ebgp-multihop.config]
enabled = true
multihop-ttl = 5
[neighbors.route-reflector.config]
route-reflector-client = true

[[dynamic-neighbors]]
[dynamic-neighbors.config]
prefix = "198.51.100.0/28"
peer-group = "edge"

[[rpki-servers]]
[rpki-servers.config]
address = "192.0.2.9"
"""


def test_every_setting_has_its_place_or_a_remark() -> None:
    section = convert(parse_gobgp(TOML), export=True)
    assert section.bgp == {
        "local_asn": 64500,
        "router_id": "192.0.2.250",
        "listen": ["192.0.2.250:1790", "[2001:db8::250]:1790"],
        "neighbors": [
            {
                "name": "edge-one-fra", "address": "192.0.2.1", "peer_asn": 64500,
                "description": "edge one (fra)", "afi_safi": ["ipv4-flowspec"],
                "password_env": "BGP_PASSWORD_EDGE_ONE_FRA", "local_address": "192.0.2.250",
                "direction": "passive",
                "timers": {"hold_time_seconds": 90, "connect_retry_seconds": 11},
                "restart": {"policy": "bridge", "restart_time_seconds": 120},
                "export": {},
            },
            {
                "name": "2001-db8-1", "address": "2001:db8::1", "peer_asn": 64501,
                "local_asn": 64999, "multihop": 5, "export": {},
            },
        ],
        "dynamic_neighbors": [
            {
                "name": "edge", "prefix": "198.51.100.0/28", "peer_asn": 64500,
                "afi_safi": ["ipv4-flowspec"], "password_env": "BGP_PASSWORD_EDGE",
            }
        ],
    }  # fmt: skip
    remarks = "\n".join(section.remarks)
    assert "hunter2" not in f"{section}"
    assert "put its password into the variable BGP_PASSWORD_EDGE_ONE_FRA" in remarks
    assert "address family l2vpn-evpn is not supported" in remarks
    assert "2001-db8-1: route-reflector has no counterpart" in remarks
    assert "rpki-servers: has no counterpart" in remarks


def test_our_reader_accepts_the_section(tmp_path: Path) -> None:
    section = convert(parse_gobgp(TOML), export=True)
    section.bgp["dynamic_neighbors"][0].pop("password_env")
    directory = tmp_path / "conf"
    directory.mkdir()
    for shipped in CONFIGS.glob("*.yaml"):
        tree = yaml.safe_load(shipped.read_text())
        if shipped.name == "prefixd.yaml":
            tree["bgp"] = section.bgp
        (directory / shipped.name).write_text(yaml.safe_dump(tree, sort_keys=False))
    config = load_config(directory, {"BGP_PASSWORD_EDGE_ONE_FRA": "hunter2"})
    assert [peer.name for peer in config.bgp.peers] == ["edge-one-fra", "2001-db8-1"]


def test_yaml_is_read_too() -> None:
    text = (
        "global: {config: {as: 64500, router-id: 192.0.2.250}}\n"
        "neighbors: [{config: {neighbor-address: 192.0.2.1, admin-down: true}},"
        " {config: {neighbor-address: 192.0.2.2, description: x},"
        " ttl-security: {config: {enabled: true, ttl-min: 254}}},"
        " {config: {neighbor-address: 192.0.2.3, description: x}}]\n"
    )
    section = convert(parse_gobgp(text), export=False)
    first, second, third = section.bgp["neighbors"]
    assert first == {
        "name": "192.0.2.1", "address": "192.0.2.1", "peer_asn": 64500, "enabled": False,
    }  # fmt: skip
    assert second["ttl_security"] == 2
    assert third["name"] == "x-2"
    assert "nothing is announced" in section.remarks[-1]


@pytest.mark.parametrize("text", ["", "just words", "[neighbors", "[global.config]\nas = 1\n"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotGobgp):
        convert(parse_gobgp(text), export=False)
