"""Every cell of docs/fsm.md against the machines it was written from."""

from pathlib import Path

import pytest

from tests.kit.fsm_document import (
    EVENTS,
    PEER_EVENTS,
    PEER_STATES,
    STATES,
    cell,
    document,
    peer_cell,
)

PAGE = Path(__file__).parents[4] / "docs" / "fsm.md"
TEXT = PAGE.read_text(encoding="utf-8")


def _rows(section: str) -> dict[str, list[str]]:
    part = TEXT.split(f"## {section}")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


CONNECTION = _rows("A connection")
NEIGHBOR = _rows("A neighbor")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_connection(state: str, event: str) -> None:
    assert CONNECTION[event][STATES.index(state)] == cell(state, event)


@pytest.mark.parametrize("state", PEER_STATES)
@pytest.mark.parametrize("event", PEER_EVENTS)
def test_neighbor(state: str, event: str) -> None:
    assert NEIGHBOR[event][PEER_STATES.index(state)] == peer_cell(state, event)


def test_nothing_else_is_on_the_page() -> None:
    assert document() == TEXT
