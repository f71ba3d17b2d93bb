"""What is sent at the end of a session that we end on purpose (RFC 9003, RFC 8538)."""

from typing import Final

from prefixd.bgp.fsm.negotiate import Negotiated
from prefixd.bgp.settings import PeerSettings
from prefixd.bgp.wire.iana import CeaseSubcode
from prefixd.bgp.wire.notification import Notification, cease, hard_reset

OLD_TEXT_OCTETS: Final = 128
"""What RFC 8203 allowed; longer texts upset peers that know nothing newer."""


def signed(operator: str, reason: str) -> str:
    """Who and why, for the reader of the router's log."""
    return f"prefixd: {operator}: {reason}"


def shutdown(
    peer: PeerSettings, text: str, subcode: CeaseSubcode = CeaseSubcode.ADMINISTRATIVE_SHUTDOWN
) -> Notification:
    """Cease/2, or Cease/4 for a reset, with the operator's words."""
    if peer.short_shutdown_text:
        text = text.encode()[:OLD_TEXT_OCTETS].decode("utf-8", errors="ignore")
    return cease(subcode, text)


def final(notification: Notification, terms: Negotiated | None) -> Notification:
    """So that the peer forgets our rules: where both sent the N bit, anything but a Hard Reset
    would let it keep them (RFC 8538 4)."""
    if terms is not None and terms.notification_restart:
        return hard_reset(notification)
    return notification
