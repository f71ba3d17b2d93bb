"""Twelve sessions under churn: a short one always, the ten minutes once.

The long one may be run beside everything else (`python -m tests.interop.soak --result FILE`) and
handed over with PREFIXD_SOAK_RESULT=FILE; without it this test runs it itself.
"""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from tests.interop.soak import run, verdict

SOAK_MINUTES = 10
PATIENCE_S = 900


def test_a_quarter_of_a_minute(tmp_path: Path) -> None:
    result = run(0.25, tmp_path)
    assert verdict(result) == []
    assert result["changes"] > 1000


@pytest.mark.slow
def test_ten_minutes(tmp_path: Path) -> None:
    handed_over = os.environ.get("PREFIXD_SOAK_RESULT")
    if handed_over is None:
        result = run(SOAK_MINUTES, tmp_path)
    else:
        result = json.loads(asyncio.run(wait_for_file(Path(handed_over))))
    assert verdict(result) == []
    assert result["minutes"] >= SOAK_MINUTES


async def wait_for_file(path: Path) -> str:
    """The other process may still be at work."""
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < end, f"no result in {path}"
        await asyncio.sleep(1.0)
    return path.read_text(encoding="utf-8")
