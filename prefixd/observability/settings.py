"""How the daemon speaks about itself: log format and level."""

from dataclasses import dataclass
from enum import StrEnum


class LogFormat(StrEnum):
    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilitySettings:
    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel = LogLevel.INFO
