"""docs/policy.md and docs/concepts.md name every code, action, status and vector, and no other."""

import re
from pathlib import Path

from prefixd.domain.inventory import PolicyProfile
from prefixd.domain.mitigation import Status
from prefixd.domain.rule import ActionKind
from prefixd.domain.vector import TRAFFIC
from prefixd.guardrails.checks import CHECKS
from prefixd.guardrails.facts import Purpose

ROOT = Path(__file__).resolve().parents[3]
POLICY = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
CONCEPTS = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
SOURCES = [
    *sorted((ROOT / "prefixd" / "decision").glob("*.py")),
    *sorted((ROOT / "prefixd" / "policy").glob("*.py")),
    ROOT / "prefixd" / "engine" / "manual.py",
]


def rows(page: str, *header: str) -> list[list[str]]:
    """The cells of the one table with this header."""
    lines = iter(page.splitlines())
    start = "| " + " | ".join(header)
    assert any(line.startswith(start) for line in lines), header
    next(lines)
    table: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        table.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return table


def test_every_guardrail_code_is_in_the_table_with_the_purposes_it_serves() -> None:
    shown = {row[0]: set(row[3].split(", ")) for row in rows(POLICY, "code", "no, because")}
    built: dict[str, set[str]] = {}
    for guardrail in CHECKS:
        for code in guardrail.codes:
            built.setdefault(code, set()).update(guardrail.purposes)
    assert shown == built
    assert set().union(*shown.values()) == set(Purpose)


def test_guardrails_stand_in_the_order_they_are_asked() -> None:
    order = [code for guardrail in CHECKS for code in guardrail.codes if "unknown" not in code]
    shown = [row[0] for row in rows(POLICY, "code", "no, because") if "unknown" not in row[0]]
    assert shown == order


def test_every_other_code_is_explained() -> None:
    shown = {row[0] for row in rows(POLICY, "code", "meaning")}
    used = set[str]()
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        used |= set(re.findall(r'(?:Refusal|NotWanted|unknown)\(\s*"([a-z_]+)"', text))
    guardrails = {code for guardrail in CHECKS for code in guardrail.codes}
    assert used - guardrails == shown


def test_actions_profiles_and_statuses() -> None:
    assert {row[0] for row in rows(POLICY, "action", "what happens")} == set(ActionKind)
    assert {row[0] for row in rows(POLICY, "profile")} == set(PolicyProfile)
    assert [row[0] for row in rows(CONCEPTS, "status", "meaning")] == list(Status)


def test_vectors() -> None:
    shown = {
        row[0]: (row[1], row[2].split(" ")[0], row[3])
        for row in rows(CONCEPTS, "vector", "family", "protocol")
    }
    assert shown == {
        vector: (
            traffic.family,
            "any" if traffic.protocol is None else str(traffic.protocol),
            ",".join(map(str, traffic.src_ports)),
        )
        for vector, traffic in TRAFFIC.items()
    }
