"""The newest hash of the audit chain is kept outside the table: a cut tail shows."""

import json
import logging
from pathlib import Path

import pytest

from prefixd.clock import SystemClock
from prefixd.store.settings import RetentionSettings, StoreSettings
from prefixd.store.store import Store, open_store
from tests.contract.test_audit import DAY_US, append, by_hand
from tests.kit.rows import POP, T0_US


@pytest.fixture
def head_file(tmp_path: Path) -> Path:
    return tmp_path / "audit-head.json"


async def _open(settings: StoreSettings, head_file: Path, **retention: int) -> Store:
    anchored = StoreSettings(
        connection_string=settings.connection_string,
        audit_head_file=head_file,
        retention=RetentionSettings(**retention),
    )
    return await open_store(anchored, SystemClock(), pop=POP, instance="daemon")


@pytest.mark.parametrize(
    ("tampering", "reason"),
    [
        ("DELETE FROM audit_log WHERE number > 7", "row 10 is missing"),
        ("DELETE FROM audit_log", "row 10 is missing"),
        (
            "DELETE FROM audit_log; INSERT INTO audit_checkpoints (chain, number, hash)"
            " VALUES ('ams1', 10, '{hash}')",
            "row 10 is missing",
        ),
    ],
)
async def test_a_cut_tail_and_an_emptied_table_show(
    shared: StoreSettings, head_file: Path, tampering: str, reason: str
) -> None:
    async with await _open(shared, head_file) as store:
        await append(store, 10)
        await store.audit_anchor.step()
        (whole,) = await store.audit.verify()
        assert whole.fault is None
        for statement in tampering.format(hash=whole.head.hash).split("; "):
            await by_hand(shared, statement)
        (report,) = await store.audit.verify()
        assert report.fault is not None
        assert reason in report.fault.reason


async def test_rows_appended_after_a_cut_do_not_hide_it(
    shared: StoreSettings, head_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with await _open(shared, head_file) as store:
        await append(store, 10)
        await store.audit_anchor.step()
    await by_hand(shared, "DELETE FROM audit_log WHERE number > 4")
    async with await _open(shared, head_file) as store:
        await append(store, 20)
        for _ in range(2):
            await store.audit_anchor.step()  # keeps the head that is no longer in the table
        (report,) = await store.audit.verify()
        assert report.fault is not None
        assert (report.fault.number, report.rows) == (10, 24)
        assert "row 10 is not the one" in report.fault.reason
    found = [each for each in caplog.records if each.message == "audit log was cut"]
    assert [each.levelno for each in found] == [logging.ERROR]


async def test_pruning_is_no_cut(shared: StoreSettings, head_file: Path) -> None:
    async with await _open(shared, head_file, audit_days=30) as store:
        await append(store, 5)
        await store.audit_anchor.step()
        await append(store, 1, at_us=T0_US + 40 * DAY_US)
        await store.retention.run_once(T0_US + 60 * DAY_US)
        (report,) = await store.audit.verify()
        assert (report.rows, report.fault) == (1, None)


async def test_a_head_file_that_cannot_be_read_shows_and_is_kept(
    shared: StoreSettings, head_file: Path
) -> None:
    async with await _open(shared, head_file) as store:
        await append(store, 1)
        for text in ("", "{}", json.dumps({"chain": "fra1", "number": 1, "hash": "0" * 64})):
            head_file.write_text(text)
            await store.audit_anchor.step()
            (report,) = await store.audit.verify()
            assert report.fault is not None
            assert str(head_file) in report.fault.reason
            assert head_file.read_text() == text
        head_file.unlink()
        (report,) = await store.audit.verify()
        assert report.fault is not None
        assert "does not exist" in report.fault.reason
        await store.audit_anchor.step()
        (report,) = await store.audit.verify()
        assert report.fault is None


async def test_without_a_file_the_head_is_in_the_log(
    settings: StoreSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with await open_store(settings, SystemClock(), pop=POP, instance="daemon") as store:
        await append(store, 3)
        for _ in range(2):
            await store.audit_anchor.step()
        (report,) = await store.audit.verify()
        (found,) = [each for each in caplog.records if each.message == "audit log head"]
        assert found.__dict__["number"] == 3
        assert found.__dict__["hash"] == report.head.hash
        await append(store, 1)
        await store.audit_anchor.last_step()
        assert [
            each.__dict__["number"] for each in caplog.records if each.message == "audit log head"
        ] == [3, 4]


async def test_a_head_that_cannot_be_written_is_reported_once(
    shared: StoreSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with await _open(shared, tmp_path / "no-such-folder" / "head.json") as store:
        await append(store, 1)
        for _ in range(2):
            await store.audit_anchor.step()
    found = [each for each in caplog.records if each.message == "audit head file not written"]
    assert len(found) == 1
