"""Values as senders write them."""

import pytest

from prefixd.signals.coerce import confidence, number, ports, rate_bps, rate_pps, time_us

T = 1_930_385_700_000_000


@pytest.mark.parametrize(
    ("value", "bits", "packets"),
    [
        (4_120_000_000, 4_120_000_000, 4_120_000_000),
        (4120000000.5, 4_120_000_000, 4_120_000_000),
        ("4.1e9", 4_100_000_000, 4_100_000_000),
        ("4.1G", 4_100_000_000, 4_100_000_000),
        ("512 Mbps", 512_000_000, None),
        ("1.2 Mpps", None, 1_200_000),
        ("64 KB/s", 512_000, None),
        ("7 gbytes/s", 56_000_000_000, None),
        ("5 Mbit/s", 5_000_000, None),
        ("1 b", 1, None),
        ("1 B", 8, None),
        ("0", 0, 0),
        ("9223372036854775807", 2**63 - 1, 2**63 - 1),
        ("9223372036854775808", None, None),
        (2**63, None, None),
        (-1, None, None),
        ("-5", None, None),
        (True, None, None),
        (float("nan"), None, None),
        (float("inf"), None, None),
        ("1e400", None, None),
        ("12 parsecs", None, None),
        ("", None, None),
        ("x" * 500, None, None),
        ([], None, None),
        (None, None, None),
    ],
)
def test_s33_rates_with_units_and_as_text(value, bits, packets):
    assert (rate_bps(value), rate_pps(value)) == (bits, packets)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2031-03-04T10:15:00Z", T),
        ("2031-03-04T10:15:00.000Z", T),
        ("2031-03-04t12:15:00+02:00", T),
        ("2031-03-04T08:45:00-01:30", T),
        ("2031-03-04 10:15:00 UTC", T),
        ("2031-03-04 10:15:00", T),
        ("2031-03-04T10:15:00.1234567Z", T + 123_456),
        ("2031-03-04T10:14:60Z", T - 1_000_000),
        (1930385700, T),
        (1930385700.25, T + 250_000),
        (1930385700000, T),
        (1930385700000000, T),
        ("1930385700", T),
        ("2031-13-04T10:15:00Z", None),
        ("2031-02-29T10:15:00Z", None),
        ("2031", None),
        ("soon", None),
        (0, None),
        (True, None),
        (None, None),
    ],
)
def test_times(value, expected):
    assert time_us(value) == expected


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [(0.5, 1, 0.5), ("87%", 1, 0.87), (93, 100, 0.93), (3, 1, 1.0), (-1, 1, 0.0), ("0.4", 1, 0.4),
     ("high", 1, None), (True, 1, None), (float("nan"), 1, None), (None, 1, None)],
)  # fmt: skip
def test_confidences_are_clamped(value, scale, expected):
    assert confidence(value, scale) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [([443, 53, 443], (53, 443)), ([0, 65536, 1.5, "80", "x", None, True], (80,)), (53, (53,)),
     ("53", (53,)), (None, ()), ({"a": 1}, ())],
)  # fmt: skip
def test_ports(value, expected):
    assert ports(value) == expected


def test_a_number_too_large_for_a_float_is_refused():
    assert number(10**400) is None
