from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

import pytest

from prefixd.cli.amount import (
    absolute,
    bit_rate,
    duration,
    moment,
    packet_rate,
    parse_duration,
    parse_rate,
    relative,
    size,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("600", 600), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("1w", 604800)],
)
def test_durations_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10x", "-5", "1.5h", "ten"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="invalid duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("20000000", 20_000_000), ("20M", 20_000_000), ("2.5G", 2_500_000_000), ("64k", 64_000),
     ("20Mbit/s", 20_000_000), ("1Tbps", 10**12), ("300kpps", 300_000)],
)  # fmt: skip
def test_rates_as_people_write_them(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "M", "0", "-1M", "1X", "nan", "inf", "1e30"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="invalid rate"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "now"), (1, "now"), (-1, "now"), (160, "in 2 min 40 s"), (-3600, "1 h ago"),
     (-90061, "1 d 1 h ago"), (3605, "in 1 h")],
)  # fmt: skip
def test_relative_times_say_two_units_and_their_direction(seconds: int, words: str) -> None:
    assert relative(NOON + timedelta(seconds=seconds), NOON) == words


def test_moments() -> None:
    assert moment("2026-01-01T12:00:00.000000Z") == NOON
    assert moment("2026-01-01T14:00:00+02:00") == NOON
    assert moment("soon") is None
    assert moment(None) is None
    assert absolute(NOON) == "2026-01-01 12:00:00Z"


def test_units_are_spelled_out() -> None:
    assert bit_rate(20_000_000) == "20 Mbit/s"
    assert bit_rate(2_512_345_678) == "2.512 Gbit/s"
    assert packet_rate(12) == "12 packets/s"
    assert bit_rate(None) == "-"
    assert size(2048) == "2.0 KiB"
    assert size(12) == "12 B"
    assert duration(5120) == "1 h 25 min"
