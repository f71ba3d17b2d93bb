"""Where the HTTP face listens and how much it takes from one caller."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from prefixd.domain.prefix import Prefix
from prefixd.setting import As, Default, Doc, Name, Positive, Text, Whole

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
    """TLS for the API.

    Paths are absolute by now. The files are read again on reload.
    """

    cert_path: Annotated[Path, As("existing file"), Doc("Certificate chain, PEM.")]
    key_path: Annotated[Path, As("existing file"), Doc("Its key.")]
    ca_path: Annotated[
        Path | None,
        As("existing file"),
        Doc("Whose client certificates are accepted; needed by mode mtls."),
        Default("none"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSettings:
    """Per client; health and metrics are not counted.

    One token bucket per client address.
    """

    events_per_second: Annotated[Positive, Doc("Requests a second, per client.")] = 100
    burst: Annotated[Positive, Doc("Requests at once, per client.")] = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """The API, and who may call."""

    listen: Annotated[Listen, Doc("Address of the API.")] = Listen()
    unix_socket: Annotated[Path | None, Doc("Listen here as well."), Default("none")] = None
    """The directory decides who may connect."""
    tls: Annotated[
        TlsSettings | None, Doc("Certificate of the API."), Default("absent: clear text")
    ] = None
    rate_limit: Annotated[RateLimitSettings, Doc("Limits per client.")] = RateLimitSettings()
    cors_origin: Annotated[
        str | None,
        Text(pattern=r"https?://[^/\s]+", what="an origin such as https://noc.example.net"),
        Doc("The other origin whose pages may call."),
        Default("none"),
    ] = None
    allowed_hosts: Annotated[
        tuple[Name, ...],
        Doc(
            "Names under which the service is reached without authentication, beside addresses, "
            "`localhost`, this machine's name, the host of `listen` and that of `public_url`."
        ),
    ] = ()
    trusted_proxies: Annotated[tuple[Prefix, ...], Doc("Whose X-Forwarded-For is believed.")] = ()
    max_body_bytes: Annotated[int, Whole(1024), Doc("Largest request.")] = MEBIBYTE
    max_connections: Annotated[
        Positive,
        Doc(
            "Most open HTTP connections. Fewer where the open-file limit of the process is low: "
            "part of it is kept for BGP and the database."
        ),
    ] = 4096
    max_connections_per_address: Annotated[
        Positive,
        Doc(
            "Most open HTTP connections of one address, and at most half of all. Trusted proxies "
            "are not counted."
        ),
    ] = 256
    request_timeout_s: Annotated[int, Whole(1, 600), Doc("Longest request.")] = 30
    metrics_public: Annotated[bool, Doc("/metrics without authentication.")] = True
