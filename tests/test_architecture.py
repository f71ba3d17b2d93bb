"""The house rules, read from the imports: who may know whom, and why.

Each row says what a floor may import and the reason a newcomer gets when a change breaks it. The
rules bind every file under prefixd/; a second group of tests plants mistakes in a copy and checks
that each one is caught, so a green run is known to mean something.
"""

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.kit.imports import Import, find_circle, imports_of, read_modules
from tests.kit.mirror import stale_rows, without_a_test

PACKAGE = Path(__file__).resolve().parent.parent / "prefixd"

BESIDE = {"clock", "errors", "supervisor", "observability", "setting"}
RULES = {"correlation", "policy", "guardrails", "signals"}

# room -> (rooms it may import besides itself, why). A module belongs to its longest matching room.
FLOORS: dict[str, tuple[set[str], str]] = {
    "bgp.wire": (set(), "a codec anyone could lift out; every byte we send or trust passes here"),
    "bgp.fsm": ({"bgp.wire"}, "protocol decisions a test can run a million times"),
    "bgp.rib": (
        {"bgp.wire", "setting"},
        "protocol decisions a test can run a million times; export terms are settings, annotated "
        "with words that import nothing",
    ),
    "bgp": (
        {"bgp.wire", "bgp.fsm", "bgp.rib", *BESIDE},
        "settings that a session, a peer and the speaker share; knows nothing of attacks",
    ),
    "bgp.session": (
        {"bgp", "bgp.wire", "bgp.fsm", *BESIDE},
        "one TCP connection to one neighbor; knows no table and no other session",
    ),
    "bgp.peer": (
        {"bgp", "bgp.session", "bgp.wire", "bgp.fsm", *BESIDE},
        "one neighbor across its connections; tables and other neighbors come through an interface",
    ),
    "bgp.speaker": (
        {"bgp", "bgp.peer", "bgp.session", "bgp.wire", "bgp.fsm", "bgp.rib", *BESIDE},
        "all neighbors and the tables; knows nothing of attacks or mitigations",
    ),
    "dissect": (
        {"bgp.wire", "bgp.session"},
        "explains messages to a person: an application of the codec, not a part of it",
    ),
    "domain": (set(), "the words we share with operators; Structs (ADR 0013), no mechanism"),
    "correlation": ({"domain", "setting"}, "same input, same output, for ever"),
    "policy": ({"domain", "setting"}, "same input, same output, for ever"),
    "guardrails": ({"domain", "setting"}, "same input, same output, for ever"),
    "signals": ({"domain", "setting"}, "same input, same output, for ever"),
    "decision": (
        {*RULES, "domain"},
        "live traffic, timers, what-if and replay must run the same code",
    ),
    "auth": (
        {"domain", "store", *BESIDE},
        "key material, kept in its own package; the store is one type by design (ADR 0012)",
    ),
    "store": ({"domain", *BESIDE}, "rows and SQL, replaceable, kept in their own room"),
    "notify": (
        {"domain", "store", *BESIDE},
        "webhooks, replaceable; an alert that waits is a row of the store, which is one type",
    ),
    "announce": (
        {"domain", "bgp", "bgp.speaker", "bgp.wire", "bgp.rib", *BESIDE},
        "the one place where a rule becomes NLRI and communities",
    ),
    "engine": (
        {"domain", "decision", "store", *RULES, *BESIDE},
        "the store is one type by design (ADR 0012); never sees SQL, HTTP or BGP",
    ),
    "replay": (
        {"domain", "decision", *RULES, "engine", "config", "clock"},
        "runs recorded events through the engine's own verbs, and touches nothing live",
    ),
    "config": (
        {
            *RULES, "domain", "decision", "bgp", "bgp.wire", "bgp.rib", "notify", "auth", "store",
            "engine", "api", *BESIDE,
        },
        "files to each package's own settings type; imported only by app and cli",
    ),
    "api": (
        {"engine", "domain", "decision", "guardrails", "signals", "auth", "store", *BESIDE},
        "parse, call, render; a refusal is shown as the guardrail made it; the store is one type",
    ),
    "dashboard": ({"engine", "domain", "auth", "api", *BESIDE}, "serves files; speaks the API"),
    "migrate": (
        {"errors"},
        "other software's files and rows become values of ours; asks nothing, changes nothing",
    ),
    "cli": (
        {"config", "migrate", "errors", "domain", "auth", "clock"},
        "an HTTP client like any other",
    ),
    "clock": (set(), "stands beside the floors"),
    "errors": (set(), "stands beside the floors"),
    "supervisor": ({"clock", "errors", "observability"}, "stands beside the floors"),
    "observability": ({"clock", "errors", "setting"}, "stands beside the floors"),
    "setting": (set(), "standard library only: any package may say its keys with it"),
}  # fmt: skip

COMPOSERS = {
    "app",
    "__main__",
    "commands",
    "daemon",
}  # they may import everything; nobody imports them
PURE = {"bgp.wire", "bgp.fsm", "bgp.rib", "domain", *RULES, "decision"}
IMPURE_MODULES = {
    "asyncio": "a pure package does not wait",
    "threading": "a pure package does not wait",
    "time": "a pure package is told the time as an argument",
    "random": "a pure package is told jitter and ids as arguments",
    "secrets": "a pure package is told jitter and ids as arguments",
    "uuid": "a pure package is told jitter and ids as arguments",
    "logging": "a pure package returns events; shells log them",
    "os": "a pure package does not touch the machine",
    "subprocess": "a pure package does not touch the machine",
    "pathlib": "a pure package does not touch the machine",
    "aiohttp": "a pure package knows no network",
    "sqlite3": "a pure package knows no database",
}
CLOCK_READERS = {"now", "utcnow", "today"}


