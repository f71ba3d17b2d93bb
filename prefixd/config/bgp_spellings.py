"""How values that only BGP has are spelled: AS numbers, families, communities, profiles."""

import ipaddress
import re

from prefixd.bgp.neighbor_settings import IPAddress, IPNetwork, Secret
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.settings import DEFAULT_FAMILIES, ListenAddress, SpeakerMode
from prefixd.bgp.wire.iana import FAMILY_BY_NAME, Family
from prefixd.bgp.wire.prefix import AFI_IPV4, AFI_IPV6, Prefix
from prefixd.config.kinds import HOST_PORT, PORT, Listing, Mapped, Spelled, Whole, Word
from prefixd.config.reader import BAD, Bad, Reader, did_you_mean
from prefixd.domain.rule import ActionKind

ASN = Whole(minimum=1, maximum=(1 << 32) - 1)
ACTIONS = tuple(kind.value for kind in ActionKind)

_COMMUNITY_NAMES = {
    "blackhole": 0xFFFF029A,
    "no_export": 0xFFFFFF01,
    "no_advertise": 0xFFFFFF02,
    "no_export_subconfed": 0xFFFFFF03,
}


def to_address(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _address_v4(text: str) -> ipaddress.IPv4Address | None:
    address = to_address(text)
    return address if isinstance(address, ipaddress.IPv4Address) else None


def _address_v6(text: str) -> ipaddress.IPv6Address | None:
    address = to_address(text)
    return address if isinstance(address, ipaddress.IPv6Address) else None


def _network(text: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(text, strict=True)
    except ValueError:
        return None


def _prefix(text: str) -> Prefix | None:
    network = _network(text)
    if network is None:
        return None
    return Prefix.of(
        AFI_IPV4 if network.version == 4 else AFI_IPV6,
        network.prefixlen,
        network.network_address.packed,
    )


def _network_hint(text: str) -> str | None:
    try:
        return f"the network is {ipaddress.ip_network(text, strict=False)}"
    except ValueError:
        return None


def _family(text: str) -> Family | None:
    name = text.replace("_", "-").lower()
    found = FAMILY_BY_NAME.get(name)
    return found if found is not None and "vpn" not in name else None


def _family_hint(text: str) -> str | None:
    return did_you_mean(text, [name for name in FAMILY_BY_NAME if "vpn" not in name])


def _community(text: str) -> int | None:
    named = _COMMUNITY_NAMES.get(text.lower().replace("-", "_"))
    if named is not None:
        return named
    high, low = _numbers(text, 2, 0xFFFF) or (None, None)
    return None if high is None or low is None else high << 16 | low


def _large_community(text: str) -> tuple[int, int, int] | None:
    parts = _numbers(text, 3, 0xFFFF_FFFF)
    return None if parts is None else (parts[0], parts[1], parts[2])


def _numbers(text: str, count: int, maximum: int) -> tuple[int, ...] | None:
    if re.fullmatch(r"[0-9]{1,10}(:[0-9]{1,10})*", text) is None:
        return None
    parts = tuple(int(part) for part in text.split(":"))
    return parts if len(parts) == count and max(parts) <= maximum else None


IP = Spelled(to_address, "an IP address")
IPV4 = Spelled(_address_v4, "an IPv4 address")
ROUTER_ID = Spelled(
    lambda text: (_address_v4(text) or None) if text != "0.0.0.0" else None,  # noqa: S104  refused
    "an IPv4 address other than 0.0.0.0",
)
IPV6 = Spelled(_address_v6, "an IPv6 address")
NETWORK = Spelled(_network, "an IP prefix such as 192.0.2.0/24", _network_hint)
PREFIX = Spelled(_prefix, NETWORK.what, _network_hint)
FAMILY = Spelled(_family, "an address family such as ipv4-flowspec", _family_hint)
COMMUNITY = Spelled(_community, 'a community such as "64500:666" or blackhole')
LARGE_COMMUNITY = Spelled(_large_community, 'a large community such as "64500:1:2"')
PROFILE = Spelled(
    lambda text: text if text in PROFILES else None,
    f"a router profile ({', '.join(PROFILES)})",
    lambda text: did_you_mean(text, PROFILES),
)
ACTION = Spelled(
    lambda text: text if text in ACTIONS else None,
    f"an action ({', '.join(ACTIONS)})",
    lambda text: did_you_mean(text, ACTIONS),
)


class Mode:
    """`speaker` or `mock`; the earlier daemon's `sidecar` means speaker."""

    def read(self, value: object, reader: Reader) -> SpeakerMode | Bad:
        if value == "sidecar":
            reader.warn("sidecar means speaker here", hint="the BGP speaker is part of prefixd")
            return SpeakerMode.SPEAKER
        return Word(SpeakerMode).read(value, reader)

    def describe(self) -> str:
        return Word(SpeakerMode).describe()


class _Asns:
    """One AS number, or a list of them."""

    def read(self, value: object, reader: Reader) -> frozenset[int] | Bad:
        if isinstance(value, list):
            several = Listing(kind=ASN, minimum=1).read(value, reader)
            return BAD if isinstance(several, Bad) else frozenset(several)
        one = ASN.read(value, reader)
        return BAD if isinstance(one, Bad) else frozenset({one})

    def describe(self) -> str:
        return "AS number, or a list of them"


ASNS = _Asns()

# An empty list was the earlier daemon's default: the FlowSpec families.
FAMILIES = Mapped(Listing(kind=FAMILY), lambda found: found or DEFAULT_FAMILIES)


def to_secret(text: str) -> Secret:
    return Secret(text.encode())


EVERY_ADDRESS: tuple[IPAddress, ...] = (
    ipaddress.IPv6Address("::"),
    ipaddress.IPv4Address("0.0.0.0"),  # noqa: S104  routers call us, from anywhere
)


class ListenAddresses:
    """A port for every address, one `host:port`, or a list; an empty list opens no socket."""

    def read(self, value: object, reader: Reader) -> tuple[ListenAddress, ...] | Bad:
        if isinstance(value, int) and not isinstance(value, bool):
            port = PORT.read(value, reader)
            if isinstance(port, Bad):
                return BAD
            return tuple(ListenAddress(address, port) for address in EVERY_ADDRESS)
        if isinstance(value, list):
            return Listing(kind=_ONE_LISTEN_ADDRESS).read(value, reader)
        one = _ONE_LISTEN_ADDRESS.read(value, reader)
        return BAD if isinstance(one, Bad) else (one,)

    def describe(self) -> str:
        return 'port, `"address:port"`, or a list of them'


class _OneListenAddress:
    def read(self, value: object, reader: Reader) -> ListenAddress | Bad:
        pair = HOST_PORT.read(value, reader)
        if isinstance(pair, Bad):
            return BAD
        address = to_address(pair[0])
        if address is None:
            return reader.complain(
                "must be an address with a port", value=value, hint='for instance "[::]:179"'
            )
        return ListenAddress(address, pair[1])

    def describe(self) -> str:
        return '`"address:port"`'


_ONE_LISTEN_ADDRESS = _OneListenAddress()
