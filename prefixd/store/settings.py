"""Where rows are stored and for how long: the settings of the store, their defaults and units.

A connection string is `sqlite:///absolute/path.db`, `sqlite:relative/path.db`, `sqlite::memory:`
(tests) or any `postgres://` address. It may carry a password, so it is never printed whole:
`StoreSettings.where` is what messages show.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from prefixd.setting import As, Default, Doc, Positive, PositiveNumber, Secret, Whole

MEMORY = ":memory:"
_SECRET = re.compile(r"(://[^:/@]*):[^/]*@|(password=)[^&\s]*")


Days = Annotated[int, Whole(0, 36_500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """How long finished rows are kept; 0: for ever.

    Only finished things age: a live mitigation, an open group, an unexpired session are never
    touched whatever their date.
    """

    events_days: Annotated[Days, Doc("Detector events.")] = 90
    mitigations_days: Annotated[Days, Doc("Ended mitigations.")] = 400
    groups_days: Annotated[Days, Doc("Closed signal groups.")] = 90
    decisions_days: Annotated[Days, Doc("Decision records.")] = 400
    audit_days: Annotated[Days, Doc("Audit entries.")] = 0
    notifications_days: Annotated[Days, Doc("Delivered alerts.")] = 7
    idempotency_hours: Annotated[Days, Doc("Answers kept for repeated requests.")] = 24
    # Of one transaction, so that no event waits behind a purge.
    batch_rows: Annotated[Positive, Doc("Rows deleted at a time.")] = 500


DEFAULT_CONNECTION = "sqlite:///var/lib/prefixd/prefixd.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where mitigations, events and the audit log are kept."""

    connection_string: Annotated[
        str,
        As("database"),
        Doc("The database. DATABASE_URL in the environment overrides it."),
        Secret(three_ways=False),
        Default(f"`{DEFAULT_CONNECTION}`"),
    ] = field(default=DEFAULT_CONNECTION, repr=False)
    read_connections: Annotated[
        Positive, Doc("SQLite readers, or size of the PostgreSQL pool.")
    ] = 4
    connect_timeout_s: Annotated[PositiveNumber, Doc("To connect.")] = 5.0
    read_timeout_s: Annotated[PositiveNumber, Doc("Of one query.")] = 5.0
    write_timeout_s: Annotated[PositiveNumber, Doc("Of one commit.")] = 15.0
    lock_timeout_s: Annotated[PositiveNumber, Doc("To wait for another process.")] = 5.0
    queue_limit: Annotated[Positive, Doc("Writes waiting; one more is answered 503.")] = 4096
    batch_limit: Annotated[Positive, Doc("Writes that share a commit.")] = 256
    max_file_mb: Annotated[int, Doc("SQLite: largest file; 0: as large as the disk.")] = 0
    audit_head_file: Annotated[
        Path | None,
        Doc("Keeps the newest hash of the audit log outside the database, for `audit verify`."),
        Default("none"),
    ] = None
    retention: Annotated[RetentionSettings, Doc("How long finished rows are kept.")] = field(
        default_factory=RetentionSettings
    )

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
