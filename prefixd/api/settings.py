"""Where the HTTP face listens and how much it takes from one caller."""

from dataclasses import dataclass
from pathlib import Path

from prefixd.domain.prefix import Prefix

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Listen:
    """A TCP address. An empty host means every address of the machine."""

    host: str = "127.0.0.1"
    port: int = 8080

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Paths are absolute by now. The files are read again on reload."""

    cert_path: Path
    key_path: Path
    ca_path: Path | None = None
    """Whose client certificates are accepted; required with mtls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSettings:
    """One token bucket per client address; health and metrics stand outside."""

    events_per_second: int = 100
    burst: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    listen: Listen = Listen()
    unix_socket: Path | None = None
    """Listen on this path as well; the directory decides who may connect."""
    tls: TlsSettings | None = None
    rate_limit: RateLimitSettings = RateLimitSettings()
    cors_origin: str | None = None
    """The one other origin whose pages may call us."""
    trusted_proxies: tuple[Prefix, ...] = ()
    """Whose X-Forwarded-For is believed."""
    max_body_bytes: int = MEBIBYTE
    request_timeout_s: int = 30
    metrics_public: bool = True
    """/metrics without authentication."""
