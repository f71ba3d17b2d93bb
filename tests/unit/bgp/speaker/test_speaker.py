"""The speaker and a router that behaves, refuses, resets or forgets."""

import asyncio
from dataclasses import replace
from ipaddress import ip_address, ip_network

from prefixd.bgp.fsm.state import DownKind, DownReason, PeerState
from prefixd.bgp.neighbor_settings import (
    ExcessPolicy,
    ImportMode,
    ImportSettings,
    PacingSettings,
    StopMode,
    TimerSettings,
)
from prefixd.bgp.rib.adj_rib_in import ImportRefusal
from prefixd.bgp.rib.attributes import AttributeEncoder
from prefixd.bgp.rib.export_terms import Budget, ExportPolicy, Terms
from prefixd.bgp.rib.route_action import FlowSpecActions
from prefixd.bgp.rib.router_profile import PROFILES
from prefixd.bgp.rib.verdict import Reason, Step
from prefixd.bgp.settings import PeerSettings
from prefixd.bgp.speaker.events import BudgetLowered, PeerFilling, RuleQuarantined, RulesExpired
from prefixd.bgp.speaker.status import RuleStage
from prefixd.bgp.wire.flowspec import encode_nlri, encode_rule
from prefixd.bgp.wire.flowspec_action import RateLimit
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV6_FLOWSPEC, CeaseSubcode, ErrorCode
from prefixd.bgp.wire.message import RouteRefresh
from prefixd.bgp.wire.notification import Notification
from prefixd.bgp.wire.packing import pack_announcements
from prefixd.clock import SystemClock
from tests.kit.fake_router import FakeRouter, fake_router
from tests.kit.speaking import DISCARD, Speaking, a_neighbor, a_route, speaking

HOSTS = [f"dst 192.0.2.{n}/32" for n in range(1, 31)]
FAST = TimerSettings(connect_timeout_s=3.0, connect_retry_s=0.05, stable_s=0.1)


def neighbor(router: FakeRouter, **more: object) -> PeerSettings:
    values: dict[str, object] = {"port": router.port, "profile": "bird", "timers": FAST} | more
    return a_neighbor("edge", "127.0.0.1", **values)  # type: ignore[arg-type]  # because merged


def stage(at_work: Speaking, route_id: str) -> RuleStage | None:
    state = at_work.speaker.state(route_id, "edge")
    return None if state is None else state.stage


async def test_the_life_of_a_rule() -> None:
    async with (
        fake_router(answers_refresh=True) as router,
        speaking(neighbor(router)) as at_work,
    ):
        speaker = at_work.speaker
        speaker.replace([a_route(HOSTS[0], "m1")])
        speaker.start()
        assert stage(at_work, "m1") is RuleStage.DOWN
        await router.until(lambda r: r.rules == {HOSTS[0]} and r.ends_of_rib == 2)
        await at_work.until(lambda: stage(at_work, "m1") is RuleStage.DELIVERED)
        speaker.announce([a_route(HOSTS[1], "m2")])
        assert stage(at_work, "m2") is RuleStage.PENDING
        await router.until(lambda r: len(r.rules) == 2)
        speaker.announce([a_route(HOSTS[0], "m3", action=FlowSpecActions((RateLimit(1e6),)))])
        assert stage(at_work, "m3") is RuleStage.SHADOWED
        speaker.withdraw(["m1"])
        await at_work.until(lambda: stage(at_work, "m3") is not RuleStage.PENDING)
        assert router.rules == {HOSTS[0], HOSTS[1]}  # taken over, never withdrawn
        speaker.replace([])
        await router.until(lambda r: not r.rules)
        [table] = speaker.status().peers
        assert (table.announced, table.withdrawn, table.lag) == (3, 2, 0)


