"""Neighbors of a GoBGP configuration as our `bgp` section. Text in, a section out.

Passwords never come out: the section names an environment variable for each, and a remark says
which. A setting without a counterpart here is named, never dropped in silence. The result exports
nothing until the operator has reviewed it: that is what `export` is for.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from prefixd.errors import PrefixdError

FAMILIES = {
    "ipv4-flowspec": "ipv4-flowspec",
    "ipv6-flowspec": "ipv6-flowspec",
    "ipv4-unicast": "ipv4-unicast",
    "ipv6-unicast": "ipv6-unicast",
}
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
# Parts of a neighbor that are read below, or are GoBGP's own bookkeeping.
_READ = {
    "config", "timers", "transport", "ebgp-multihop", "ttl-security", "graceful-restart",
    "afi-safis", "state",
}  # fmt: skip
_READ_CONFIG = {
    "neighbor-address", "peer-as", "local-as", "description", "auth-password", "peer-group",
    "admin-down", "peer-type", "send-community", "neighbor-interface",
}  # fmt: skip


@dataclass(slots=True)
class Section:
    bgp: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


class NotGobgp(PrefixdError):
    """The text is not a GoBGP configuration, or lacks what every speaker needs."""


def parse_gobgp(text: str) -> Mapping[str, Any]:
    """TOML, YAML or JSON: GoBGP accepts all three, whatever the name of the file."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as toml_error:
        try:
            tree = yaml.safe_load(text)
        except yaml.YAMLError:
            tree = None
        if not isinstance(tree, dict):
            raise NotGobgp(f"not a GoBGP configuration: {toml_error}") from toml_error
        return tree


def convert(tree: Mapping[str, Any], *, export: bool) -> Section:
    section = Section()
    own = _below(_below(tree, "global"), "config")
    section.bgp["local_asn"] = own.get("as")
    section.bgp["router_id"] = own.get("router-id")
    if not section.bgp["local_asn"] or not section.bgp["router_id"]:
        raise NotGobgp("no [global.config] with as and router-id")
    listen = _listen(own)
    if listen:
        section.bgp["listen"] = listen
    groups = {
        _below(group, "config").get("peer-group-name"): group
        for group in _list(tree, "peer-groups")
    }
    names: set[str] = set()
    section.bgp["neighbors"] = [
        _neighbor(_merged(entry, groups), names, section, export=export)
        for entry in _list(tree, "neighbors")
    ]
    dynamic = [_dynamic(entry, groups, section) for entry in _list(tree, "dynamic-neighbors")]
    if dynamic:
        section.bgp["dynamic_neighbors"] = dynamic
    known = {"global", "neighbors", "peer-groups", "dynamic-neighbors"}
    for name in sorted(set(tree) - known):
        section.remarks.append(f"{name}: has no counterpart in the bgp section")
    if not export and section.bgp["neighbors"]:
        section.remarks.append("nothing is announced to a neighbor without `export: {}`")
    return section


def _neighbor(
    entry: Mapping[str, Any], names: set[str], section: Section, *, export: bool
) -> dict[str, Any]:
    config = _below(entry, "config")
    address = config.get("neighbor-address")
    if not address:
        raise NotGobgp("a neighbor has no neighbor-address")
    name = _name(str(config.get("description") or address), names)
    made: dict[str, Any] = {"name": name, "address": address}
    made.update(_terms(entry, section, name))
    if export:
        made["export"] = {}
    return made


