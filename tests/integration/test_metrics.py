"""The metrics of the real daemon, before and after an event, a restart and a reload."""

from pathlib import Path

from tests.kit.daemon_process import DaemonProcess


def value(daemon: DaemonProcess, series: str) -> float | None:
    for line in daemon.get("/metrics").body.decode().splitlines():
        name, _, number = line.rpartition(" ")
        if name == series:
            return float(number)
    return None


def test_an_event_shows_and_a_restart_keeps_what_is_live(tmp_path: Path) -> None:
    # A reading is at most a second old; the daemon is asked once, after what it shall show.
    active = 'prefixd_mitigations_active{action_type="police",pop="lab1"}'
    with DaemonProcess(tmp_path) as daemon:
        assert daemon.event().status == 202
        text = daemon.get("/metrics").body.decode()
        assert f"{active} 1.0\n" in text
        assert 'prefixd_event_outcomes_total{outcome="mitigated"} 1.0\n' in text
        assert "prefixd_event_to_announce_seconds_count 1.0\n" in text
        assert "prefixd_announcements_latency_seconds_count 1.0\n" in text
        assert 'prefixd_db_units_total{status="refused_full"} 0.0\n' in text
        assert 'prefixd_quota_used_ratio{quota="max_active_per_customer"} 0.2\n' in text
        assert 'prefixd_reconciliation_runs_total{status="success"} 1.0\n' in text
        assert (value(daemon, "prefixd_config_loaded_timestamp_seconds") or 0) > 1_700_000_000
        daemon.stop()
        daemon.start()
        assert value(daemon, active) == 1


def test_neighbors_show_their_budget(tmp_path: Path) -> None:
    neighbor = {"name": "edge1", "address": "192.0.2.7", "peer_asn": 64500, "export": {}}
    bgp = {"mode": "speaker", "listen": [], "neighbors": [{**neighbor, "direction": "passive"}]}
    with DaemonProcess(tmp_path, main={"bgp": {**bgp, "listen": ["127.0.0.1:0"]}}) as daemon:
        text = daemon.get("/metrics").body.decode()
        assert 'prefixd_bgp_session_up{peer="edge1"} 0.0\n' in text
        assert 'prefixd_bgp_budget_used_ratio{peer="edge1"} 0.0\n' in text


def test_an_idle_daemon_with_one_neighbor_answers_in_under_500_lines(tmp_path: Path) -> None:
    neighbor = {"name": "edge1", "address": "192.0.2.7", "peer_asn": 64500, "export": {}}
    bgp = {"mode": "speaker", "listen": ["127.0.0.1:0"]}
    main = {"bgp": {**bgp, "neighbors": [{**neighbor, "direction": "passive"}]}}
    with DaemonProcess(tmp_path, main=main) as daemon:
        daemon.get("/metrics")  # a scrape has series of its own, which the next one shows
        text = daemon.get("/metrics").body.decode()
    assert 'prefixd_bgp_session_changes_total{peer="edge1",to="down"} 0.0\n' in text
    assert len(text.splitlines()) < 500


def test_openmetrics_for_a_scraper_that_asks_for_it(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        answer = daemon.get("/metrics", Accept=accept)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")
