"""Our speaker and real daemons: what we announce is what their own command line shows.

GoBGP 3.10, BIRD 2.0.12, FRR 8.4.4 and ExaBGP 4.2 on Debian 12. Where a daemon prints its rules in
full, meanings are compared; FRR and ExaBGP are counted and asked about single rules.
"""

import asyncio
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from prefixd.bgp.neighbor_settings import Direction, RestartSettings, TimerSettings
from prefixd.bgp.rib.export_terms import Budget
from prefixd.bgp.rib.overlap import Packet
from prefixd.bgp.rib.route import Route, host_nlri
from prefixd.bgp.rib.route_action import BlackholeAction, FlowSpecActions
from prefixd.bgp.settings import ListenAddress, PeerSettings
from prefixd.bgp.speaker.events import PeerSynced, RuleQuarantined
from prefixd.bgp.speaker.status import RuleStage
from prefixd.bgp.wire.flowspec_action import MarkDscp, RateLimit, route_target
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_FLOWSPEC, IPV6_UNICAST
from prefixd.bgp.wire.prefix import Prefix
from tests.kit.daemon_process import free_port
from tests.kit.routers import US, Router, exabgp, meanings, router_of_kind
from tests.kit.rules import plausible_rules
from tests.kit.speaking import a_neighbor, a_route, speaking

FAMILIES = (IPV4_FLOWSPEC, IPV6_FLOWSPEC, IPV4_UNICAST, IPV6_UNICAST)
LIMIT = FlowSpecActions((RateLimit(8_000_000),))
VICTIM = "dst 198.51.100.10/32 proto udp dport 53"


@pytest.fixture(params=["bird", "gobgp", "frr"])
def router(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Router]:
    with router_of_kind(request.param, tmp_path) as found:
        yield found


def neighbor(router: Router, **more: object) -> PeerSettings:
    settings: dict[str, object] = {
        "port": router.port,
        "profile": router.name,
        "local_address": ip_address(US),
        "families": FAMILIES,
        "budget": Budget(rules_total=5000),
    }
    return a_neighbor(router.name, router.address, **(settings | more))  # type: ignore[arg-type]  # because of the merge


async def until(what: str, holds: Callable[[], bool], patience_s: float = 20.0) -> None:
    """Their tables follow their own pace; asking is a command, so it must not block our loop."""
    async with asyncio.timeout(patience_s):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.05)


async def test_a_thousand_rules_arrive_with_their_meaning_and_leave(router: Router) -> None:
    rules = list(plausible_rules(20, 1000))
    async with speaking(neighbor(router)) as at_work:
        at_work.speaker.start()
        await at_work.until_synced(router.name)
        at_work.speaker.announce(a_route(rule) for rule in rules)
        # Only to list them takes GoBGP seconds on a busy machine.
        await until("all rules", lambda: router.total() == 1000, 60.0)
        if router.name != "frr":
            for version, family in ((4, IPV4_FLOWSPEC), (6, IPV6_FLOWSPEC)):
                wanted = [rule for rule in rules if rule.family == family]
                assert router.held(version) == meanings(wanted)
        at_work.speaker.withdraw([a_route(rule).route_id for rule in rules[:999]])
        await until("one rule left", lambda: router.total() == 1)
        at_work.speaker.replace([])
        await until("an empty table", lambda: router.total() == 0)


async def test_an_action_changes_in_place(router: Router) -> None:
    async with speaking(neighbor(router)) as at_work:
        speaker = at_work.speaker
        speaker.replace([a_route(VICTIM, "m1")])
        speaker.start()
        await until("the rule", lambda: router.count(4) == 1)
        before = await asyncio.to_thread(router.action_of, "198.51.100.10")
        speaker.announce([a_route(VICTIM, "m1", action=LIMIT)])
        await until("another action", lambda: router.action_of("198.51.100.10") not in ("", before))
        after = await asyncio.to_thread(router.action_of, "198.51.100.10")
        assert {"bird": "0x49742400", "gobgp": "1000000", "frr": "1000000"}[router.name] in after
        [table] = speaker.status().peers
        assert (table.announced, table.withdrawn) == (2, 0)
        assert router.count(4) == 1


