"""What reaches a terminal, and what does not."""

from datetime import timedelta

from prefixd.cli.table import Column, Time, table_lines
from prefixd.cli.terminal import Screen, visible, visible_json
from tests.kit.clock import FakeClock
from tests.unit.cli.kit import terminal

NOW = FakeClock().now()


ROWS = [
    {"id": "0123456789abcdef", "why": "a long sentence that somebody wrote", "n": 5, "t": 160},
    {"id": "fedcba9876543210", "why": "short", "n": 12345, "t": -60},
]


COLUMNS = [
    Column(title="ID", cell=lambda row: row["id"]),
    Column(title="ENDS", cell=lambda row: Time(NOW + timedelta(seconds=row["t"]), NOW)),
    Column(title="COUNT", cell=lambda row: row["n"], right=True, drop=1),
    Column(title="WHY", cell=lambda row: row["why"], shrink=True),
]


def test_nothing_in_a_cell_can_command_the_terminal() -> None:
    evil = "\x1b[2Jhello\x07\u202eolleh\x9b31m\nnext"
    assert visible(evil) == "\\x1b[2Jhello\\x07\\u202eolleh\\x9b31m next"
    (_, line) = table_lines([Column(title="X", cell=lambda row: row)], [evil], terminal(200))
    assert "\x1b" not in line
    assert "\x9b" not in visible_json('"\x9b31m"')
    assert visible_json('"≥"') == '"≥"'


def test_a_pipe_is_never_painted() -> None:
    assert Screen(width=None, colour=False, interactive=False).paint("x", "red") == "x"
