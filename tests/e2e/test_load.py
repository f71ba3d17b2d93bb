"""The published rate is the rate of whole attacks: `bench/load.py` measures what it claims to."""

import sqlite3

import pytest

from bench.load import Detectors, the_whole_daemon
from bench.verdict import Part, verdict
from tests.kit.daemon_process import DaemonProcess
from tests.kit.daemons import wait_for

RATE, EVENTS = 50, 150


def test_w78_every_event_that_is_counted_made_a_rule_of_its_own_on_every_router() -> None:
    """Distinct owned victims, ids of their own, a durable row and an UPDATE for each."""
    with the_whole_daemon(peers=2, rate=RATE) as daemon:
        with Detectors(daemon, RATE, rounds_of=100_000) as detectors:
            wait_for(lambda: len(detectors.waits) >= EVENTS, 30, "the events")
        made = len(detectors.waits)
        assert detectors.refused == []
        with sqlite3.connect(daemon.directory / "prefixd.db") as database:
            query = "SELECT count(*), count(DISTINCT victim_ip) FROM mitigations"
            assert database.execute(query).fetchone() == (made, made)
        wait_for(lambda: _announced(daemon) == [made, made], 10, "every rule at both routers")


def _announced(daemon: DaemonProcess) -> list[int]:
    return [peer["announced"] for peer in daemon.get("/v1/bgp/peers").json["peers"]]


def a_part(until_s: int, **changes: float) -> Part:
    values: dict[str, float] = {
        "answered": 2000, "p50_ms": 5.0, "p99_ms": 20.0, "worst_ms": 40.0, "rss_mib": 100.0,
        "cpu_share": 0.5, "starved_share": 0.01, "lag_ms": 5.0, "queue": 3, "outbox": 9,
    }  # fmt: skip
    return Part(until_s=until_s, **{**values, **changes})  # type: ignore[arg-type]  # a builder trusts its tests


@pytest.mark.parametrize(
    ("grows", "said"),
    [
        ({}, []),
        ({"rss_mib": 3.0}, ["memory from 104.5 to 116.5 MiB"]),
        ({"p50_ms": 4.0}, ["median latency from 11.0 to 27.0 ms"]),
        ({"answered": -500}, ["only 1500 of 12000 events were answered in time"]),
    ],
)
def test_what_grows_is_not_flat(grows: dict[str, float], said: list[str]) -> None:
    base = {"rss_mib": 100.0, "p50_ms": 5.0, "answered": 2000}
    parts = [
        a_part(10 * n, **{name: base[name] + more * n for name, more in grows.items()})
        for n in range(1, 7)
    ]
    assert verdict(parts, 10, 200) == said


def test_latency_on_a_machine_without_a_free_processor_is_nobodys_fault() -> None:
    parts = [a_part(10 * n, p50_ms=100.0 * n, starved_share=0.4, rss_mib=100.0) for n in range(6)]
    assert verdict(parts, 10, 200) == []
    parts[-2:] = [a_part(10 * n, starved_share=0.4, rss_mib=130.0) for n in (5, 6)]
    assert verdict(parts, 10, 200) == ["memory from 100.0 to 130.0 MiB"]
