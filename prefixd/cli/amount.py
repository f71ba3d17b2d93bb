"""Amounts between people and programs: durations, rates, moments.

What an operator types (`10m`, `2.5G`) becomes a plain number; what the service answers (seconds,
bits per second, RFC 3339) becomes words with the unit spelled out. A value this page does not
understand is shown as it came: a table never fails because of one odd cell.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime

_DURATION_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_LONGEST_S = 86_400
_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def parse_duration(text: str) -> int:
    """Seconds from `600`, `10m`, `2h`, `1d`; several may follow each other: `1h30m`."""
    total, digits = 0, ""
    for sign in text.strip().lower() or "?":
        if sign.isdecimal():
            digits += sign
        elif digits and sign in _DURATION_S:
            total, digits = total + int(digits) * _DURATION_S[sign], ""
        else:
            raise ArgumentTypeError(f"invalid duration {text!r}: write 600, 10m, 2h or 1d")
    return total + int(digits or 0)


def parse_rate(text: str) -> int:
    """Bits per second from `20000000`, `20M`, `2.5G`, `2.5Gbps`, `20Mbit/s`."""
    word = text.strip().lower()
    for suffix in ("bit/s", "bps", "pps", "p/s"):
        word = word.removesuffix(suffix)
    word = word.strip()
    factor = _DECIMAL.get(word[-1:], 0) if not word[-1:].isdecimal() else 1
    number = word if word[-1:].isdecimal() else word[:-1]
    try:
        value = float(number) * factor
    except ValueError:
        value = -1.0
    if not 0 < value < 10**18:
        raise ArgumentTypeError(f"invalid rate {text!r}: write 20000000, 20M or 2.5G")
    return round(value)


def seconds_type(what: str, least: float) -> Callable[[str], float]:
    """What argparse calls for a number of seconds between `least` and a day."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= _LONGEST_S:  # false for `nan` too
            raise ArgumentTypeError(
                f"invalid {what} {text!r}: must be {least:g} to {_LONGEST_S:g} seconds"
            )
        return value

    return parse


def moment(text: object) -> datetime | None:
    """An RFC 3339 time of the service, or None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def absolute(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%SZ")


def relative(when: datetime, now: datetime) -> str:
    """`in 2 min 40 s`, `3 h ago`: the two largest units, which is what a person reads anyway."""
    seconds = round((when - now).total_seconds())
    if abs(seconds) <= 1:
        # The service's clock comes with whole seconds; a smaller difference is not known.
        return "now"
    words = duration(abs(seconds))
    return f"in {words}" if seconds > 0 else f"{words} ago"


def duration(seconds: float) -> str:
    left, parts = round(seconds), []
    for size, unit in _STEPS:
        count, rest = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
            left = rest
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 s"


def counted(count: int, word: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def bit_rate(value: object) -> str:
    return _scaled(value, "bit/s")


def packet_rate(value: object) -> str:
    return _scaled(value, "packets/s")


def size(value: object) -> str:
    """Octets, in powers of 1024."""
    if not isinstance(value, int | float):
        return "-" if value is None else str(value)
    scaled = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if scaled < 1024:
            return f"{scaled:.0f} {unit}" if unit == "B" else f"{scaled:.1f} {unit}"
        scaled /= 1024
    return f"{scaled:.1f} TiB"


def _scaled(value: object, unit: str) -> str:
    if not isinstance(value, int | float):
        return "-" if value is None else str(value)
    for step, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= step:
            return f"{value / step:.4g} {letter}{unit}"
    return f"{value:.4g} {unit}"
