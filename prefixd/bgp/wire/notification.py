"""NOTIFICATION (RFC 4271 4.5): why a session ends, with the texts people put into it.

    +---------------+---------------+----------------
    |  Error code   |    Subcode    |  Data ...
    +---------------+---------------+----------------

Shutdown communication (RFC 9003): for Cease 2 and 4 the data is one length octet and UTF-8 text.
Hard Reset (RFC 8538): for Cease 9 the data is the code, subcode and data that it stands for.
Both come from a stranger: they are read without trust and shown escaped.
"""

from dataclasses import dataclass
from typing import Final

from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.iana import CeaseSubcode, ErrorCode, error_name
from prefixd.bgp.wire.reader import Reader

MAX_TEXT_OCTETS: Final = 255

_SUBCODES_WITH_TEXT: Final = frozenset(
    {CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, CeaseSubcode.ADMINISTRATIVE_RESET}
)


@dataclass(frozen=True, slots=True)
class Notification:
    code: int
    subcode: int = 0
    data: bytes = b""

    @property
    def name(self) -> str:
        return error_name(self.code, self.subcode)

    @property
    def text(self) -> str | None:
        """The shutdown communication, safe to print; None where there is none.

        What is not UTF-8 and every control character is shown as an escape, and a length that
        does not fit the data is believed only as far as there is data (RFC 9003 3 and 4).
        """
        if self.code != ErrorCode.CEASE or self.subcode not in _SUBCODES_WITH_TEXT:
            return None
        if len(self.data) < 2:
            return None
        return printable(self.data[1 : 1 + self.data[0]])

    @property
    def carried(self) -> "Notification | None":
        """What a Hard Reset stands for (RFC 8538 3.1)."""
        if self.code != ErrorCode.CEASE or self.subcode != CeaseSubcode.HARD_RESET:
            return None
        if len(self.data) < 2:
            return None
        return Notification(self.data[0], self.data[1], self.data[2:])

    def __str__(self) -> str:
        """One level deep: a hard reset inside a hard reset is a joke at our stack's expense."""
        carried = self.carried
        if carried is None:
            return self._words()
        return f"{self.code}/{self.subcode} {self.name} carrying {carried._words()}"

    def _words(self) -> str:
        words = f"{self.code}/{self.subcode} {self.name}"
        if self.text is not None:
            return f'{words} "{self.text}"'
        return f"{words} data {self.data.hex()}" if self.data else words


def printable(octets: bytes) -> str:
    """Text of a stranger for a log line or a terminal: nothing in it can act."""
    text = octets.decode("utf-8", errors="backslashreplace")
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def cease(subcode: int, text: str = "") -> Notification:
    """A Cease; the text is cut at 255 octets, on a character boundary (RFC 9003 2)."""
    if not text:
        return Notification(ErrorCode.CEASE, subcode)
    octets = text.encode("utf-8", errors="replace")[:MAX_TEXT_OCTETS]
    octets = octets.decode("utf-8", errors="ignore").encode()
    if subcode not in _SUBCODES_WITH_TEXT:
        return Notification(ErrorCode.CEASE, subcode, octets)
    return Notification(ErrorCode.CEASE, subcode, bytes((len(octets),)) + octets)


def hard_reset(carried: Notification) -> Notification:
    """Cease/Hard Reset: the peer flushes our routes in spite of graceful restart."""
    data = bytes((carried.code, carried.subcode)) + carried.data
    return Notification(ErrorCode.CEASE, CeaseSubcode.HARD_RESET, data)


def notification_for(error: WireError) -> Notification:
    """The answer to a peer whose bytes raised this."""
    return Notification(error.code, error.subcode, error.data)


def decode_notification(reader: Reader) -> Notification:
    return Notification(reader.u8("error code"), reader.u8("error subcode"), reader.rest("data"))


def encode_notification(message: Notification) -> bytes:
    return bytes((message.code, message.subcode)) + message.data
