"""How the daemon speaks about itself: log format and level."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from prefixd.setting import Doc


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
    """Logs."""

    log_format: Annotated[LogFormat, Doc("One JSON object a line, or text for a terminal.")] = (
        LogFormat.JSON
    )
    log_level: Annotated[LogLevel, Doc("RUST_LOG in the environment overrides it.")] = LogLevel.INFO