async def test_a_blackhole_route_and_its_communities(router: Router) -> None:
    route = Route(
        route_id="m1",
        family=IPV4_UNICAST,
        nlri=host_nlri(Prefix.parse("203.0.113.7")),
        action=BlackholeAction(),
    )
    show = {
        "bird": ("show", "route", "203.0.113.7/32", "all"),
        "gobgp": ("neighbor", US, "adj-in", "-a", "ipv4", "-j"),
        "frr": ("show bgp ipv4 unicast 203.0.113.7/32",),
    }[router.name]
    community = {"bird": "(65535,666)", "gobgp": "4294902426", "frr": "blackhole"}[router.name]
    async with speaking(neighbor(router)) as at_work:
        at_work.speaker.replace([route])
        at_work.speaker.start()
        await until("the blackhole", lambda: community in router.ask(*show))
        at_work.speaker.withdraw(["m1"])
        await until("no blackhole", lambda: "203.0.113.7" not in router.ask(*show))


async def test_a_restarted_router_gets_everything_again(router: Router) -> None:
    rules = list(plausible_rules(3, 50))
    async with speaking(neighbor(router)) as at_work:
        at_work.speaker.replace([a_route(rule) for rule in rules])
        at_work.speaker.start()
        await until("all rules", lambda: router.total() == 50)
        await asyncio.to_thread(router.down)
        at_work.speaker.withdraw([a_route(rule).route_id for rule in rules[:10]])
        await asyncio.to_thread(router.up)
        await until("what is still wanted", lambda: router.total() == 40, 60.0)


@pytest.mark.parametrize("kind", ["bird", "frr"])
async def test_a_refresh_is_answered_in_full(kind: str, tmp_path: Path) -> None:
    with router_of_kind(kind, tmp_path) as router:
        await _refresh(router)


async def _refresh(router: Router) -> None:
    rules = list(plausible_rules(4, 30, afi=1))
    async with speaking(neighbor(router)) as at_work:
        at_work.speaker.replace([a_route(rule) for rule in rules])
        at_work.speaker.start()
        await until("all rules", lambda: router.count(4) == 30)
        before = at_work.speaker.status().peers[0].announced
        await asyncio.to_thread(router.ask_for_refresh)
        await until(
            "the answer", lambda: at_work.speaker.status().peers[0].announced >= before + 30
        )
        assert router.count(4) == 30
        assert at_work.speaker.status().peers[0].session.counters.flaps == 0


@pytest.mark.parametrize("kind", ["bird", "gobgp"])
async def test_rules_survive_our_restart_and_expired_ones_do_not(kind: str, tmp_path: Path) -> None:
    rules = [a_route(rule) for rule in plausible_rules(5, 20)]
    with router_of_kind(kind, tmp_path) as router:
        settings = neighbor(router, restart=RestartSettings(restart_time_s=60))
        async with speaking(settings) as at_work:
            at_work.speaker.replace(rules)
            at_work.speaker.start()
            await until("all rules", lambda: router.total() == 20)
        await asyncio.sleep(1.0)  # the daemon is down; nothing tells when its peer has noticed
        assert router.total() == 20
        async with speaking(settings) as again:
            again.speaker.replace(rules[5:])
            again.speaker.start()
            # GoBGP lets nobody in for half a minute after a session ended.
            await until("the expired ones gone", lambda: router.total() == 15, 60.0)


async def test_the_fence_proves_delivery_where_the_router_answers(tmp_path: Path) -> None:
    with router_of_kind("bird", tmp_path) as router:
        async with speaking(neighbor(router)) as at_work:
            speaker = at_work.speaker
            speaker.start()
            await at_work.until_synced("bird")
            speaker.announce([a_route(VICTIM, "m1")])

            def delivered() -> bool:
                state = speaker.state("m1", "bird")
                return state is not None and state.stage is RuleStage.DELIVERED

            await until("an answer to the fence", delivered)
            assert router.count(4) == 1


