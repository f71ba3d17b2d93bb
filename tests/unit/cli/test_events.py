"""Events: batches by the hundred, and evidence."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.kit import CannedService, answer, ctl


def test_a_batch_goes_in_hundreds_and_counts_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps({"n": number}) + "\n" for number in range(150)))

    def reply(count: int, bad: int | None = None) -> object:
        return answer({"results": [
            {"index": at, "status": "rejected" if at == bad else "accepted", "error": "no victim"}
            for at in range(count)
        ]})  # fmt: skip

    service = CannedService({"POST /v1/events/batch": [reply(100), reply(50, bad=7)]})
    said = ctl(service, "events", "batch", str(path))
    assert said.code == 1
    assert said.out == (
        "LINE  STATUS    ERROR\n 108  rejected  no victim\n149 accepted, 1 rejected\n"
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [('[{"a": 1}, {"b": 2}]', 2), ('{"events": [{}, {}, {}]}', 3), ('{"a": 1}', 1)],
)
def test_batches_in_other_forms(tmp_path: Path, text: str, count: int) -> None:
    path = tmp_path / "events.json"
    path.write_text(text)
    service = CannedService({"POST /v1/events/batch": {"results": []}})
    assert ctl(service, "events", "batch", str(path)).code == 0
    assert len(service.asked[0][2]["events"]) == count


def test_a_broken_batch_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"a": 1}\n{"b":\n')
    said = ctl(CannedService({}), "events", "batch", str(path))
    assert said.code == 2
    assert f"{path}:2: not JSON" in said.err


def test_evidence_without_a_dimension_is_a_usage_error() -> None:
    assert ctl(CannedService({}), "send-corroborator", "-s", "snmp").code == 2
