"""Where the rows live and how long: the store's settings, their defaults and units.

A connection string is `sqlite:///absolute/path.db`, `sqlite:relative/path.db`, `sqlite::memory:`
(tests) or any `postgres://` address. It may carry a password, so it is never printed whole:
`StoreSettings.where` is what messages show.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

MEMORY = ":memory:"
_SECRET = re.compile(r"(://[^:/@]*):[^@]*@|(password=)[^&\s]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """Days a row is kept after it stopped mattering; 0 keeps it for ever.

    Only finished things age: a live mitigation, an open group, an unexpired session are never
    touched whatever their date.
    """

    events_days: int = 90
    mitigations_days: int = 400
    groups_days: int = 90
    decisions_days: int = 400
    audit_days: int = 0
    notifications_days: int = 7
    idempotency_hours: int = 24
    batch_rows: int = 500  # rows deleted by one transaction, so that no event waits behind a purge


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    connection_string: str = field(default="sqlite:///var/lib/prefixd/prefixd.db", repr=False)
    read_connections: int = 4  # SQLite readers, PostgreSQL pool
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 5.0
    write_timeout_s: float = 15.0
    lock_timeout_s: float = 5.0  # how long a writer waits for another process's lock
    queue_limit: int = 4096  # units waiting for the writer; one more is answered 503
    batch_limit: int = 256  # units that share one commit
    max_file_mb: int = 0  # SQLite: the file may not grow beyond this; 0 leaves it to the disk
    retention: RetentionSettings = field(default_factory=RetentionSettings)

    @property
    def is_sqlite(self) -> bool:
        return self.connection_string.startswith("sqlite:")

    @property
    def is_postgres(self) -> bool:
        return self.connection_string.startswith(("postgres:", "postgresql:"))

    @property
    def sqlite_path(self) -> str:
        """The file, or `:memory:`. Two slashes after the scheme are an empty authority."""
        assert self.is_sqlite
        rest = self.connection_string.removeprefix("sqlite:")
        return rest.removeprefix("//")

    @property
    def sqlite_file(self) -> Path:
        return Path(self.sqlite_path)

    @property
    def where(self) -> str:
        """The connection string without its secret, for messages and logs."""
        return _SECRET.sub(
            lambda m: f"{m[1] or ''}{m[2] or ''}{':***@' if m[1] else '***'}",
            self.connection_string,
        )