async def test_two_routers_of_different_kinds_and_one_rule_too_many_for_one(
    tmp_path: Path,
) -> None:
    """Withheld with a reason here, delivered there, and `explain` says both."""
    long_list = "dst 198.51.100.9/32 proto udp dport 1,3,5,7,9,11,13,15,17,19,21,23"
    with (
        router_of_kind("bird", tmp_path / "bird") as bird,
        router_of_kind("frr", tmp_path / "frr") as frr,
    ):
        async with speaking(neighbor(bird), neighbor(frr)) as at_work:
            speaker = at_work.speaker
            speaker.replace([a_route(long_list, "limited", action=LIMIT), a_route(VICTIM, "plain")])
            speaker.start()
            await until("both at BIRD", lambda: bird.count(4) == 2)
            await until("one at FRR", lambda: frr.count(4) == 1)
            held = speaker.state("limited", "frr")
            assert held is not None
            assert (held.stage, held.reason) == (RuleStage.WITHHELD, "rate_would_multiply")
            assert all(finding.passed for finding in speaker.explain("limited", "bird"))
            *_, last = speaker.explain("limited", "frr")
            assert (last.step, last.passed) == ("profile", False)
            # The same list as a discard is exact in parts, so FRR gets it as three rules.
            speaker.announce([a_route(long_list, "limited")])
            await until("the parts at FRR", lambda: frr.count(4) == 4)
            assert bird.count(4) == 2
            assert frr.process is not None
            assert speaker.status().peers[1].session.counters.flaps == 0
            packet = Packet(afi=1, dst=0xC6336409, src=1, protocol=17, dst_port=7, src_port=1)
            decided = speaker.simulate(packet)
            assert decided["bird"].rule == long_list
            assert decided["frr"].rule == "dst 198.51.100.9/32 proto udp dport 1,3,5,7,9"


@pytest.mark.parametrize(
    "action",
    [FlowSpecActions((MarkDscp(46),)), FlowSpecActions((route_target("65000:100"),))],
    ids=["mark", "redirect"],
)
async def test_other_actions_are_taken(router: Router, action: FlowSpecActions) -> None:
    async with speaking(neighbor(router)) as at_work:
        at_work.speaker.replace([a_route(VICTIM, "m1", action=action)])
        at_work.speaker.start()
        await until("the rule", lambda: router.count(4) == 1)
        assert at_work.speaker.status().peers[0].session.counters.flaps == 0


async def test_exabgp_calls_us_and_sees_announce_change_and_withdraw(tmp_path: Path) -> None:
    port = free_port()
    with exabgp(tmp_path, port) as router:
        settings = a_neighbor(
            "exabgp",
            router.address,
            profile="exabgp",
            direction=Direction.PASSIVE,
            local_address=ip_address(US),
        )
        async with speaking(settings, listen=(ListenAddress(ip_address(US), port),)) as at_work:
            speaker = at_work.speaker
            rules = list(plausible_rules(6, 200))
            speaker.replace([a_route(rule) for rule in rules])
            speaker.start()
            await until("all rules", lambda: router.total() == 200, 60.0)
            speaker.announce([a_route(VICTIM, "m1")])
            await until("discard", lambda: "rate-limit:0" in router.action_of("198.51.100.10"))
            speaker.announce([a_route(VICTIM, "m1", action=LIMIT)])
            await until("limit", lambda: "rate-limit:1000000" in router.action_of("198.51.100.10"))
            speaker.replace([])
            await until("an empty table", lambda: router.total() == 0)
            assert [e.peer for e in at_work.events if isinstance(e, PeerSynced)] == ["exabgp"]


@pytest.mark.slow
async def test_the_rule_frr_cannot_digest_is_found_and_the_rest_stays(tmp_path: Path) -> None:
    """FRR 8.4 resets the session over a sixth operator; with its own profile we never send one."""
    poison = "dst 198.51.100.77/32 proto udp dport 1,3,5,7,9,11"
    good = [f"dst 198.51.100.{n}/32 proto udp dport 53" for n in range(1, 8)]
    with router_of_kind("frr", tmp_path) as router:
        timers = TimerSettings(connect_timeout_s=3.0, connect_retry_s=0.1, hold_time_s=9)
        settings = neighbor(router, profile="bird", timers=timers)
        async with speaking(settings) as at_work:
            at_work.speaker.replace([a_route(text, text) for text in (*good, poison)])
            at_work.speaker.start()
            await at_work.until(
                lambda: any(isinstance(e, RuleQuarantined) for e in at_work.events), 300.0
            )
            [found] = [e for e in at_work.events if isinstance(e, RuleQuarantined)]
            assert found.rule == poison
            assert (found.evidence.code, found.evidence.subcode) == (3, 9)
            await until("all the others", lambda: router.count(4) == len(good), 300.0)
