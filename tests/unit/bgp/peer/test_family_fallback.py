from prefixd.bgp.neighbor_settings import FallbackMode
from prefixd.bgp.peer.family_fallback import explain, family_sets, offered
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_FLOWSPEC
from prefixd.bgp.wire.notification import Notification
from tests.kit.bgp import a_peer

ALL = (IPV4_FLOWSPEC, IPV6_FLOWSPEC, IPV4_UNICAST)


def test_the_order_of_trying() -> None:
    assert family_sets(ALL) == [
        ALL,
        (IPV4_FLOWSPEC, IPV6_FLOWSPEC),
        (IPV4_FLOWSPEC,),
        (IPV6_FLOWSPEC,),
        (IPV4_UNICAST,),
    ]
    assert family_sets((IPV4_FLOWSPEC,)) == [(IPV4_FLOWSPEC,)]


def test_off_by_default() -> None:
    peer = a_peer(families=ALL)
    assert [offered(peer, n) for n in range(3)] == [ALL] * 3


def test_auto_moves_on_and_starts_over() -> None:
    peer = a_peer(families=ALL, family_fallback=FallbackMode.AUTO)
    assert offered(peer, 1) == (IPV4_FLOWSPEC, IPV6_FLOWSPEC)
    assert offered(peer, 5) == ALL


def test_both_lists_are_shown() -> None:
    note = Notification(2, 7, bytes.fromhex("010400010001" + "410400"))
    assert explain(a_peer(families=ALL), note) == (
        "the peer refuses our families; we offer ipv4-flowspec, ipv6-flowspec, ipv4-unicast; "
        "it names ipv4-unicast, and something unreadable"
    )