async def test_a_poison_rule_is_found_and_only_it_stays_out() -> None:
    def dislikes(rules: set[str]) -> Notification | None:
        return Notification(ErrorCode.UPDATE_MESSAGE, 9, b"\x01") if HOSTS[17] in rules else None

    async with fake_router(objects_to=dislikes, answers_refresh=True) as router:
        pacing = PacingSettings(rules_per_second=0, fence_interval_s=0.01)
        async with speaking(neighbor(router, pacing=pacing)) as at_work:
            at_work.speaker.replace([a_route(text, text) for text in HOSTS])
            at_work.speaker.start()

            def found() -> list[RuleQuarantined]:
                return [event for event in at_work.events if isinstance(event, RuleQuarantined)]

            await at_work.until(found)
            [event] = found()
            assert event.rule == HOSTS[17]
            assert (event.evidence.code, event.evidence.subcode) == (3, 9)
            await router.until(lambda r: len(r.rules) == 29)
            assert router.resets <= 7  # the first, and one per halving of thirty
            state = at_work.speaker.state(HOSTS[17], "edge")
            assert state is not None
            assert (state.stage, state.reason) == (RuleStage.QUARANTINED, Reason.QUARANTINED)
            # A changed rule is another rule: it gets its chance.
            router.objects_to = lambda _: None
            at_work.speaker.announce(
                [a_route(HOSTS[17], HOSTS[17], action=FlowSpecActions((RateLimit(1e6),)))]
            )
            await router.until(lambda r: len(r.rules) == 30)


async def test_a_router_that_is_full_gets_fewer_rules() -> None:
    def full(rules: set[str]) -> Notification | None:
        if len(rules) <= 20:
            return None
        subcode = CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED
        return Notification(ErrorCode.CEASE, subcode, b"")

    async with (
        fake_router(objects_to=full) as router,
        speaking(neighbor(router, budget=Budget(rules_total=22))) as at_work,
    ):
        routes = [a_route(t, t, since_us=n) for n, t in enumerate(HOSTS[:20])]
        at_work.speaker.replace(routes)
        at_work.speaker.start()
        await router.until(lambda r: len(r.rules) == 20)
        at_work.speaker.announce([a_route(HOSTS[20], "late", manual=True, since_us=99)])
        await at_work.until(lambda: any(isinstance(e, BudgetLowered) for e in at_work.events))
        await router.until(lambda r: r.sessions == 2 and len(r.rules) == 18)
        await asyncio.sleep(0)
        held = [t for t in HOSTS[:20] if stage(at_work, t) is RuleStage.WITHHELD]
        assert len(held) == 3
        assert at_work.speaker.explain(held[0], "edge")[-1].step is Step.BUDGET


async def test_a_refresh_repeats_the_table_and_a_storm_of_them_does_not() -> None:
    async with fake_router() as router, speaking(neighbor(router)) as at_work:
        at_work.speaker.replace([a_route(text) for text in HOSTS])
        at_work.speaker.start()
        await router.until(lambda r: len(r.rules) == 30 and r.ends_of_rib == 2)
        router.rules.clear()
        for _ in range(50):
            router.send(RouteRefresh(IPV4_FLOWSPEC))
        await router.until(lambda r: len(r.rules) == 30)
        assert at_work.speaker.status().peers[0].announced == 60


async def test_policy_changes_send_the_difference_only() -> None:
    async with fake_router() as router:
        settings = neighbor(router)
        async with speaking(settings) as at_work:
            speaker = at_work.speaker
            speaker.replace(
                [a_route(t, t, owner="a" if n < 20 else "b") for n, t in enumerate(HOSTS)]
            )
            speaker.start()
            await router.until(lambda r: len(r.rules) == 30)
            stricter = replace(settings, export=ExportPolicy(owners=frozenset({"a"})))
            speaker.apply(replace(speaker.registry.settings, peers=(stricter,)))
            await router.until(lambda r: len(r.rules) == 20)
            assert (router.sessions, at_work.speaker.status().peers[0].withdrawn) == (1, 10)
            marked = replace(settings, export=ExportPolicy(communities=(65000 << 16 | 1,)))
            speaker.apply(replace(speaker.registry.settings, peers=(marked,)))
            await router.until(lambda r: len(r.rules) == 30)
            await at_work.until(lambda: speaker.status().peers[0].announced == 60)
            assert router.sessions == 1


async def test_what_is_declared_untouchable_later_leaves_the_router() -> None:
    async with fake_router() as router, speaking(neighbor(router)) as at_work:
        speaker = at_work.speaker
        speaker.replace([a_route(text, text) for text in HOSTS])
        speaker.start()
        await router.until(lambda r: len(r.rules) == 30)
        speaker.apply(speaker.registry.settings, (ip_network("192.0.2.1/32"),))
        await router.until(lambda r: r.rules == set(HOSTS[1:]))
        speaker.apply(speaker.registry.settings)  # not said again, still so
        assert speaker.state(HOSTS[0], "edge").reason is Reason.SAFETY  # type: ignore[union-attr]  # because it is held
        assert router.sessions == 1


