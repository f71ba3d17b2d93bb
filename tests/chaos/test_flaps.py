"""Neighbors that come and go for real, or stay and do not read; the others notice nothing."""

import time
from itertools import cycle
from pathlib import Path

from prefixd.bgp.wire.context import BEFORE_OPEN
from prefixd.bgp.wire.iana import CeaseSubcode
from prefixd.bgp.wire.message import encode_message
from prefixd.bgp.wire.notification import cease
from tests.kit.daemons import wait_for
from tests.kit.liar import EAGER, Liar, a_session, an_open, expecting
from tests.kit.reporters import crowd_of, event, nothing_lost, reporting
from tests.kit.site import Site, a_site, victim_number

FLAPS = 1000
WITHIN_S = 60
RULES_OF_A_FLAPPER = 30
MANY = 10_000
MAIN = {"bgp": {"admission": EAGER, "router_id": "10.255.0.1"}}
RESET = encode_message(cease(CeaseSubcode.ADMINISTRATIVE_RESET), BEFORE_OPEN)


def _open_files(site: Site) -> int:
    assert site.daemon.process is not None
    return len(list(Path(f"/proc/{site.daemon.process.pid}/fd").iterdir()))


def test_a_thousand_sessions_that_end_leave_nothing_behind(tmp_path: Path) -> None:
    """By FIN, by RST, by NOTIFICATION; each has been told the whole table before it goes."""
    flapping = expecting("flapper", poison={"window_seconds": 0})
    with a_site(tmp_path, "bird", main=MAIN, neighbors=[flapping]) as site:
        ledger = crowd_of(site)
        with reporting(ledger, range(RULES_OF_A_FLAPPER)):
            pass
        files, begun = _open_files(site), time.monotonic()
        ways = cycle((Liar.__exit__, Liar.vanish, lambda liar: liar.send(RESET)))
        resident = 0
        for number, leave in zip(range(FLAPS), ways, strict=False):
            with a_session(site.bgp_port) as flapper:
                flapper.await_rules(RULES_OF_A_FLAPPER)
                leave(flapper)
            if number == FLAPS // 5:
                resident = site.resident_kib()
        took = time.monotonic() - begun
        told = site.peer("flapper")
        assert told["sessions"] == told["flaps"] == FLAPS
        assert site.resident_kib() - resident < 4096
        wait_for(lambda: _open_files(site) <= files, 10, "closed sockets")
        with a_session(site.bgp_port) as flapper:
            flapper.await_rules(RULES_OF_A_FLAPPER)
            assert site.daemon.event(victim_number(9999)).status == 202
            flapper.await_rules(RULES_OF_A_FLAPPER + 1)
        nothing_lost(site, ledger)
        assert site.peer("bird")["flaps"] == 0
        assert took < WITHIN_S


def test_who_breaks_off_again_and_again_convicts_no_rule_and_gets_all_back(tmp_path: Path) -> None:
    """A session that ends right after it was told something makes the rules suspect; a neighbor
    that never says why cannot get one convicted, and once it stays they return half by half, busy
    as the daemon may be with other rules."""
    with a_site(tmp_path, "bird", main=MAIN, neighbors=[expecting("flapper")]) as site:
        for number in range(RULES_OF_A_FLAPPER):
            site.daemon.event(victim_number(number))
        for _ in range(FLAPS // 20):
            with a_session(site.bgp_port):
                pass
        made = site.agree()
        with a_session(site.bgp_port) as stays:
            told = site.peer("flapper")
            assert told["quarantined"] == 0
            assert set(told["withheld"]) <= {"quarantined"}
            end = time.monotonic() + 90
            while len(stays.rules) < made:
                assert time.monotonic() < end, f"{len(stays.rules)} of {made}"
                assert site.daemon.event(victim_number(1000 + made)).status == 202
                made += 1
                time.sleep(0.5)
            assert not stays.closed.is_set()
        assert site.peer("bird")["flaps"] == 0


def test_a_neighbor_that_never_reads_is_let_go_and_delays_nobody(tmp_path: Path) -> None:
    """What it does not take stays a key, not octets; the send hold timer ends it (RFC 9687)."""
    timers = {"send_hold_time_seconds": 30, "connect_retry_seconds": 1e-9}
    neighbor = expecting("deaf", timers=timers)
    with a_site(tmp_path, "bird", main=MAIN, neighbors=[neighbor]) as site:
        greeting = an_open(hold_time_s=90)
        with Liar(site.bgp_port, greeting, reads=False, receive_buffer=2048) as deaf:
            wait_for(lambda: site.peer("deaf")["state"] == "established", 10, "the deaf session")
            resident = site.resident_kib()
            for start in range(0, MANY, 100):
                body = {"events": [event(number) for number in range(start, start + 100)]}
                assert site.daemon.post("/v1/events/batch", body).status == 202
            assert site.agree(30) == MANY
            wait_for(lambda: site.peer("deaf")["state"] != "established", 45, "the send hold timer")
            told = site.peer("deaf")
            assert "8/0" in told["last_down"], told["last_down"]
            assert site.peer("bird")["flaps"] == 0
            # The rules themselves and their history, not a copy for somebody who does not read.
            assert site.resident_kib() - resident < 96 * 1024
            assert deaf.heard == {}
        with a_session(site.bgp_port) as awake:
            awake.await_rules(MANY, 30)
        assert site.agree() == MANY
