"""What an operator decides about one part of a neighbor: timers, restart, pacing, import, keys.

`settings.py` puts them together. What types cannot exclude is reported by `settings_check.py`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Final

from prefixd.setting import As, Default, Doc, Live, Named, Number, Positive, Share, Text, Whole
from prefixd.setting import Secret as SecretKey

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network
Octet = Annotated[int, Whole(0, 255)]
Time = Annotated[float, Number(0.0, 86_400.0, above_minimum=True)]
TimeOrZero = Annotated[float, Number(0.0, 86_400.0)]
Community = Annotated[int, As("community")]
ActionName = Annotated[str, As("action")]

MAX_RESTART_TIME_S: Final = 4095
MAX_STALE_TIME_S: Final = (1 << 24) - 1


class Direction(StrEnum):
    """Who opens the TCP connection. `both` can collide, and resolves it (RFC 4271 6.8)."""

    BOTH = "both"
    ACTIVE = "active"
    PASSIVE = "passive"


class RestartPolicy(StrEnum):
    """What routers do with our rules while we are gone."""

    FAIL_OPEN = "fail_open"
    BRIDGE = "bridge"
    HOLD = "hold"


class StopMode(StrEnum):
    """How a session ends when we are the ones to end it on purpose."""

    KEEP = "keep"
    WITHDRAW = "withdraw"
    HARD = "hard"


class ExcessPolicy(StrEnum):
    """What happens when a peer announces more than `max_received`."""

    DISCARD = "discard_excess"
    RESET = "reset"


class FenceMode(StrEnum):
    """Whether a ROUTE-REFRESH answer is used as proof that earlier UPDATEs were parsed."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class ImportMode(StrEnum):
    DENY = "deny"
    MONITOR = "monitor"
    ACCEPT = "accept"


class BisectMode(StrEnum):
    ON = "on"
    OFF = "off"


class FallbackMode(StrEnum):
    """Whether to retry with fewer families after NOTIFICATION 2/7."""

    OFF = "off"
    AUTO = "auto"


class RoleName(StrEnum):
    """BGP roles of RFC 9234, as this side plays them."""

    PROVIDER = "provider"
    ROUTE_SERVER = "rs"
    ROUTE_SERVER_CLIENT = "rs-client"
    CUSTOMER = "customer"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Secret:
    """Key material that never prints."""

    value: bytes = field(repr=False)


