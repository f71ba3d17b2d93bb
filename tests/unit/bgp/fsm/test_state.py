"""Why a connection ended, in words."""

from prefixd.bgp.fsm.state import DownKind, DownReason, is_cease
from prefixd.bgp.wire.iana import CeaseSubcode
from prefixd.bgp.wire.notification import Notification, cease


def test_a_reason_names_its_kind_its_notification_and_its_detail() -> None:
    note = Notification(4, 0)
    assert str(DownReason(DownKind.PEER_CLOSED)) == "peer closed"
    assert str(DownReason(DownKind.TRANSPORT, None, "reset")) == "transport: reset"
    assert str(DownReason(DownKind.WE_NOTIFIED, note, "silent")) == f"we notified: {note}: silent"


def test_three_kinds_are_our_own_doing() -> None:
    ours = {kind for kind in DownKind if DownReason(kind).ours}
    assert ours == {DownKind.WE_NOTIFIED, DownKind.WE_CLOSED, DownKind.STALLED}


def test_a_cease_with_or_without_its_subcode() -> None:
    shutdown = cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN)
    assert is_cease(shutdown)
    assert is_cease(shutdown, CeaseSubcode.ADMINISTRATIVE_SHUTDOWN)
    assert not is_cease(shutdown, CeaseSubcode.CONNECTION_REJECTED)
    assert not is_cease(Notification(4, 0))
    assert not is_cease(None)