async def test_stopping_with_withdrawal_takes_everything_back() -> None:
    async with fake_router() as router, speaking(neighbor(router)) as at_work:
        at_work.speaker.replace([a_route(text) for text in HOSTS])
        at_work.speaker.start()
        await router.until(lambda r: len(r.rules) == 30)
        await at_work.speaker.stop(StopMode.WITHDRAW, "decommissioned")
        await router.until(lambda r: not r.rules)
        last = [m for m in router.messages if isinstance(m, Notification)][-1]
        assert (last.code, last.subcode) == (6, 2)


async def test_a_large_table_is_taken_back_as_a_whole() -> None:
    """More than is judged, fed or written in one go."""
    many = [f"dst 10.0.{n // 250}.{n % 250}/32 proto udp" for n in range(2500)]
    async with fake_router() as router, speaking(neighbor(router)) as at_work:
        at_work.speaker.replace([a_route(text) for text in many])
        at_work.speaker.start()
        await router.until(lambda r: len(r.rules) == 2500)
        await at_work.speaker.stop(StopMode.WITHDRAW, "decommissioned")
        await router.until(lambda r: not r.rules)


async def test_a_rule_that_expired_is_withdrawn_by_the_speaker() -> None:
    async with fake_router() as router, speaking(neighbor(router)) as at_work:
        soon = SystemClock().now_us() + 700_000
        at_work.speaker.replace([a_route(HOSTS[0], "m1", expires_at_us=soon)])
        at_work.speaker.start()
        await router.until(lambda r: len(r.rules) == 1)
        await router.until(lambda r: not r.rules)
        assert RulesExpired(("m1",)) in at_work.events


async def test_rules_against_our_own_sessions_never_leave() -> None:
    async with fake_router() as router:
        settings = neighbor(router, local_address=ip_address("127.0.0.1"))
        async with speaking(settings) as at_work:
            at_work.speaker.replace([a_route("dst 127.0.0.1/32", "cut"), a_route(HOSTS[0])])
            at_work.speaker.start()
            await router.until(lambda r: r.rules == {HOSTS[0]} and r.ends_of_rib == 2)
            state = at_work.speaker.state("cut", "edge")
            assert state is not None
            assert (state.stage, state.reason) == (RuleStage.WITHHELD, Reason.SAFETY)
            assert (
                at_work.speaker.preview(a_route("dst 127.0.0.1/32"))[0].findings[-1].step
                == "safety"
            )


def said_by_a_router(*texts: str) -> bytes:
    """UPDATEs with these rules, to be dropped."""
    terms = Terms(
        families=frozenset({IPV4_FLOWSPEC}),
        local_as=65000,
        internal=True,
        profile=PROFILES["bird"],
        policy=ExportPolicy(),
    )
    attributes = AttributeEncoder(terms).encode(IPV4_FLOWSPEC, DISCARD)
    nlri = [encode_nlri(encode_rule(parse_rule(text))) for text in texts]
    return b"".join(
        pack_announcements(
            nlri,
            family=IPV4_FLOWSPEC,
            attributes=attributes.octets,
            next_hop=attributes.next_hop,
            max_message=4096,
        )
    )


async def test_a_router_that_sends_more_than_agreed_loses_its_session_for_a_while() -> None:
    accept = ImportSettings(
        mode=ImportMode.MONITOR, max_received_flowspec=5, on_excess=ExcessPolicy.RESET
    )
    async with fake_router() as router, speaking(neighbor(router, accept=accept)) as at_work:
        at_work.speaker.start()
        await at_work.until_synced("edge")
        router.say(said_by_a_router(*HOSTS[:5]))
        await at_work.until(lambda: any(isinstance(e, PeerFilling) for e in at_work.events))
        router.say(said_by_a_router(HOSTS[5]))
        await router.until(lambda r: isinstance(r.messages[-1], Notification))
        said = router.messages[-1]
        assert isinstance(said, Notification)
        assert (said.code, said.subcode) == (
            ErrorCode.CEASE,
            CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED,
        )
        assert said.data.hex() == "0001" + "85" + "00000005"  # RFC 4486 4
        await at_work.until(lambda: at_work.speaker.status().peers[0].session.next_retry_s)
        retry = at_work.speaker.status().peers[0].session.next_retry_s
        assert retry is not None
        assert retry > FAST.connect_retry_s * 5


