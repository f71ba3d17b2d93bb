"""The newest hash of our audit chain, kept outside the database.

A chain proves its rows and not its end: without the newest rows, or without any, what is left still
fits together. So the daemon writes the head to a file of the operator's choice
(`storage.audit_head_file`) every minute, and to the log at start, every hour and at the end, where
it has moved. The row that the file names has to be in the table. Where it is not, the file stays as
it is, so that rows appended later do not hide the cut.
"""

import asyncio
import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from prefixd.errors import StoreUnavailable
from prefixd.store.audit import CHECKPOINT, AuditFault, AuditHead, read_head
from prefixd.store.database import Database
from prefixd.store.settings import StoreSettings

log = logging.getLogger(__name__)

STEP_S: Final = 60.0
STEPS_BETWEEN_LOG_LINES: Final = 60
_ROW: Final = "SELECT hash FROM audit_log WHERE chain = ? AND number = ?"
_NEWER: Final = "SELECT 1 FROM audit_log WHERE chain = ? AND number > ? LIMIT 1"


class _Kept(msgspec.Struct):
    """What the file holds."""

    chain: str
    number: int
    hash: str


class AuditAnchor:
    def __init__(self, database: Database, settings: StoreSettings, chain: str) -> None:
        self._database = database
        self._file = settings.audit_head_file
        self._prunes = bool(settings.retention.audit_days)
        self._chain = chain
        self._logged = AuditHead(0, "")
        self._steps_to_log_line = 0
        self._reported: str | None = None

    async def keep(self) -> None:
        """Run while the daemon does."""
        while True:
            await self.step()
            await asyncio.sleep(STEP_S)

    async def step(self) -> None:
        """Never raises: without the database or the file, the next step tries again."""
        try:
            head = await read_head(self._database, self._chain)
            if self._file is not None:
                await self._write(self._file, head)
        except StoreUnavailable:
            return
        self._steps_to_log_line -= 1
        if self._steps_to_log_line < 0:
            self._steps_to_log_line = STEPS_BETWEEN_LOG_LINES - 1
            self._log(head)

    async def last_step(self) -> None:
        """At the end of the daemon."""
        self._steps_to_log_line = 0
        await self.step()

    async def fault(self) -> AuditFault | None:
        """Why the table is not the one whose head the file holds."""
        if self._file is None:
            return None
        try:
            kept = await asyncio.to_thread(_read, self._file, self._chain)
        except ValueError as error:
            return AuditFault(self._chain, 0, str(error))
        if kept is None:
            return AuditFault(self._chain, 0, f"the head file {self._file} does not exist")
        return await self._missing(kept)

    async def _missing(self, kept: AuditHead) -> AuditFault | None:
        """Retention drops old rows and never the newest, so a row it dropped has a newer one."""
        row = await self._database.fetch_one(_ROW, (self._chain, kept.number))
        if row is not None:
            reason = f"row {kept.number} is not the one that the head file names"
            return None if row[0] == kept.hash else AuditFault(self._chain, kept.number, reason)
        checkpoint = await self._database.fetch_one(CHECKPOINT, (self._chain,))
        newer = await self._database.fetch_one(_NEWER, (self._chain, kept.number))
        if self._prunes and newer and checkpoint and checkpoint[0] >= kept.number:
            return None
        reason = f"row {kept.number} is missing, which the head file names as the newest"
        return AuditFault(self._chain, kept.number, reason)

    async def _write(self, file: Path, head: AuditHead) -> None:
        try:
            kept = await asyncio.to_thread(_read, file, self._chain)
            fault = None if kept is None else await self._missing(kept)
        except ValueError as error:
            fault = AuditFault(self._chain, 0, str(error))
            kept = None
        if fault is not None:
            if self._is_new("cut"):
                extra = {"chain": self._chain, "reason": fault.reason}
                log.error("audit log was cut", extra=extra)
        elif head.number and head != kept:
            try:
                await asyncio.to_thread(_replace, file, _Kept(self._chain, head.number, head.hash))
            except OSError as error:
                if self._is_new("not written"):
                    extra = {"chain": self._chain, "reason": str(error)}
                    log.error("audit head file not written", extra=extra)
            else:
                self._reported = None

    def _is_new(self, trouble: str) -> bool:
        """Each trouble is logged when it begins, not every minute."""
        was, self._reported = self._reported, trouble
        return was != trouble

    def _log(self, head: AuditHead) -> None:
        if head.number and head != self._logged:
            self._logged = head
            log.info(
                "audit log head",
                extra={"chain": self._chain, "number": head.number, "hash": head.hash},
            )


def _read(file: Path, chain: str) -> AuditHead | None:
    """None when there is no file yet; ValueError when it is not a head of this chain."""
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ValueError(f"the head file {file} cannot be read: {error}") from error
    if kept.chain != chain:
        raise ValueError(f"the head file {file} belongs to POP {kept.chain}")
    return AuditHead(kept.number, kept.hash)


def _replace(file: Path, kept: _Kept) -> None:
    """Whole or not at all, also after a power failure."""
    new = file.with_name(f"{file.name}.new")
    with new.open("wb") as out:
        out.write(msgspec.json.encode(kept) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