def _terms(entry: Mapping[str, Any], section: Section, name: str) -> dict[str, Any]:
    """What a neighbor and a range of neighbors have in common."""
    config, made = _below(entry, "config"), dict[str, Any]()
    made["peer_asn"] = config.get("peer-as") or section.bgp["local_asn"]
    if config.get("local-as") and config["local-as"] != section.bgp["local_asn"]:
        made["local_asn"] = config["local-as"]
    if config.get("description"):
        made["description"] = config["description"]
    if config.get("admin-down"):
        made["enabled"] = False
    families = list(_families(entry, section, name))
    if families:
        made["afi_safi"] = families
    if config.get("auth-password"):
        variable = "BGP_PASSWORD_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        made["password_env"] = variable
        section.remarks.append(f"{name}: put its password into the variable {variable}")
    made.update(_transport(entry))
    timers = _timers(_below(_below(entry, "timers"), "config"))
    if timers:
        made["timers"] = timers
    restart = _below(_below(entry, "graceful-restart"), "config")
    if restart.get("enabled") and restart.get("restart-time"):
        made["restart"] = {"policy": "bridge", "restart_time_seconds": restart["restart-time"]}
    for part in sorted(set(entry) - _READ):
        section.remarks.append(f"{name}: {part} has no counterpart")
    for key in sorted(set(config) - _READ_CONFIG):
        section.remarks.append(f"{name}: config.{key} has no counterpart")
    return made


def _families(entry: Mapping[str, Any], section: Section, name: str) -> Iterator[str]:
    for item in _list(entry, "afi-safis"):
        word = str(_below(item, "config").get("afi-safi-name"))
        if word in FAMILIES:
            yield FAMILIES[word]
        else:
            section.remarks.append(f"{name}: address family {word} is not supported")


def _transport(entry: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    config = _below(_below(entry, "transport"), "config")
    if config.get("local-address"):
        made["local_address"] = config["local-address"]
    if config.get("remote-port"):
        made["port"] = config["remote-port"]
    if config.get("passive-mode"):
        made["direction"] = "passive"
    if config.get("bind-interface"):
        made["bind_device"] = config["bind-interface"]
    hops = _below(_below(entry, "ebgp-multihop"), "config")
    if hops.get("enabled"):
        made["multihop"] = hops.get("multihop-ttl") or 255
    security = _below(_below(entry, "ttl-security"), "config")
    if security.get("enabled"):
        made["ttl_security"] = max(1, 256 - int(security.get("ttl-min") or 255))
    return made


def _timers(config: Mapping[str, Any]) -> dict[str, Any]:
    words = {
        "hold-time": "hold_time_seconds",
        "keepalive-interval": "keepalive_seconds",
        "connect-retry": "connect_retry_seconds",
    }
    made = {ours: config[theirs] for theirs, ours in words.items() if config.get(theirs)}
    return {key: int(value) if float(value).is_integer() else value for key, value in made.items()}


def _dynamic(
    entry: Mapping[str, Any], groups: Mapping[Any, Any], section: Section
) -> dict[str, Any]:
    config = _below(entry, "config")
    name = _NAME.sub("-", str(config.get("peer-group") or config.get("prefix"))).strip("-")
    group = groups.get(config.get("peer-group"), {})
    terms = _terms(group, section, name)
    return {"name": name, "prefix": config.get("prefix"), **terms}


def _merged(entry: Mapping[str, Any], groups: Mapping[Any, Any]) -> Mapping[str, Any]:
    """A neighbor with what it takes from its peer group."""
    group = groups.get(_below(entry, "config").get("peer-group"))
    return entry if group is None else _over(group, entry)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in below.items() if key != "peer-group-name"}
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = _over(under, value) if both else value  # type: ignore[arg-type]  # because: `both` says it
    return merged


def _listen(own: Mapping[str, Any]) -> list[str]:
    port = own.get("port")
    if port == -1:
        return []
    addresses = own.get("local-address-list") or []
    number = port or 179
    return [f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
            for address in addresses] or ([f"0.0.0.0:{number}"] if port else [])  # fmt: skip


def _name(text: str, names: set[str]) -> str:
    name = _NAME.sub("-", text).strip("-.") or "peer"
    unique, number = name, 2
    while unique in names:
        unique, number = f"{name}-{number}", number + 1
    names.add(unique)
    return unique


def _below(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = tree.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(tree: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = tree.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
