"""What containerlab allows in a topology file, as far as our labs go: a list of complaints.

containerlab publishes a JSON schema (`schemas/clab.schema.json` in its repository). It cannot be
fetched where this project is tested, neither as a package nor as a Go module, so this is *not* that
schema: it is a checker of our own, written from the property names, kinds and types of the schema
as published in 2026 (the one that knows `link-apply-mode` and `nokia_srsim`), and from what the
documentation of each kind says about interface names. It is narrower on purpose: a key that
containerlab has and our labs do not use is a complaint here as well.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
INTERFACES: Final[Mapping[str, re.Pattern[str]]] = {
    # eth0 belongs to the management network, whatever the kind.
    "linux": re.compile(r"eth[1-9]\d*"),
    "arista_ceos": re.compile(r"eth[1-9]\d*"),
    "cisco_xrd": re.compile(r"Gi0-0-0-\d+"),
    "juniper_vjunosrouter": re.compile(r"eth[1-9]\d*|(et|ge|xe)-0/0/\d+"),
    # eth1 to eth3 are reserved inside the container.
    "juniper_cjunosevolved": re.compile(r"et-0/0/\d+|eth([4-9]|[1-9]\d+)"),
    "nokia_srsim": re.compile(r"\d+/(x\d+/)?\d+/(c\d+/)?\d+"),
}
"""Kinds our labs use, and what an interface of theirs may be called in a link."""

LINUX_NAME_LENGTH: Final = 15

Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 1 and all(map(_text, value))


def _distinct_texts(value: Any) -> bool:
    return _texts(value) and len(set(value)) == len(value)


def _scalars(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str | int | float) for v in value.values())


NODE: Final[Mapping[str, Check]] = {
    "binds": _distinct_texts,
    "cmd": _text,
    "entrypoint": _text,
    "env": _scalars,
    "exec": _texts,
    "image": _text,
    "kind": lambda value: value in INTERFACES,
    "license": _text,
    "memory": _text,
    "ports": _distinct_texts,
    "startup-config": _text,
    "startup-delay": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "type": _text,
    "user": _text,
}


def complaints(lab: Any) -> list[str]:
    """Empty for a topology that containerlab's schema and our narrower rules accept."""
    return list(_complaints(lab))


def _complaints(lab: Any) -> Iterator[str]:
    if not isinstance(lab, dict):
        yield "not a mapping"
        return
    yield from _keys("file", lab, {"name", "topology"}, {"name", "topology"})
    name, topology = lab.get("name"), lab.get("topology")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        yield f"name: {name!r}"
    if not isinstance(topology, dict):
        yield "topology: not a mapping"
        return
    yield from _keys("topology", topology, {"nodes", "links"}, {"nodes", "links"})
    nodes = topology.get("nodes")
    if not isinstance(nodes, dict) or not nodes:
        yield "topology.nodes: not a mapping of nodes"
        return
    for node_name, node in nodes.items():
        yield from _node(node_name, node)
    yield from _links(topology.get("links"), nodes)


def _keys(where: str, found: Mapping[str, Any], known: set[str], needed: set[str]) -> Iterator[str]:
    for key in sorted(found.keys() - known):
        yield f"{where}: unknown key {key!r}"
    for key in sorted(needed - found.keys()):
        yield f"{where}: {key!r} is missing"


def _node(name: Any, node: Any) -> Iterator[str]:
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        yield f"node name {name!r}"
    if not isinstance(node, dict):
        yield f"node {name}: not a mapping"
        return
    yield from _keys(f"node {name}", node, set(NODE), {"kind", "image"})
    for key, check in NODE.items():
        if key in node and not check(node[key]):
            yield f"node {name}: {key}: {node[key]!r}"


def _links(links: Any, nodes: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(links, list) or not links:
        yield "topology.links: not a list of links"
        return
    used: set[str] = set()
    for link in links:
        if not isinstance(link, dict) or set(link) != {"endpoints"}:
            yield f"link {link!r}: not just endpoints"
            continue
        ends = link["endpoints"]
        if not _distinct_texts(ends) or len(ends) != 2:
            yield f"link {ends!r}: not two ends"
            continue
        for end in ends:
            yield from _end(end, nodes)
            if end in used:
                yield f"link end {end}: two cables"
            used.add(end)


def _end(end: str, nodes: Mapping[str, Any]) -> Iterator[str]:
    node, _, interface = end.partition(":")
    if node not in nodes:
        yield f"link end {end}: no such node"
        return
    kind = nodes[node].get("kind") if isinstance(nodes[node], dict) else None
    pattern = INTERFACES.get(str(kind))
    if pattern is not None and not pattern.fullmatch(interface):
        yield f"link end {end}: not an interface of kind {kind}"
    if kind == "linux" and len(interface) > LINUX_NAME_LENGTH:
        yield f"link end {end}: longer than a Linux interface name"
