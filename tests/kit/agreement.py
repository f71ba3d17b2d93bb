"""Store, RIB and routers hold the same rules, or the list of what differs.

The store is read from its file or server, the RIB through the API, a router through its own command
line; rules are compared by meaning and by how much traffic they let through. Used by every test
that breaks something: whatever happened, in the end nothing may differ.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.domain.rule import Discard, Police, format_action
from tests.kit.daemon_process import DaemonProcess
from tests.kit.postgres import Cluster
from tests.kit.readings import Reading, of_rule, prefix
from tests.kit.tables import Meaning, Table

LIVE = "status IN ('pending', 'active', 'escalated')"
COLUMNS = "mitigation_id, victim_ip, match_json, action_type, action_params_json"


@dataclass(frozen=True, slots=True)
class StoredRule:
    mitigation_id: str
    victim: str
    meaning: Meaning
    octets_per_s: float
    words: str
    """The action as the API puts it."""


def sqlite_rules(path: Path, pop: str = "lab1") -> list[StoredRule]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        query = f"SELECT {COLUMNS} FROM mitigations WHERE {LIVE} AND NOT dry_run AND pop = ?"
        return [_stored(*row) for row in connection.execute(query, (pop,))]
    finally:
        connection.close()


def postgres_rules(cluster: Cluster, schema: str, pop: str) -> list[StoredRule]:
    text = cluster.sql(
        f"SELECT coalesce(json_agg(json_build_array({COLUMNS})), '[]') FROM {schema}.mitigations"
        f" WHERE {LIVE} AND NOT dry_run AND pop = '{pop}'"
    )
    return [_stored(*row) for row in json.loads(text)]


def _stored(mitigation_id: str, victim: str, match: str, action: str, params: str) -> StoredRule:
    meant = json.loads(match)
    reading: Reading = {1: prefix(meant["dst_prefix"])}
    if meant.get("protocol") is not None:
        reading[3] = ((meant["protocol"], meant["protocol"]),)
    if meant.get("dst_ports"):
        reading[5] = tuple((low, high) for low, high in meant["dst_ports"])
    rate = 0 if action == "discard" else int(json.loads(params)["rate_bps"])
    words = format_action(Police(rate) if rate else Discard())
    return StoredRule(mitigation_id, victim, frozenset(reading.items()), rate / 8, words)


def rib_rules(daemon: DaemonProcess) -> dict[str, tuple[Meaning, str]]:
    """Mitigation id -> what the daemon wants routers to hold."""
    return {
        rule["mitigation_id"]: (
            frozenset(of_rule(parse_rule(rule["rule"])).items()),
            rule["action"],
        )
        for rule in daemon.get("/v1/bgp/rib").json["rules"]
    }


def differences(
    stored: Sequence[StoredRule],
    rib: Mapping[str, tuple[Meaning, str]],
    routers: Mapping[str, Callable[[], Table]],
) -> list[str]:
    """One line for each rule that is not the same everywhere."""
    found = [
        f"{row.mitigation_id}: store has {row.meaning} {row.words},"
        f" RIB has {rib.get(row.mitigation_id)}"
        for row in stored
        if rib.get(row.mitigation_id) != (row.meaning, row.words)
    ]
    known = {row.mitigation_id for row in stored}
    found += [f"{name}: in the RIB, not in the store" for name in rib if name not in known]
    wanted = {row.meaning: row.octets_per_s for row in stored}
    for name, read in routers.items():
        table = read()
        for meaning in wanted.keys() | table.keys():
            desired, held = wanted.get(meaning), table.get(meaning)
            if not _same(desired, held):
                found.append(f"{name}: {dict(meaning)}: store {desired}, router {held}")
    return found


def _same(wanted: float | None, held: float | None) -> bool:
    """A rate is a 32-bit float on the wire."""
    if wanted is None or held is None:
        return wanted is held
    return abs(wanted - held) <= wanted * 1e-6
