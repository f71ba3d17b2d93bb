"""What the schema says twice, it says alike; what was stored yesterday can be read tomorrow."""

import re
from enum import StrEnum

import msgspec
import pytest

from prefixd.domain.actor import ActorKind, Role
from prefixd.domain.group import Evidence, EvidenceRole, EvidenceState, GroupState
from prefixd.domain.ids import SignalId
from prefixd.domain.mitigation import LIVE, Origin, Status
from prefixd.domain.rule import ActionKind
from prefixd.domain.safelist import EntrySource
from prefixd.domain.signal import SignalKind
from prefixd.domain.vector import Vector
from prefixd.store.migrate import shipped, statements
from prefixd.store.settings import StoreSettings

SCRIPT = "\n".join(migration.script for migration in shipped())


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("action", SignalKind),
        ("state", GroupState),
        ("status", Status),
        ("action_type", ActionKind),
        ("origin", Origin),
        ("source", EntrySource),
        ("actor_type", ActorKind),
        ("role", Role),
    ],
)
def test_checks_name_every_word_and_no_other(column: str, words: type[StrEnum]) -> None:
    checks = re.findall(rf"CHECK \({column} IN\s*\(([^)]*)\)", SCRIPT)
    assert {frozenset(re.findall(r"'(\w+)'", check)) for check in checks} >= {
        frozenset(word.value for word in words)
    }


def test_partial_indexes_know_what_live_means() -> None:
    spelled = set(re.findall(r"WHERE (status IN \([^)]*\))", SCRIPT))
    assert len(spelled) == 1
    assert set(re.findall(r"'(\w+)'", spelled.pop())) == LIVE


def test_scripts_are_split_at_semicolons_outside_remarks() -> None:
    script = "-- one; two\nCREATE TABLE a (b TEXT);\n\n-- three\nCREATE INDEX c\n  ON a (b);\n"
    assert statements(script) == ["CREATE TABLE a (b TEXT)", "CREATE INDEX c\n  ON a (b)"]


def test_scripts_use_only_the_common_types() -> None:
    types = set(re.findall(r"^    \w+ ([A-Z]+(?: PRECISION)?)\b", SCRIPT, re.MULTILINE))
    assert types <= {"TEXT", "BIGINT", "BOOLEAN", "DOUBLE PRECISION", "KEY"}


# Rows of the first release look like this. A member that is renamed in the domain must be read
# under its old name too; this test is where one notices.
STORED_EVIDENCE = (
    '[{"signal_id":"s1","source":"fastnetmon","external_id":"attack-1","episode":2,'
    '"role":"primary","state":"firing","vector":"udp_flood","confidence":0.9,"weight":1.0,'
    '"first_seen_us":5,"last_seen_us":6,"refresh_count":3,"bps":7,"pps":8,"dst_ports":[53],'
    '"src_ports":[123],"polarity":"for","direction":"incoming","counts":true,"forced":false}]'
)


def test_evidence_of_the_first_release_is_read() -> None:
    assert msgspec.json.decode(STORED_EVIDENCE, type=tuple[Evidence, ...]) == (
        Evidence(
            signal_id=SignalId("s1"),
            source="fastnetmon",
            external_id="attack-1",
            episode=2,
            role=EvidenceRole.PRIMARY,
            state=EvidenceState.FIRING,
            vector=Vector.UDP_FLOOD,
            confidence=0.9,
            weight=1.0,
            first_seen_us=5,
            last_seen_us=6,
            refresh_count=3,
            bps=7,
            pps=8,
            dst_ports=(53,),
            src_ports=(123,),
        ),
    )


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///var/lib/prefixd/prefixd.db", "/var/lib/prefixd/prefixd.db"),
        ("sqlite:prefixd.db", "prefixd.db"),
        ("sqlite://prefixd.db", "prefixd.db"),
        ("sqlite:./a/b.db", "./a/b.db"),
        ("sqlite::memory:", ":memory:"),
    ],
)
def test_paths_of_connection_strings(text: str, path: str) -> None:
    assert StoreSettings(connection_string=text).sqlite_path == path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://prefixd:hunter2@db/prefixd", "postgres://prefixd:***@db/prefixd"),
        ("postgres://:hunter2@db/prefixd", "postgres://:***@db/prefixd"),
        ("postgres://db/x?user=a&password=hunter2&b=1", "postgres://db/x?user=a&password=***&b=1"),
        ("postgres://prefixd@db/prefixd", "postgres://prefixd@db/prefixd"),
    ],
)
def test_secrets_of_connection_strings_are_not_shown(text: str, shown: str) -> None:
    settings = StoreSettings(connection_string=text)
    assert settings.where == shown
    assert "hunter2" not in repr(settings)