class AoAlgorithm(StrEnum):
    HMAC_SHA1 = "hmac(sha1)"
    AES_128_CMAC = "cmac(aes128)"
    HMAC_SHA256 = "hmac(sha256)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AoKey:
    """TCP-AO keys (RFC 5925): the first sends, all are accepted."""

    send_id: Annotated[Octet, Doc("SendID of the key.")]
    receive_id: Annotated[Octet, Doc("RecvID of the key.")]
    secret: Annotated[Secret, Named("key"), SecretKey(), Doc("The master key.")]
    algorithm: Annotated[AoAlgorithm, Doc("Algorithm of the MAC.")] = AoAlgorithm.HMAC_SHA1
    mac_octets: Annotated[int, Whole(4, 20), Doc("Length of the MAC.")] = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartSettings:
    """Graceful restart: what happens to rules on the router when prefixd stops or crashes."""

    policy: Annotated[
        RestartPolicy,
        Doc(
            "What routers do with our rules while prefixd is gone: `fail_open` drops them at "
            "once, `bridge` keeps them for the restart time, `hold` for the stale time."
        ),
    ] = RestartPolicy.BRIDGE
    restart_time_s: Annotated[
        int,
        Whole(0, MAX_RESTART_TIME_S),
        Doc("How long a router keeps our rules without us (RFC 4724)."),
    ] = 120
    llgr_stale_time_s: Annotated[
        int,
        Whole(0, MAX_STALE_TIME_S),
        Doc("With `hold`: how long rules stay as stale (RFC 9494)."),
    ] = 3600
    hold_reason: Annotated[
        str,
        Text(minimum=0),
        Doc("Why rules may outlive us for so long; needed by `hold`."),
        Live.LIVE,
    ] = ""
    stale_routes_max_s: Annotated[
        int,
        Whole(1, 86_400),
        Doc("When the peer restarts: how long its old routes may wait for its End-of-RIB."),
        Live.LIVE,
    ] = 360


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerSettings:
    """Timers of one session (RFC 4271 section 10)."""

    connect_timeout_s: Annotated[Time, Doc("Give up a TCP connect after this long."), Live.LIVE] = (
        10.0
    )
    connect_retry_s: Annotated[
        Time, Doc("First pause before another attempt; later ones grow."), Live.LIVE
    ] = 5.0
    """Jitter of a quarter either way is added to every step."""
    initial_hold_time_s: Annotated[
        Time, Doc("How long a connection may wait for the peer's OPEN."), Live.LIVE
    ] = 30.0
    """RFC 4271 suggests 240."""
    hold_time_s: Annotated[
        int,
        Whole(0, 65_535),
        Doc("Hold time we offer; the smaller of both sides counts. 0 or at least 3."),
    ] = 90
    min_hold_time_s: Annotated[
        int, Whole(3, 65_535), Doc("A peer that offers less is refused.")
    ] = 3
    keepalive_s: Annotated[
        Time | None, Doc("Interval of KEEPALIVE messages."), Default("a third of the hold time")
    ] = None
    """None: a third of the negotiated hold time."""
    send_hold_time_s: Annotated[
        Time | None,
        Doc("A peer that reads nothing for this long is disconnected (RFC 9687)."),
        Default("twice the hold time"),
    ] = None
    """None: twice the negotiated hold time, at least 30."""
    stable_s: Annotated[
        TimeOrZero, Doc("Established for this long forgets earlier failures."), Live.LIVE
    ] = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingSettings:
    """How fast changes go out to this router."""

    batch_ms: Annotated[int, Whole(0, 10_000), Doc("Longest wait to collect changes.")] = 20
    batch_keys: Annotated[Positive, Doc("Changes that end the wait.")] = 200
    quiet_ms: Annotated[
        int, Whole(0, 60_000), Doc("After this much silence the first change leaves at once.")
    ] = 50
    rules_per_second: Annotated[
        int | None,
        Whole(),
        Doc("Most changes a second; 0: unpaced."),
        Default("from the profile"),
    ] = None
    fence: Annotated[FenceMode, Doc("Use route refresh answers as proof that rules were read.")] = (
        FenceMode.AUTO
    )
    fence_interval_s: Annotated[Time, Doc("Least pause between such requests.")] = 2.0
    fence_timeout_s: Annotated[Time, Doc("How long an answer is awaited.")] = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoisonSettings:
    """A rule that resets the session is found and kept from this peer."""

    window_s: Annotated[TimeOrZero, Doc("A reset this soon after a batch makes it suspect.")] = 10.0
    bisect: Annotated[BisectMode, Doc("Look for the one rule the router chokes on.")] = (
        BisectMode.ON
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """What is kept of what this peer announces. The default believes nothing."""

    mode: Annotated[
        ImportMode,
        Doc(
            "`deny` believes nothing, `monitor` keeps what arrives, `accept` also judges it by "
            "the keys below and logs the rules that pass. None of them makes a mitigation of it."
        ),
    ] = ImportMode.DENY
    destinations: Annotated[
        tuple[IPNetwork, ...],
        Doc("Rules that pass lie inside one of these; empty: none does."),
    ] = ()
    actions: Annotated[frozenset[ActionName], Doc("Kinds of action that pass; empty: all.")] = (
        frozenset()
    )
    required_communities: Annotated[
        tuple[Community, ...], Doc("Rules that pass carry all these.")
    ] = ()
    max_received_flowspec: Annotated[
        int, Whole(), Doc("Most FlowSpec rules taken from this peer.")
    ] = 1000
    max_received_unicast: Annotated[
        int, Whole(), Doc("Most unicast routes taken from this peer.")
    ] = 10_000
    warn_share: Annotated[Share, Doc("Warn when this share of a limit is reached.")] = 0.8
    on_excess: Annotated[ExcessPolicy, Doc("Beyond a limit: ignore the rest, or reset.")] = (
        ExcessPolicy.DISCARD
    )
    enforce_first_as: Annotated[bool, Doc("The first AS of a path must be the peer's.")] = False
    max_items_per_rule: Annotated[Positive, Doc("Largest rule taken, in values.")] = 512
