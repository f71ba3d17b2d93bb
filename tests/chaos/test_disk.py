"""The disk is full, the file is locked, torn or damaged; afterwards nothing may differ."""

import contextlib
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.agreement import sqlite_rules
from tests.kit.daemon_process import ROOT, DaemonProcess
from tests.kit.daemons import wait_for
from tests.kit.reporters import crowd_of, nothing_lost, reporting
from tests.kit.require import absent
from tests.kit.site import Site, a_site, victim_number

DISK_OCTETS = 3_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_OCTETS}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        absent("root that may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=10)


def test_a_full_disk_refuses_keeps_the_rules_and_recovers(tmp_path: Path, small_disk: Path) -> None:
    storage = {"connection_string": f"sqlite:{small_disk / 'prefixd.db'}"}
    with a_site(tmp_path, "bird", main={"storage": storage}) as site:
        site = Site(site.daemon, site.routers, lambda: sqlite_rules(small_disk / "prefixd.db"))
        made = [site.daemon.event(victim_number(n)).json["mitigation_id"] for n in range(20)]
        filler = os.open(small_disk / "filler", os.O_CREAT | os.O_WRONLY)
        with contextlib.suppress(OSError):
            while os.write(filler, b"x" * 4096):
                pass
        os.close(filler)
        statuses = [site.daemon.event(victim_number(n)).status for n in range(100, 160)]
        assert statuses[-1] == 503
        assert set(statuses) <= {202, 503}
        assert site.daemon.get("/v1/health").status == 200
        kept = statuses.count(202)
        assert site.agree() == 20 + kept
        (small_disk / "filler").unlink()
        wait_for(
            lambda: site.daemon.event(victim_number(500)).status == 202,
            20,
            "an answer after the disk has room again",
        )
        assert site.agree() == 20 + kept + 1
        assert set(made) <= {row.mitigation_id for row in site.stored()}


def test_a_file_somebody_else_holds_refuses_and_recovers(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird", main={"storage": {"lock_timeout_seconds": 1}}) as site:
        ledger = crowd_of(site)
        other = sqlite3.connect(tmp_path / "prefixd.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            assert site.daemon.event("10.9.9.9").status == 503
        finally:
            other.rollback()
            other.close()
        with reporting(ledger, range(20)):
            pass
        nothing_lost(site, ledger)


def test_a_torn_journal_costs_the_torn_end_and_nothing_is_half_there(tmp_path: Path) -> None:
    """A disk that lied about its last writes: the journal ends in the middle of a record."""
    with a_site(tmp_path, "bird") as site:
        for number in range(60):
            site.daemon.event(victim_number(number))
        site.daemon.kill()
        journal = tmp_path / "prefixd.db-wal"
        os.truncate(journal, _end_of_journal(journal) - 30_001)
        site.daemon.start()
        site.await_sessions()
        rules = site.agree()
        assert 0 < rules < 60
        assert site.daemon.get("/v1/audit/verify").json["ok"] is True
        again = [site.daemon.event(victim_number(number)) for number in range(60)]
        assert {answer.status for answer in again} == {202}
        assert site.agree() == 60


def _end_of_journal(path: Path) -> int:
    """Where the frames of this generation end; what follows is left over from an earlier one."""
    octets = path.read_bytes()
    (page_size,) = struct.unpack_from("!I", octets, 8)
    salts, at = octets[16:24], 32
    while octets[at + 8 : at + 16] == salts:
        at += 24 + page_size
    return at


def test_half_a_file_is_refused_by_name_and_left_alone(tmp_path: Path) -> None:
    with a_site(tmp_path, "bird") as site:
        for number in range(40):
            site.daemon.event(victim_number(number))
        site.daemon.stop()
        file = tmp_path / "prefixd.db"
        shutil.copy(file, tmp_path / "copy.db")
        os.truncate(file, file.stat().st_size // 2)
        torn = file.read_bytes()
        done = _start_and_fail(site.daemon)
        assert done.returncode == 2
        assert "prefixd.db" in done.stderr
        assert "Traceback" not in done.stderr
        assert file.read_bytes() == torn
        shutil.copy(tmp_path / "copy.db", file)
        site.daemon.start()
        site.await_sessions()
        assert site.agree() == 40


def _start_and_fail(daemon: DaemonProcess) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefixd", "run", "-c", str(daemon.config_dir)],
        cwd=daemon.directory,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
