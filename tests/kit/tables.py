"""What a real router says it holds: each rule's meaning, and how much of its traffic may pass.

Read from the router's own command line, so that nothing of ours vouches for us. Only one action is
looked at: the octets a second that are let through, 0 for a rule that drops.
"""

import json
import re
import struct
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tests.kit.dialects import of_bird, of_frr, of_gobgp
from tests.kit.readings import Ranges

Meaning: TypeAlias = frozenset[tuple[int, str | Ranges | frozenset[int]]]
Table: TypeAlias = dict[Meaning, float]
Ask: TypeAlias = Callable[..., str]


def bird_table(ask: Ask) -> Table:
    found: Table = {}
    for version in (4, 6):
        text = ask("show", "route", "table", f"f{version}", "all")
        for entry in re.split(r"^(?=flow[46] )", text, flags=re.MULTILINE):
            rule = re.search(r"\{(.*?)\}", entry)
            rate = re.search(r"0x8006[0-9a-f]{4}, 0x([0-9a-f]+)\)", entry)
            if rule and rate:
                octets = bytes.fromhex(rate[1].zfill(8))
                found[frozenset(of_bird(rule[1]).items())] = struct.unpack("!f", octets)[0]
    return found


def gobgp_table(ask: Ask) -> Table:
    found: Table = {}
    for version in (4, 6):
        answer = ask("global", "rib", "-a", f"ipv{version}-flowspec", "-j")
        if not answer.strip().startswith("{"):
            continue
        for paths in json.loads(answer).values():
            for path in paths:
                rates = [
                    community["rate"]
                    for attribute in path["attrs"]
                    if attribute["type"] == 16
                    for community in attribute["value"]
                    if "rate" in community
                ]
                if rates:
                    found[frozenset(of_gobgp(path["nlri"]).items())] = float(rates[0])
    return found


def frr_table(ask: Ask) -> Table:
    """One list after another, each with the parts of one rule."""
    found: Table = {}
    for version in (4, 6):
        answer = ask(f"show bgp ipv{version} flowspec detail json")
        position, decoder = 0, json.JSONDecoder()
        while (start := answer.find("[", position)) >= 0:
            parts, position = decoder.raw_decode(answer, start)
            rule = {name: value for part in parts for name, value in part.items()}
            rate = re.search(r"FS:rate ([\d.]+)", rule.get("ecomlist", ""))
            if rate:
                found[frozenset(of_frr(rule).items())] = float(rate[1])
    return found


TABLES: Mapping[str, Callable[[Ask], Table]] = {
    "bird": bird_table,
    "gobgp": gobgp_table,
    "frr": frr_table,
}
