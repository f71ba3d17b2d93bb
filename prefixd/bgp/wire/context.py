"""What two speakers agreed on and what therefore changes the meaning of the same bytes.

The session builds one of these when both OPENs are known; until then `BEFORE_OPEN` applies. The
codec keeps no state of its own: same bytes and same context, same value.
"""

from dataclasses import dataclass
from typing import Final

from prefixd.bgp.wire.iana import IPV4_UNICAST, Family

STANDARD_MESSAGE_LENGTH: Final = 4096
EXTENDED_MESSAGE_LENGTH: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class WireContext:
    """Negotiated encoding. The defaults are a modern peer over iBGP with IPv4 unicast alone."""

    four_octet_as: bool = True
    """RFC 6793: AS numbers in AS_PATH and AGGREGATOR have four octets."""

    extended_messages: bool = False
    """RFC 8654: up to 65535 octets, except OPEN and KEEPALIVE."""

    families: frozenset[Family] = frozenset({IPV4_UNICAST})
    """Families both sides named. NLRI of any other family is ignored."""

    add_path: frozenset[Family] = frozenset()
    """RFC 7911: families in which the peer puts a path identifier before each NLRI."""

    external: bool = False
    """The peer is in another AS: LOCAL_PREF and the reflector's attributes have no meaning."""

    peer_as: int = 0
    """The peer's AS number, 0 when it does not matter."""

    enforce_first_as: bool = False
    """RFC 4271 6.3: the first AS of an external peer's AS_PATH must be the peer itself."""

    @property
    def max_message(self) -> int:
        return EXTENDED_MESSAGE_LENGTH if self.extended_messages else STANDARD_MESSAGE_LENGTH


BEFORE_OPEN: Final = WireContext(families=frozenset())
