"""How long prefixdctl takes to start: the target for `--help` is 150 ms, Python itself included.

The bare interpreter is measured beside it, because a busy machine makes both slow.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "python alone": ["-c", "pass"],
    "help": ["-m", "prefixd.cli.main", "--help"],
    "help of a command": ["-m", "prefixd.cli.main", "mitigations", "list", "--help"],
    "completion": ["-m", "prefixd.cli.main", "completion", "bash"],
    "no daemon": ["-m", "prefixd.cli.main", "-a", "http://127.0.0.1:1", "pops"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_start(benchmark: BenchmarkFixture, name: str) -> None:
    def start() -> None:
        subprocess.run(
            [sys.executable, *COMMANDS[name]], cwd=ROOT, capture_output=True, check=False
        )

    benchmark.pedantic(start, rounds=15, warmup_rounds=2)
