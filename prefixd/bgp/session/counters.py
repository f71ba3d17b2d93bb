"""What a neighbor has sent and received since it exists; sessions come and go, this stays."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from prefixd.bgp.wire.errors import Fault
from prefixd.bgp.wire.iana import MessageType, message_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Messages and octets since the neighbor was created; they survive a session."""

    messages_in: dict[str, int] = field(default_factory=dict)
    messages_out: dict[str, int] = field(default_factory=dict)
    faults: dict[tuple[str, str], int] = field(default_factory=dict)
    """By (reaction, reason)."""
    octets_in: int = 0
    octets_out: int = 0
    read_pauses: int = 0
    """Turns that left received messages for a later turn."""
    sessions: int = 0
    flaps: int = 0
    refused_connections: int = 0


class CounterSet:
    __slots__ = (
        "_faults",
        "_messages_in",
        "_messages_out",
        "flaps",
        "octets_in",
        "octets_out",
        "read_pauses",
        "refused_connections",
        "sessions",
        "total_in",
    )

    def __init__(self) -> None:
        self._messages_in: Counter[int] = Counter()
        self._messages_out: Counter[int] = Counter()
        self._faults: Counter[tuple[str, str]] = Counter()
        self.total_in = 0
        """Messages of every type."""
        self.octets_in = 0
        self.octets_out = 0
        self.sessions = 0
        self.flaps = 0
        self.refused_connections = 0
        self.read_pauses = 0

    def received(self, kind: int) -> None:
        self._messages_in[kind] += 1
        self.total_in += 1

    def sent(self, kind: MessageType, messages: int = 1) -> None:
        self._messages_out[kind] += messages

    def faulty(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self._faults[fault.reaction.value, fault.reason.value] += 1

    def snapshot(self) -> Counters:
        return Counters(
            messages_in={message_name(kind): n for kind, n in self._messages_in.items()},
            messages_out={message_name(kind): n for kind, n in self._messages_out.items()},
            faults=dict(self._faults),
            octets_in=self.octets_in,
            octets_out=self.octets_out,
            read_pauses=self.read_pauses,
            sessions=self.sessions,
            flaps=self.flaps,
            refused_connections=self.refused_connections,
        )
