"""How values with a spelling of their own are read: by their type, or by the word of an `As`."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Final

from prefixd.api.settings import Listen
from prefixd.bgp.neighbor_settings import IPAddress, IPNetwork
from prefixd.bgp.settings import SpeakerMode
from prefixd.bgp.wire.iana import Family
from prefixd.bgp.wire.prefix import Prefix as WirePrefix
from prefixd.config import bgp_spellings as bgp
from prefixd.config.kinds import (
    ADDRESS,
    AT_LEAST_ONE,
    HOST_PORT,
    NAME,
    PREFIX,
    Flag,
    Kind,
    Listing,
    Mapped,
    Number,
    Spelled,
    Text,
    Whole,
    Word,
)
from prefixd.config.reader import BAD, Bad, Reader, did_you_mean
from prefixd.config.secrets import SecretMissing, from_environment, from_file, loose_file_warning
from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.rule import PortRange
from prefixd.domain.vector import Vector
from prefixd.notify.settings import AlertEvent
from prefixd.observability.settings import LogFormat, LogLevel


class _ExistingFile:
    """The path of a file that can be read, absolute afterwards."""

    def read(self, value: object, reader: Reader) -> Path | Bad:
        text = PATH_TEXT.read(value, reader)
        if isinstance(text, Bad):
            return BAD
        path = reader.directory / text
        try:
            with path.open("rb"):
                return path
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return reader.complain(f"{path} cannot be read: {reason}")

    def describe(self) -> str:
        return "path of a file"


class _Quota:
    """A whole number, or `unlimited`."""

    def read(self, value: object, reader: Reader) -> int | Bad | None:
        if value == "unlimited":
            return None
        return AT_LEAST_ONE.read(value, reader)

    def describe(self) -> str:
        return "whole number ≥ 1, or `unlimited`"


class _PortRange:
    """A port, or `"1000-2000"`."""

    def read(self, value: object, reader: Reader) -> PortRange | Bad:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return _PORT_RANGE_TEXT.read(text, reader)

    def describe(self) -> str:
        return 'port or `"low-high"`'


def _port_range(text: str) -> PortRange | None:
    low, dash, high = text.partition("-")
    if not low.isdigit() or (dash and not high.isdigit()):
        return None
    found = PortRange(int(low), int(high or low))
    return found if 0 < found.low <= found.high <= 65535 else None


class _LogFormat:
    """`json` or `text`; the earlier daemon's `pretty` means text."""

    def read(self, value: object, reader: Reader) -> LogFormat | Bad:
        return LogFormat.TEXT if value == "pretty" else Word(LogFormat).read(value, reader)

    def describe(self) -> str:
        return f"{Word(LogFormat).describe()}; `pretty` means text"


class _LogLevel:
    """The earlier daemon also knew `trace` and `warning`."""

    def read(self, value: object, reader: Reader) -> LogLevel | Bad:
        level = log_level(value) if isinstance(value, str) else None
        return level if level is not None else Word(LogLevel).read(value, reader)

    def describe(self) -> str:
        return Word(LogLevel).describe()


_LEVEL_WORDS = {"trace": LogLevel.DEBUG, "warning": LogLevel.WARN}


def log_level(text: str) -> LogLevel | None:
    word = text.strip().lower()
    if word in _LEVEL_WORDS:
        return _LEVEL_WORDS[word]
    return LogLevel(word) if word in list(LogLevel) else None


class _Events:
    """Names of events; `mitigation.*` means all that begin so."""

    def read(self, value: object, reader: Reader) -> frozenset[AlertEvent] | Bad:
        names = Listing(kind=NAME, unique=False).read(value, reader)
        if isinstance(names, Bad):
            return BAD
        found: set[AlertEvent] = set()
        complete = True
        for index, name in enumerate(names):
            wanted = [event for event in AlertEvent if _fits(name, event)]
            if not wanted:
                complete = False
                reader.path.append(index)
                hint = did_you_mean(name, [event.value for event in AlertEvent])
                reader.complain("is not an event", value=name, hint=hint)
                reader.path.pop()
            found.update(wanted)
        return frozenset(found) if complete else BAD

    def describe(self) -> str:
        return "list of events, `mitigation.*` for all of a kind"


def _fits(pattern: str, event: AlertEvent) -> bool:
    if pattern.endswith(".*"):
        return event.value.startswith(pattern[:-1])
    return event.value == pattern


RESERVED_HEADERS = frozenset(
    {"content-type", "content-length", "host", "user-agent", "connection", "transfer-encoding"}
)


class _Vector:
    """An attack vector; names that tools and the earlier daemon's documentation use as well."""

    def read(self, value: object, reader: Reader) -> Vector | Bad:
        meant = _VECTOR_WORDS.get(value) if isinstance(value, str) else None
        if meant is not None:
            reader.warn(f"{value} means {meant.value} here", hint=f"write {meant.value}")
            return meant
        return Word(Vector).read(value, reader)

    def describe(self) -> str:
        return "vector"


_VECTOR_WORDS = {
    **{
        vector.value.replace("_amplification", suffix): vector
        for vector in Vector
        if vector.value.endswith("_amplification")
        for suffix in ("_amp", "_reflection")
    },
    "tcp_syn_flood": Vector.SYN_FLOOD,
    "tcp_ack_flood": Vector.ACK_FLOOD,
    "rst_flood": Vector.TCP_RST_FLOOD,
}


