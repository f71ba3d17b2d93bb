"""Completion in the real shells, without a service; test_completion of integration has one."""

from argparse import Namespace
from pathlib import Path

import pytest

from prefixd.cli.completion import PEERS, Words, context_names
from tests.kit.shells import SHELLS, candidates

CASES = [
    ("prefixdctl mit", ["mitigations"]),
    ("prefixdctl mitigations wi", ["withdraw"]),
    ("prefixdctl -f json mitigations wi", ["withdraw"]),
    ("prefixdctl mitigations list --stat", ["--status"]),
    ("prefixdctl -f ", ["csv", "json", "table"]),
    ("prefixdctl config show in", ["inventory"]),
    ("prefixdctl groups list --status o", ["open"]),
    ("prefixdctl mitigations list -s active,e", ["active,escalated", "active,expired"]),
    ("prefixdctl peers ed", []),
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "expected"), CASES, ids=[line for line, _ in CASES])
def test_words_of_the_command_line(
    shell: str, line: str, expected: list[str], tmp_path: Path
) -> None:
    assert candidates(shell, line, tmp_path, PREFIXD_API="http://127.0.0.1:1") == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_names_of_contexts_and_files(shell: str, tmp_path: Path) -> None:
    path = tmp_path / ".config/prefixd/ctl.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("contexts: {ams1: {api: 'http://x'}, ams2: {api: 'http://y'}, lab: {api: z}}\n")
    assert candidates(shell, "prefixdctl contexts use ams", tmp_path) == ["ams1", "ams2"]
    assert candidates(shell, "prefixdctl -C la", tmp_path) == ["lab"]
    (tmp_path / "events.jsonl").touch()
    line = f"prefixdctl events batch {tmp_path}/ev"
    assert candidates(shell, line, tmp_path) == [f"{tmp_path}/events.jsonl"]


def test_nothing_is_offered_when_the_service_or_the_context_file_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PREFIXD_API", "http://127.0.0.1:1")
    assert PEERS(parsed_args=Namespace()) == {}
    path = tmp_path / "prefixd/ctl.yaml"
    path.parent.mkdir()
    path.write_text("- not a mapping")
    assert context_names() == []
    assert PEERS(parsed_args=Namespace(context="x")) == {}


def test_words_with_commas_offer_each_once() -> None:
    status = Words(("active", "expired"), several=True)
    assert status(prefix="active,") == ["active,expired"]
    assert status(prefix="") == ["active", "expired"]
