"""Text and numbers as senders write them, converted to our units.

Senders write 4.1 Gbit/s as 4100000000, "4.1e9", "4.1G", "4100 Mbps" or a float with a tail; times
as RFC 3339, as "2031-03-04 10:15:00 UTC" or as an epoch in three magnitudes. Each function here
returns None when it cannot read a value: the caller decides whether that is a problem or a gap.
Rates are bits and packets a second, as integers; a unit that says bytes is multiplied by eight.

Of vector names only spellings of names we know are understood (`UDP Flood`, `udp-flood`,
`UdpFlood`); a phrase that merely contains a protocol is for an adapter that knows its sender.
"""

import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from prefixd.domain.vector import Vector
from prefixd.signals.json_value import JsonValue, elements

MAX_RATE = 2**63 - 1
TEXT_MAX = 128

_NUMBER = re.compile(
    r"\s*([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?)\s*([A-Za-z/%]{0,16})\s*"
)
_SCALES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BIT_UNITS = ("", "b", "bps", "bit", "bits", "bit/s", "bits/s", "b/s")
_BYTE_UNITS = ("B", "Bps", "byte", "bytes", "byte/s", "bytes/s", "B/s")
_PACKET_UNITS = ("", "p", "pps", "p/s", "pkt/s", "pkts/s", "packet/s", "packets/s", "packets")

_EPOCH_MIN_S = 10**8
_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?"
    r"\s?(Z|z|UTC|[+-]\d\d:?\d\d)?"
)


def rate_bps(value: JsonValue) -> int | None:
    """Bits a second, or None. Negative and non-finite values are None: no sender means them."""
    return _rate(value, bits=True)


def rate_pps(value: JsonValue) -> int | None:
    return _rate(value, bits=False)


def _rate(value: JsonValue, *, bits: bool) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= MAX_RATE else None
    if isinstance(value, float):
        return _whole(value)
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        return None
    found = _NUMBER.fullmatch(value)
    if found is None:
        return None
    factor = _unit_factor(found[2], bits=bits)
    return None if factor is None else _scaled(found[1], factor)


def _scaled(digits: str, factor: int) -> int | None:
    if digits.lstrip("+").isdigit():
        whole = int(digits) * factor  # stays exact where a float would not
        return whole if whole <= MAX_RATE else None
    return _whole(float(digits) * factor)


def _whole(value: float) -> int | None:
    if not math.isfinite(value) or value < 0 or value > MAX_RATE:
        return None
    return min(round(value), MAX_RATE)


def _unit_factor(unit: str, *, bits: bool) -> int | None:
    """The factor of a unit suffix; capital B is bytes, small b bits, as in all networking."""
    if bits:
        for scale in ("", *"kKmMgGtT"):
            rest = unit.removeprefix(scale) if scale else unit
            if scale and rest == unit:
                continue
            if rest in _BYTE_UNITS or (rest.casefold() in _BYTE_UNITS and rest.casefold() != "b"):
                return 8 * _SCALES[scale.lower()]
            if rest.casefold() in _BIT_UNITS:
                return _SCALES[scale.lower()]
        return None
    folded = unit.casefold()
    for scale, factor in _SCALES.items():
        if folded.startswith(scale) and folded.removeprefix(scale) in _PACKET_UNITS:
            return factor
    return None


def number(value: JsonValue) -> float | None:
    """A plain finite number, or its text; no units."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            as_float = float(value)
        except OverflowError:
            return None
        return as_float if math.isfinite(as_float) else None
    if isinstance(value, str) and len(value) <= TEXT_MAX:
        found = _NUMBER.fullmatch(value)
        if found is not None and not found[2]:
            as_float = float(found[1])
            return as_float if math.isfinite(as_float) else None
    return None


def confidence(value: JsonValue, scale: float = 1.0) -> float | None:
    """0..1, from a number divided by `scale` or from text such as `87%`. Clamped."""
    if isinstance(value, str) and value.strip().endswith("%"):
        found = number(value.strip()[:-1])
        return None if found is None else _clamp(found / 100)
    found = number(value)
    return None if found is None else _clamp(found / scale)


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))


def time_us(value: JsonValue) -> int | None:
    """Microseconds UTC from RFC 3339, `YYYY-MM-DD HH:MM:SS[ UTC]`, or an epoch by magnitude."""
    if isinstance(value, str):
        stripped = value.strip()
        if len(stripped) > TEXT_MAX:
            return None
        return _from_text(stripped)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return _from_epoch(value)


@lru_cache(maxsize=1024)
def _from_text(text: str) -> int | None:
    """Remembered, because all who report an attack name the same few seconds."""
    found = _DATE_TIME.fullmatch(text)
    if found is not None:
        return _from_parts(found)
    epoch = number(text)
    return None if epoch is None else _from_epoch(epoch)


def _from_parts(found: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
    leap = second == 60  # RFC 3339 5.6 allows it; we read it as the second before
    try:
        stamp = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    except ValueError:
        return None
    whole_s = round((stamp - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    fraction_us = int((found[7] or "0").ljust(6, "0")[:6])
    return (whole_s - _offset_s(found[8])) * 1_000_000 + fraction_us


def _offset_s(zone: str | None) -> int:
    if zone is None or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _from_epoch(value: int | float) -> int | None:
    """Seconds, milliseconds or microseconds: 1e8 to 1e11 is seconds, and so on."""
    for scale in (1_000_000, 1000, 1):
        low = _EPOCH_MIN_S * (1_000_000 // scale)
        if low <= value < low * 1000:
            return round(value * scale)
    return None


def ports(value: JsonValue) -> tuple[int, ...]:
    """Port numbers 1..65535, sorted, once each; a single number counts as a list of one."""
    listed = elements(value) if not isinstance(value, str | int | float) else (value,)
    found: set[int] = set()
    for item in listed:
        as_number = number(item)
        if as_number is not None and as_number.is_integer() and 1 <= as_number <= 65535:
            found.add(int(as_number))
    return tuple(sorted(found))


def clean_text(value: str, limit: int) -> str:
    """Text fit for a row and a screen: control characters removed, cut to `limit`."""
    if len(value) <= limit and value.isprintable():
        return value
    return "".join(ch for ch in value[: limit * 2] if ch.isprintable())[:limit]


def _squashed(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


_KNOWN: Final = {_squashed(vector.value): vector for vector in Vector} | {
    "ipfragmentation": Vector.FRAGMENT_FLOOD,
    "tcpsynflood": Vector.SYN_FLOOD,
    "tcpackflood": Vector.ACK_FLOOD,
}


def vector_of(text: str) -> Vector | None:
    return _KNOWN.get(_squashed(text)) if len(text) <= 128 else None


REFLECTORS: Final = {
    53: Vector.DNS_AMPLIFICATION,
    123: Vector.NTP_AMPLIFICATION,
    389: Vector.CLDAP_AMPLIFICATION,
    1900: Vector.SSDP_AMPLIFICATION,
    11211: Vector.MEMCACHED_AMPLIFICATION,
    19: Vector.CHARGEN_AMPLIFICATION,
    161: Vector.SNMP_AMPLIFICATION,
}
"""The UDP source port of reflected traffic, and what it is a sign of."""