class _AddedHeader:
    """A header we may add; those that we send ourselves are refused."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        name = HEADER.read(value, reader)
        if not isinstance(name, Bad) and (
            name.lower() in RESERVED_HEADERS or name.lower().startswith("webhook-")
        ):
            return reader.complain("is a header that prefixd sets itself")
        return name

    def describe(self) -> str:
        return "header"


class _ChatId:
    """Chats have numbers, which people write without quotes."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return Text(maximum=64).read(value, reader)

    def describe(self) -> str:
        return "text or whole number"


class SecretReference:
    """`env:NAME` or `file:PATH`, checked to lead somewhere; the text of it is what is kept."""

    def __init__(self, scheme: str = "") -> None:
        self._scheme = scheme

    def read(self, value: object, reader: Reader) -> str | Bad:
        text = Text(maximum=4096).read(value, reader)
        if isinstance(text, Bad):
            return BAD
        reference = text if not self._scheme else f"{self._scheme}:{text}"
        try:
            resolve_reference(reference, reader)
        except SecretMissing as missing:
            return reader.complain(missing.message, hint=missing.hint)
        return reference

    def describe(self) -> str:
        return "`env:NAME` or `file:PATH`" if not self._scheme else "name of a variable"


def resolve_reference(reference: str, reader: Reader) -> str:
    scheme, _, rest = reference.partition(":")
    if scheme == "env" and rest:
        return from_environment(rest, reader.env)
    if scheme == "file" and rest:
        return from_file(rest, reader.directory)
    raise SecretMissing("is not a reference to a secret", "write env:NAME or file:PATH")


class _Constant:
    """A text, number or flag."""

    def read(self, value: object, reader: Reader) -> str | int | float | bool | Bad:
        if isinstance(value, int | float):
            return value
        return Text().read(value, reader)

    def describe(self) -> str:
        return "text, number, true or false"


@dataclass(frozen=True, slots=True)
class EnvironmentSecret:
    """The name of an environment variable; reads as what the variable holds."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        name = Text(pattern=r"[A-Za-z_][A-Za-z0-9_]*", what="the name of a variable").read(
            value, reader
        )
        if isinstance(name, Bad):
            return BAD
        try:
            return from_environment(name, reader.env)
        except SecretMissing as missing:
            return reader.complain(missing.message, hint=missing.hint)

    def describe(self) -> str:
        return "name of an environment variable"


@dataclass(frozen=True, slots=True)
class FileSecret:
    """The path of a file; reads as what the file holds."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        name = Text(maximum=4096, what="a path").read(value, reader)
        if isinstance(name, Bad):
            return BAD
        try:
            secret = from_file(name, reader.directory)
        except SecretMissing as missing:
            return reader.complain(missing.message, hint=missing.hint)
        warning = loose_file_warning(name, reader.directory, reader.here)
        if warning is not None:
            reader.problems.append(warning)
        return secret

    def describe(self) -> str:
        return "path of a file"


PATH_TEXT = Text(maximum=4096, what="a path")
HEADER = Text(pattern=r"[A-Za-z0-9-]{1,64}", what="the name of a header")
LISTEN = Mapped(HOST_PORT, lambda pair: Listen(*pair))
CONNECTION = Spelled(
    lambda text: text if text.startswith(("sqlite:", "postgres://", "postgresql://")) else None,
    "sqlite:///absolute/path, sqlite:relative/path or postgres://…",
)
VECTOR = _Vector()
_PORT_RANGE_TEXT = Spelled(_port_range, 'a port or a range such as "3784-3785"')

BY_TYPE: Final[Mapping[object, Kind[Any]]] = {
    int: Whole(),
    float: Number(),
    str: Text(),
    bool: Flag(),
    Prefix: PREFIX,
    Address: ADDRESS,
    Path: Mapped(PATH_TEXT, Path),
    Listen: LISTEN,
    PortRange: _PortRange(),
    LogFormat: _LogFormat(),
    LogLevel: _LogLevel(),
    Vector: VECTOR,
    IPv4Address: bgp.IPV4,
    IPv6Address: bgp.IPV6,
    IPAddress: bgp.IP,
    IPNetwork: bgp.NETWORK,
    WirePrefix: bgp.PREFIX,
    SpeakerMode: bgp.Mode(),
    Family: bgp.FAMILY,
}
BY_WORD: Final[Mapping[str, Kind[Any]]] = {
    "existing file": _ExistingFile(),
    "database": CONNECTION,
    "quota": _Quota(),
    "header": HEADER,
    "added header": _AddedHeader(),
    "events": _Events(),
    "chat": _ChatId(),
    "secret reference": SecretReference(),
    "constant": _Constant(),
    "network": Mapped(PREFIX, str),
    "vector": Mapped(VECTOR, lambda vector: vector.value),
    "AS numbers": bgp.ASNS,
    "router id": bgp.ROUTER_ID,
    "families": bgp.FAMILIES,
    "listen addresses": bgp.ListenAddresses(),
    "community": bgp.COMMUNITY,
    "large community": bgp.LARGE_COMMUNITY,
    "profile": bgp.PROFILE,
    "action": bgp.ACTION,
}
