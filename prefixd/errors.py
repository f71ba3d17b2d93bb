"""Errors that cross packages.

    PrefixdError          base of all errors that are shown as a message, never as a traceback
      StartupError        the daemon cannot start; one clear line, exit code 2
      StoreUnavailable    the database is unreachable or refuses; callers answer 503, rules stay
        StoreFull         its disk is full
        StoreDamaged      its file is damaged, whatever else it still answers
      Conflict            a write found another state than the one it was decided on; it is retried
      Busy                a queue is full, nothing was accepted; callers answer 503 (engine)
      ConfigError         files are wrong; carries every problem found (config)
        and, raised where a command or a page is served: SampleRefused, EditConflict, WriteFailed
        (config), AddUserError (daemon), NotGobgp, NotADump (migrate), SocketRefusal (bgp)

A test compares this tree with the classes. Expected outcomes (a refusal, "not yet") are return
values, not exceptions. What a package raises and catches inside itself is defined there:
`bgp/wire/errors.py` is the largest of those families.
"""


class PrefixdError(Exception):
    """Base of all errors that a face may turn into a message."""


class StartupError(PrefixdError):
    """The daemon cannot start. The text says what, where, and what to do."""


class StoreUnavailable(PrefixdError):
    """The database is unreachable, full or locked. Nothing was half-written."""

    summary = "database unreachable"
    """For everyone who asks: unlike the message it names no table, user or file."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreFull(StoreUnavailable):
    summary = "database disk full"


class StoreDamaged(StoreUnavailable):
    summary = "database damaged"


class Conflict(PrefixdError):
    """A write found another state than the one it was decided on. Nothing of its unit is stored.

    `what` is one word: "event", "episode", "group", "scope", "version", "quota", "account",
    "value" ...; `key` names the row or the counter in question.
    """

    def __init__(self, what: str, key: str = "") -> None:
        super().__init__(f"{what} conflict: {key}" if key else f"{what} conflict")
        self.what = what
        self.key = key
