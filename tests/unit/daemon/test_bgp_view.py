"""BGP as the API shows it: above all what is not on the wire, and why."""

from prefixd.announce.announcer import BgpAnnouncer
from prefixd.api.route import PacketQuery
from prefixd.daemon.bgp_view import BgpView
from prefixd.domain.actor import PeerOperation
from prefixd.domain.ids import MitigationId
from prefixd.domain.prefix import Address
from prefixd.domain.rule import Discard, Intent, Match, Rule
from tests.kit.fake_router import fake_router
from tests.kit.speaking import a_neighbor, a_route, speaking

IMPOSSIBLE = Intent(
    mitigation_id=MitigationId("m1"),
    rule=Rule(Match(dst=None), Discard()),
    priority=0,
    expires_at_us=0,
    owner="operator",
)


async def test_a_mitigation_that_no_router_can_be_told_is_explained() -> None:
    async with speaking(a_neighbor("edge1", port=1)) as at_work:
        announcer = BgpAnnouncer(at_work.speaker, 65000)
        face = BgpView(at_work.speaker, announcer)
        at_work.speaker.start()
        announcer.announce([IMPOSSIBLE])
        assert face.inexpressible() == [
            {
                "mitigation_id": "m1",
                "rule": "everything",
                "action": "discard",
                "reason": "the rule matches everything",
            }
        ]
        found = face.explain("m1", "edge1")
        assert found is not None
        assert (found["stage"], found["detail"]) == ("inexpressible", "the rule matches everything")
        assert face.explain("m1", "unknown") is None
        announcer.withdraw(["m1"])
        assert face.inexpressible() == []
        assert face.explain("m1", "edge1") is None


async def test_neighbors_with_different_progress_have_columns_of_their_own() -> None:
    """Two equal routers and one that receives nothing: three columns, no mix-up."""
    async with fake_router() as one, fake_router() as two, fake_router() as deaf:
        peers = (
            a_neighbor("one", port=one.port),
            a_neighbor("two", port=two.port),
            a_neighbor("deaf", port=deaf.port, export=None),
        )
        async with speaking(*peers) as at_work:
            face = BgpView(at_work.speaker, BgpAnnouncer(at_work.speaker, 65000))
            at_work.speaker.replace([a_route("dst 192.0.2.1/32", "m1")])
            at_work.speaker.start()
            await at_work.until_synced("one", "deaf")
            (row,) = face.rib()
            shown = row["peers"]
            assert isinstance(shown, dict)
            assert shown["one"]["stage"] == "written"
            assert shown["deaf"]["reason"] == "no_export_policy"
            for name in ("one", "two", "deaf"):
                state = at_work.speaker.state("m1", name)
                assert state is not None
                assert shown[name]["stage"] == state.stage


async def test_what_cannot_be_done_to_a_neighbor_says_why() -> None:
    async with speaking(a_neighbor("edge1", port=1)) as at_work:
        face = BgpView(at_work.speaker, BgpAnnouncer(at_work.speaker, 65000))
        at_work.speaker.start()
        assert face.operate("edge1", PeerOperation.RESET, "alice", "why") is None
        found = {each: face.operate("edge1", each, "alice", "why") for each in PeerOperation}
    assert found == {
        PeerOperation.RESET: None,
        PeerOperation.REFRESH: "the session is not established",
        PeerOperation.DISABLE: None,
        PeerOperation.ENABLE: None,
        PeerOperation.RELEASE: "no rule is quarantined for this neighbor",
    }


async def test_the_rule_that_decides_a_packet_is_shown_for_each_neighbor() -> None:
    async with speaking(a_neighbor("edge1", port=1)) as at_work:
        face = BgpView(at_work.speaker, BgpAnnouncer(at_work.speaker, 65000))
        at_work.speaker.start()
        at_work.speaker.announce([a_route("dst 198.51.100.7/32 proto udp")])
        src = Address.parse("203.0.113.9")
        to, beside = Address.parse("198.51.100.7"), Address.parse("198.51.100.8")
        assert to is not None
        assert beside is not None
        assert src is not None
        packet = PacketQuery(dst=str(to), src=str(src), protocol=17)
        hit = face.simulate(to, src, packet)
        assert hit == {"edge1": {"rule": "dst 198.51.100.7/32 proto udp", "action": "discard"}}
        miss = face.simulate(beside, src, packet)
        assert miss == {"edge1": {"rule": None, "action": None}}
