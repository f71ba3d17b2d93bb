from datetime import timedelta

from prefixd.cli.table import Column, Time, as_cell, sheet_lines, table_lines, width_of
from tests.kit.clock import FakeClock
from tests.unit.cli.kit import PIPE, terminal

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


def test_into_a_pipe_everything_goes_whole() -> None:
    assert table_lines(COLUMNS, ROWS, PIPE) == [
        "ID                ENDS                                  COUNT  WHY",
        "0123456789abcdef  2026-01-01 00:02:40Z (in 2 min 40 s)      5"
        "  a long sentence that somebody wrote",
        "fedcba9876543210  2025-12-31 23:59:00Z (1 min ago)      12345  short",
    ]


def test_on_a_screen_times_get_short_and_texts_are_cut() -> None:
    assert table_lines(COLUMNS, ROWS, terminal(60)) == [
        "ID                ENDS           COUNT  WHY",
        "0123456789abcdef  in 2 min 40 s      5  a long sentence tha…",
        "fedcba9876543210  1 min ago      12345  short",
    ]


def test_on_a_narrow_screen_columns_leave_and_ids_stay_whole() -> None:
    lines = table_lines(COLUMNS, ROWS, terminal(42))
    assert lines == [
        "ID                ENDS           WHY",
        "0123456789abcdef  in 2 min 40 s  a long s…",
        "fedcba9876543210  1 min ago      short",
    ]
    assert max(map(len, lines)) <= 42


def test_even_when_nothing_fits_the_id_is_whole() -> None:
    assert all(row["id"] in line for row, line in zip(
        ROWS, table_lines(COLUMNS, ROWS, terminal(10))[1:], strict=True))  # fmt: skip


def test_colour_marks_words_and_does_not_move_columns() -> None:
    columns = [
        Column("STATE", lambda row: row),
        Column("X", lambda _row: "x"),
    ]
    painted = table_lines(columns, ["active", "idle"], terminal(80, colour=True))
    assert painted[1] == "\x1b[32mactive\x1b[0m  x"
    assert painted[2] == "\x1b[31midle  \x1b[0m  x"


def test_wide_and_combining_characters_keep_the_columns_straight() -> None:
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1
    columns = [
        Column("NAME", lambda row: row),
        Column("X", lambda _row: "x"),
    ]
    assert table_lines(columns, ["日本", "abcd"], PIPE)[1:] == ["日本  x", "abcd  x"]


def test_facts_stand_under_each_other_and_absent_ones_are_left_out() -> None:
    facts = [("ID", "x"), ("Confidence", 0.9), ("Nothing", None), ("Empty", []), ("Ports", [1, 2])]
    assert sheet_lines(facts, PIPE) == ["ID:         x", "Confidence: 0.9", "Ports:      1, 2"]


def test_cells() -> None:
    assert as_cell(None) == "-"
    assert as_cell(value=True) == "yes"
    assert as_cell(0) == "0"
    assert as_cell([]) == "-"