def room_of(module: str) -> str:
    """`prefixd.bgp.wire.open` -> `bgp.wire`; `prefixd.app` -> `app`; `prefixd` -> ``."""
    parts = module.split(".")[1:]
    for length in (2, 1):
        room = ".".join(parts[:length])
        if room in FLOORS or room in COMPOSERS:
            return room
    return ".".join(parts[:1])


def upward_imports(package: Path) -> list[str]:
    modules = read_modules(package)
    found: list[str] = []
    for entry in imports_of(modules):
        if entry.target.split(".")[0] != "prefixd":
            continue
        source, target = room_of(entry.importer), room_of(entry.target)
        if source in COMPOSERS or source == "" or target in {"", source}:
            continue
        if source not in FLOORS:
            found.append(
                f"{_at(entry)}: {source!r} has no row in FLOORS; give it a floor and a why"
            )
            continue
        allowed, why = FLOORS[source]
        if target not in allowed:
            found.append(f"{_at(entry)}: {source} may not import {target}: {why}")
    return found


def impurities(package: Path) -> list[str]:
    modules = read_modules(package)
    found = [
        f"{_at(entry)}: {room_of(entry.importer)} imports {entry.target}: "
        f"{IMPURE_MODULES[entry.target.split('.')[0]]}"
        for entry in imports_of(modules)
        if room_of(entry.importer) in PURE and entry.target.split(".")[0] in IMPURE_MODULES
    ]
    for name, tree in modules.items():
        if room_of(name) not in PURE:
            continue
        found += [
            f"{name}:{node.lineno}: {room_of(name)} reads the clock with .{node.func.attr}(): "
            "a pure package is told the time as an argument"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CLOCK_READERS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in {"datetime", "date"}
        ]
    return found


def import_circle(package: Path) -> list[str] | None:
    modules = read_modules(package)
    return find_circle(
        (entry.importer, entry.target)
        for entry in imports_of(modules)
        if entry.target in modules and entry.importer in modules
    )


def _at(entry: Import) -> str:
    return f"{entry.importer}:{entry.line}"


def test_imports_point_down() -> None:
    assert upward_imports(PACKAGE) == []


def test_pure_packages_have_no_effects() -> None:
    assert impurities(PACKAGE) == []


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    circle = import_circle(PACKAGE)
    assert circle is None, "import circle: " + " -> ".join(circle or [])


def test_nobody_imports_the_composers() -> None:
    found = [
        f"{_at(entry)} imports {entry.target}"
        for entry in imports_of(read_modules(PACKAGE))
        if entry.target.startswith("prefixd.")
        and room_of(entry.target) in COMPOSERS
        and room_of(entry.importer) not in COMPOSERS
    ]
    assert found == []


def test_type_checking_imports_are_not_used() -> None:
    """A wish for TYPE_CHECKING is news that a type lives on the wrong floor: move the type."""
    users = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "TYPE_CHECKING" in path.read_text()
    ]
    assert users == []


SQL = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b", re.DOTALL)


def sql_outside_the_store(package: Path) -> list[str]:
    return [
        f"{name}:{node.lineno}: SQL is written in prefixd/store only"
        for name, tree in read_modules(package).items()
        for node in ast.walk(tree)
        if room_of(name) not in {"store", "migrate"}  # migrate reads the dumps of other software
        and isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SQL.search(node.value)
    ]


def test_sql_is_written_in_the_store_only() -> None:
    assert sql_outside_the_store(PACKAGE) == []


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    copy = tmp_path / "prefixd"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_a_planted_upward_import_is_caught(planted: Path) -> None:
    (planted / "domain" / "planted.py").write_text("import prefixd.store\n")
    assert upward_imports(planted) == [
        "prefixd.domain.planted:1: domain may not import store: "
        "the words we share with operators; Structs (ADR 0013), no mechanism"
    ]


def test_a_planted_clock_is_caught(planted: Path) -> None:
    (planted / "domain" / "planted.py").write_text(
        "import time\nfrom datetime import datetime\n\nNOW = time.time()\nTHEN = datetime.now()\n"
    )
    assert impurities(planted) == [
        "prefixd.domain.planted:1: domain imports time: "
        "a pure package is told the time as an argument",
        "prefixd.domain.planted:5: domain reads the clock with .now(): "
        "a pure package is told the time as an argument",
    ]


def test_a_planted_circle_is_caught(planted: Path) -> None:
    (planted / "domain" / "chicken.py").write_text("import prefixd.domain.egg\n")
    (planted / "domain" / "egg.py").write_text("import prefixd.domain.chicken\n")
    circle = import_circle(planted)
    assert circle is not None
    assert set(circle) == {"prefixd.domain.chicken", "prefixd.domain.egg"}


def test_planted_sql_is_caught(planted: Path) -> None:
    (planted / "engine" / "planted.py").write_text('ROWS = "DELETE FROM mitigations"\n')
    assert sql_outside_the_store(planted) == [
        "prefixd.engine.planted:1: SQL is written in prefixd/store only"
    ]


def test_every_module_has_a_test_that_its_name_leads_to() -> None:
    """A mirror under tests/unit, or a row at the head of tests/README.md."""
    assert without_a_test() == []
    assert stale_rows() == []