async def test_a_router_that_sends_more_than_agreed_may_keep_its_session() -> None:
    accept = ImportSettings(mode=ImportMode.MONITOR, max_received_flowspec=5)
    async with fake_router() as router, speaking(neighbor(router, accept=accept)) as at_work:
        speaker = at_work.speaker
        speaker.start()
        await at_work.until_synced("edge")
        router.say(said_by_a_router(*HOSTS[:8]))
        await at_work.until(
            lambda: speaker.status().peers[0].ignored.get(ImportRefusal.TOO_MANY) == 3
        )
        assert speaker.status().peers[0].received == {IPV4_FLOWSPEC: 5}
        assert speaker.status().peers[0].session.counters.flaps == 0


async def test_late_reports_of_a_removed_neighbor_do_not_concern_its_namesake() -> None:
    """The old one is still saying goodbye when the new one, of the same name, is up already."""
    async with fake_router() as old, fake_router() as new, speaking(neighbor(old)) as at_work:
        speaker = at_work.speaker
        speaker.replace([a_route(HOSTS[0], "m1")])
        speaker.start()
        await old.until(lambda r: len(r.rules) == 1)
        gone = speaker.registry.get("edge")
        assert gone is not None
        settings = speaker.registry.settings
        speaker.apply(replace(settings, peers=()))
        assert speaker.status().peers == ()
        speaker.apply(replace(settings, peers=(neighbor(new),)))
        await new.until(lambda r: len(r.rules) == 1)
        observer = speaker.registry._observer
        observer.session_down(gone, DownReason(DownKind.WE_CLOSED, None, "at last"))
        assert speaker.status().peers[0].rules == {IPV4_FLOWSPEC: 1}
        speaker.announce([a_route(HOSTS[1], "m2")])
        await new.until(lambda r: len(r.rules) == 2)


async def test_an_operator_resets_disables_and_enables_a_neighbor() -> None:
    async with fake_router() as router, speaking(neighbor(router)) as at_work:
        speaker = at_work.speaker
        speaker.replace([a_route(text) for text in HOSTS])
        assert speaker.refresh("edge") == "the session is not established"
        speaker.start()
        assert speaker.enable("edge") == "the neighbor is enabled already"
        await router.until(lambda r: len(r.rules) == 30)
        assert speaker.reset("edge", "prefixd: alice: stuck queue") is None
        await router.until(lambda r: r.sessions == 2 and len(r.rules) == 30)
        assert speaker.disable("edge", "prefixd: alice: router upgrade") is None
        await at_work.until(lambda: speaker.status().peers[0].session.state is PeerState.DISABLED)
        assert speaker.reset("edge", "") == "the neighbor is disabled"
        assert speaker.disable("edge", "") == "the neighbor is disabled already"
        assert speaker.enable("edge") is None
        await router.until(lambda r: r.sessions == 3 and len(r.rules) == 30)
        notes = [m for m in router.messages if isinstance(m, Notification)]
        assert [(note.code, note.subcode) for note in notes] == [(6, 4), (6, 2)]
        assert [b"stuck queue" in notes[0].data, b"router upgrade" in notes[1].data] == [True, True]


async def test_a_soft_refresh_sends_the_table_again_and_asks_for_theirs() -> None:
    async with fake_router() as router, speaking(neighbor(router)) as at_work:
        at_work.speaker.replace([a_route(text) for text in HOSTS])
        at_work.speaker.start()
        await at_work.until_synced("edge")
        assert at_work.speaker.refresh("edge") is None
        await at_work.until(lambda: at_work.speaker.status().peers[0].announced == 60)
        asked = [m.family for m in router.messages if isinstance(m, RouteRefresh)]
        assert sorted(asked) == [IPV4_FLOWSPEC, IPV6_FLOWSPEC]
        assert router.sessions == 1
