"""docs/api.md says what the daemon does: its tour is run, its tables are the daemon's."""

from pathlib import Path

import pytest

from tests.kit.api_page import PAGE, agrees, run_tour, tables, tour
from tests.kit.daemon_process import DaemonProcess
from tests.kit.require import binary


def test_every_command_of_the_tour_answers_as_printed(tmp_path: Path) -> None:
    binary("curl")
    steps = list(tour(PAGE.read_text(encoding="utf-8")))
    assert len(steps) >= 15
    with DaemonProcess(tmp_path) as daemon:
        real = run_tour(steps, f"{daemon.host}:{daemon.port}")
    assert len(real) == len(steps)
    for step, printed in zip(steps, real, strict=True):
        assert agrees(step.printed, printed), f"$ {step.command}\n{printed}"


def test_the_page_names_every_endpoint_and_every_error_code(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    with DaemonProcess(tmp_path) as daemon:
        found = tables(daemon.get("/openapi.json").json)
    for table in found.values():
        assert table in page, "run: python -m tests.kit.api_page"


@pytest.mark.parametrize(
    ("printed", "real", "same"),
    [
        ('{"a": 1}', '{"a":1}', True),
        ('{"a": 1}', '{"a":1,"b":2}', False),
        ('{"a": 1, "…": "…"}', '{"a":1,"b":2}', True),
        ('{"a": "x-…"}', '{"a":"x-17"}', True),
        ('{"a": "x-…"}', '{"a":"y-17"}', False),
        ("[1]", "[1,2]", False),
        ("id: 1\ndata: …", 'id: 1\ndata: {"a":1}\n', True),
        ("204", "404", False),
    ],
)
def test_the_comparison_can_tell(printed: str, real: str, *, same: bool) -> None:
    assert agrees(printed, real) is same
