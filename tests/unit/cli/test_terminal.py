"""What reaches a terminal, and what does not."""

import io
from datetime import timedelta

import pytest

from prefixd.cli.failure import Failure
from prefixd.cli.table import Column, Time, table_lines
from prefixd.cli.terminal import Prompt, Screen, visible, visible_json
from tests.kit.clock import FakeClock
from tests.unit.cli.kit import Terminal, terminal

NOW = FakeClock().now()


ROWS = [
    {"id": "0123456789abcdef", "why": "a long sentence that somebody wrote", "n": 5, "t": 160},
    {"id": "fedcba9876543210", "why": "short", "n": 12345, "t": -60},
]


COLUMNS = [
    Column("ID", "id"),
    Column("ENDS", lambda row: Time(NOW + timedelta(seconds=row["t"]), NOW)),
    Column("COUNT", "n", right=True, drop=1),
    Column("WHY", "why", shrink=True),
]


def test_nothing_in_a_cell_can_command_the_terminal() -> None:
    evil = "\x1b[2Jhello\x07\u202eolleh\x9b31m\nnext"
    assert visible(evil) == "\\x1b[2Jhello\\x07\\u202eolleh\\x9b31m next"
    (_, line) = table_lines([Column("X", lambda row: row)], [evil], terminal(200))
    assert "\x1b" not in line
    assert "\x9b" not in visible_json('"\x9b31m"')
    assert visible_json('"≥"') == '"≥"'


def test_a_pipe_is_never_painted() -> None:
    assert Screen(width=None, colour=False, interactive=False).paint("x", "red") == "x"


def test_the_end_of_input_at_a_password_prompt_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(_question: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", ended)
    with pytest.raises(Failure, match="no password given") as caught:
        Prompt(Terminal(), io.StringIO()).password("Password")
    assert caught.value.code == 2
