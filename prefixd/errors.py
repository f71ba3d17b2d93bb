"""Errors that cross floors.

    PrefixdError
      StartupError        the daemon cannot start; one clear line, exit code 2
      ConfigError         files are wrong; carries every problem found (raised by prefixd.config)
      StoreUnavailable    the database is away or refuses; callers answer 503, rules stay

Expected outcomes (a refusal, "not yet") are return values, not exceptions. What a package raises
only inside its own walls lives there: `bgp/wire/errors.py` is the largest of those families.
"""


class PrefixdError(Exception):
    """Base of all errors that a face may turn into words for people."""


class StartupError(PrefixdError):
    """The daemon cannot start. The text says what, where, and what to do."""


class StoreUnavailable(PrefixdError):
    """The database is away, full or locked. Nothing was half-written."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Conflict(PrefixdError):
    """A write found another state than the one it was decided on. Nothing of its unit is stored.

    `what` is one word: "event", "episode", "group", "scope", "version", "quota", "account",
    "value" ...; `key` names the row or the counter in question.
    """

    def __init__(self, what: str, key: str = "") -> None:
        super().__init__(f"{what} conflict: {key}" if key else f"{what} conflict")
        self.what = what
        self.key = key
