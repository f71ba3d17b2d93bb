"""What we write, read by programs that share no code with us.

More than five hundred generated rules, one of every component and operator among them, go to
tshark, ExaBGP's decoder, GoBGP, BIRD and FRR; whole messages go to tshark and scapy. Each must
accept them without a complaint, and what it says they mean must be what we meant: the comparison is
of meaning (`tests/kit/readings.py`, `dialects.py`), not of octets.

Left out, because the reader named does not read them as RFC 8955 and RFC 8956 say: masks of two
octets for TCP flags (tshark 4.0 takes one), IPv6 prefixes with an offset (GoBGP 3.10 and ExaBGP 4.2
follow the draft), flow labels (tshark 4.0 shows nothing), Send Hold Timer Expired (tshark 4.0), and
what `digestible` names for FRR 8.4.
"""

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from prefixd.bgp.wire.as_path import as_sequence
from prefixd.bgp.wire.attribute_list import encode_attributes
from prefixd.bgp.wire.community import ExtendedCommunities
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.flowspec import FlowSpecRule, encode_nlri, encode_rule
from prefixd.bgp.wire.flowspec_action import RateLimit, encode_actions
from prefixd.bgp.wire.flowspec_match import Kind
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule
from prefixd.bgp.wire.iana import (
    FAMILY_BY_NAME,
    IPV4_FLOWSPEC,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    IPV6_UNICAST,
    Family,
)
from prefixd.bgp.wire.packing import pack_announcements, pack_withdrawals
from prefixd.bgp.wire.scalar import Origin
from tests.golden.test_messages import HEX
from tests.kit.daemons import Bird, Frr, GoBgp, Neighbor, Wish, wait_for
from tests.kit.dialects import find, of_bird, of_exabgp, of_frr, of_gobgp, of_tshark
from tests.kit.netns import private_network
from tests.kit.raw_speaker import RawSpeaker
from tests.kit.readers import exabgp, tshark
from tests.kit.readings import Reading, of_rule
from tests.kit.rules import plausible_rules

Peer: TypeAlias = GoBgp | Bird | Frr

FAMILIES = (IPV4_FLOWSPEC, IPV6_FLOWSPEC)
MESSAGE_ROOM = 1024  # GoBGP repeats every rule of an UPDATE beside every other in its JSON
PEER_AS = 65001
ODD_RULES = [
    f"{target} {rest}"
    for target, rest in itertools.product(
        ("dst 192.0.2.7/32", "dst 2001:db8:7::/48"),
        (
            "fragment is-fragment|first-fragment",
            "fragment =is-fragment",
            "fragment !is-fragment",
            "fragment !is-fragment|first-fragment",
            "fragment =first-fragment,=last-fragment",
            "proto tcp tcp-flags =syn&!ack",
            "proto tcp tcp-flags !fin|syn|rst|psh|ack|urg",
            "proto tcp tcp-flags =syn+ack",
            "proto tcp tcp-flags rst,=fin+ack",
            "proto !=6&!=17",
            "proto 47,50-51",
            "port 53",
            "port <1024,>=49152",
            "dport !=80&!=443",
            "sport 0",
            "dport 65535",
            "icmp-type 8 icmp-code 0",
            "icmp-type 3 icmp-code >=1",
            "length >=512",
            "length <64,1400-1500",
            "dscp 46",
            "dscp 10,12,14,48-63",
        ),
    )
] + [
    "src 198.51.100.0/24 proto udp",
    "dst 0.0.0.0/0 proto udp dport 19",
    "dst 198.51.96.0/19 src 203.0.113.128/25",
    "dst 2001:db8:7::/48 flow-label 5,100-200",
    "dst 2001:db8:7::/48 src 2001:db8:8::/47 flow-label >=1048575",
    "dst 192.0.2.8/32 dport " + ",".join(str(port) for port in range(1000, 1050, 2)),
]


def rules() -> list[FlowSpecRule]:
    found = [*plausible_rules(8955, 520), *map(parse_rule, ODD_RULES)]
    assert len({encode_rule(rule) for rule in found}) == len(found) > 550
    return found


def of_family(family: Family) -> list[FlowSpecRule]:
    return [rule for rule in rules() if rule.family == family]


def announcements(wanted: list[FlowSpecRule]) -> list[bytes]:
    communities, _ = encode_actions([RateLimit(1_000_000, 65001)])
    attributes = [Origin(), as_sequence(PEER_AS), ExtendedCommunities(communities)]
    return pack_announcements(
        [encode_nlri(encode_rule(rule)) for rule in wanted],
        family=wanted[0].family,
        attributes=encode_attributes(attributes, WireContext()),
        max_message=MESSAGE_ROOM,
    )


def withdrawals(wanted: list[FlowSpecRule]) -> list[bytes]:
    nlri = [encode_nlri(encode_rule(rule)) for rule in wanted]
    return pack_withdrawals(nlri, family=wanted[0].family)


def agree(found: list[Reading], wanted: list[FlowSpecRule]) -> None:
    """The same readings, in any order; a rule that differs is shown in words."""
    got = {freeze(reading) for reading in found}
    missing = [format_rule(rule) for rule in wanted if freeze(of_rule(rule)) not in got]
    assert missing == []
    assert len(found) == len(wanted)


def freeze(reading: Reading) -> frozenset[tuple[int, object]]:
    return frozenset(reading.items())


# tshark


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_tshark_reads_every_rule_as_we_meant_it(tmp_path: Path, family: Family) -> None:
    wanted = [rule for rule in of_family(family) if not rule.component(Kind.FLOW_LABEL)]
    assert len(wanted) > 250
    for messages in (announcements(wanted), withdrawals(wanted)):
        layers = tshark(messages, tmp_path)
        trees = [tree for layer in layers for tree in find(layer, "bgp.flowspec_nlri_tree")]
        agree([of_tshark(tree) for tree in trees], wanted)


def test_tshark_reads_whole_messages(tmp_path: Path) -> None:
    names = [name for name in HEX if name != "M11"]
    layers = dict(
        zip(names, tshark([bytes.fromhex(HEX[name]) for name in names], tmp_path), strict=True)
    )

    def values(name: str, field: str) -> list[str]:
        return [str(value) for value in find(layers[name], field)]

    assert values("M2", "bgp.open.myas") == ["23456"]
    assert values("M2", "bgp.open.identifier") == ["192.0.2.10"]
    assert values("M2", "bgp.cap.mp.safi") == ["1", "133", "1", "133"]
    assert values("M2", "bgp.cap.4as") == ["4200000001"]
    assert values("M2", "bgp.cap.gr.timers.restart_time") == ["120"]
    assert values("M4", "bgp.route_refresh.subtype") == ["1"]
    assert values("M5", "bgp.route_refresh.subtype") == ["2"]
    shutdown = "bgp.notify.communication"
    assert values("M9", shutdown) == ["maintenance"]
    assert values("U2", "bgp.update.path_attribute.local_pref") == ["100"]
    assert values("U2", "bgp.ext_com_flow.rate_limit") == ["125000"]
    assert values("U6", "bgp.ext_com.value_as2")
    assert values("U8", "bgp.update.path_attribute.next_hop") == ["192.0.2.66"]
    communities = values("U8", "bgp.update.path_attribute.community_wellknown")
    assert communities == ["0xffff029a", "0xffffff01"]
    assert values("U8", "bgp.nlri_prefix") == ["198.51.100.10"]
    assert values("U9", "bgp.mp_reach_nlri_ipv6_prefix") == ["2001:db8::1"]
    assert values("U10", "bgp.withdrawn_prefix") == ["198.51.100.10"]


# scapy: knows messages, attributes and actions, leaves FlowSpec rules as octets


def test_scapy_reads_whole_messages() -> None:
    bgp = pytest.importorskip("scapy.contrib.bgp")
    bgp.bgp_module_conf.use_2_bytes_asn = False
    layers = {name: bgp.BGP(bytes.fromhex(octets)) for name, octets in HEX.items()}
    assert layers["M1"].type == 4
    opened = layers["M2"][bgp.BGPOpen]
    assert (opened.my_as, opened.hold_time, opened.bgp_id) == (23456, 90, "192.0.2.10")
    codes = [each.param_value.code for each in opened.opt_params]
    assert codes[:1] == [1]
    assert layers["M3"][bgp.BGPRouteRefresh].safi == 133
    assert (layers["M9"].error_code, layers["M9"].error_subcode) == (6, 2)
    for name in ("U1", "U2", "U4", "U5", "U6", "U7"):
        update = layers[name][bgp.BGPUpdate]
        kinds = [each.type_code for each in update.path_attr]
        assert kinds[0] == 14
        assert kinds[1:] == sorted(kinds[1:])
        assert update.path_attr[0].attribute.safi == 133
    rate = layers["U2"][bgp.BGPPAExtCommTrafficRate]
    assert rate.rate == 125000.0
    path = layers["U8"][bgp.BGPPAAS4BytesPath]
    assert [segment.segment_value for segment in path.segments] == [[65001]]
    assert [each.prefix for each in layers["U8"][bgp.BGPUpdate].nlri] == ["198.51.100.10/32"]
    assert [each.prefix for each in layers["U10"][bgp.BGPUpdate].withdrawn_routes] == [
        "198.51.100.10/32"
    ]


def test_scapy_finds_every_rule_where_we_put_it() -> None:
    bgp = pytest.importorskip("scapy.contrib.bgp")
    bgp.bgp_module_conf.use_2_bytes_asn = False
    for family in FAMILIES:
        wanted = of_family(family)
        seen = b""
        for message in announcements(wanted):
            reach = bgp.BGP(message)[bgp.BGPUpdate].path_attr[0].attribute
            assert (reach.afi, reach.safi, reach.nh_addr_len) == (*family, 0)
            seen += bytes(reach.payload)
        assert seen == b"".join(encode_nlri(encode_rule(rule)) for rule in wanted)


# ExaBGP


@pytest.mark.parametrize(
    ("family", "name"), [(IPV4_FLOWSPEC, "ipv4 flow"), (IPV6_FLOWSPEC, "ipv6 flow")]
)
def test_exabgp_reads_every_rule_as_we_meant_it(tmp_path: Path, family: Family, name: str) -> None:
    flows: list[dict[str, Any]] = []
    wanted = of_family(family)
    for message in announcements(wanted):
        update = exabgp(message, tmp_path)
        assert update["attribute"]["as-path"] == [PEER_AS]
        [community] = update["attribute"]["extended-community"]
        assert community["string"] == "rate-limit:125000"
        for routes in update["announce"][name].values():
            flows += routes
    agree([of_exabgp(flow) for flow in flows], wanted)


# GoBGP, BIRD and FRR, as peers

OURS, THEIRS = "10.9.0.1", "10.9.0.2"
KINDS = [GoBgp, Bird, Frr]
BIRD_RULE = re.compile(r"^flow[46] \{ (.*?) \}", re.MULTILINE)


@contextmanager
def session(kind: type[Peer], folder: Path) -> Iterator[tuple[Peer, RawSpeaker]]:
    """A daemon with a session to us, in a network of their own."""
    neighbor = Neighbor(
        us=OURS,
        our_asn=PEER_AS,
        local=THEIRS,
        families=("ipv4 flowspec", "ipv6 flowspec", "ipv4 unicast", "ipv6 unicast"),
    )
    wish = Wish(asn=65002, router_id="192.0.2.2", neighbors=(neighbor,))
    with private_network([f"{OURS}/24", f"{THEIRS}/24"]), kind(folder).run(wish) as daemon:
        families = (*FAMILIES, IPV4_UNICAST, IPV6_UNICAST)
        with RawSpeaker((THEIRS, 179), asn=PEER_AS, families=families, source=OURS) as speaker:
            yield daemon, speaker


def digestible(kind: type[Peer], rule: FlowSpecRule) -> bool:
    """FRR 8.4 ends the session over six operators in one component, and over two `!=` in a row."""
    if kind is not Frr:
        return True
    operators = [len(getattr(each, "items", ())) for each in rule.components]
    return max(operators) <= 5 and "&!=" not in format_rule(rule)


def held(daemon: Peer, version: str) -> list[Reading]:
    match daemon:
        case GoBgp():
            table = json.loads(daemon.ask("global", "rib", "-a", f"{version}-flowspec", "-j"))
            return [of_gobgp(path["nlri"]) for paths in table.values() for path in paths]
        case Bird():
            shown = daemon.ask("show", "route", "table", f"f{version[-1]}")
            return [of_bird(words) for words in BIRD_RULE.findall(shown)]
        case Frr():
            [table] = daemon.table(version)
            return [of_frr(route) for paths in table["routes"].values() for route in paths]


def rates(daemon: Peer, version: str) -> int:
    """How often the daemon shows our limit, in its own words: bytes a second, or the octets."""
    match daemon:
        case GoBgp():
            shown = daemon.ask("global", "rib", "-a", f"{version}-flowspec")
            return shown.count("rate: 125000.000000")
        case Bird():
            shown = daemon.ask("show", "route", "all", "table", f"f{version[-1]}")
            return shown.count("(generic, 0x8006fde9, 0x47f42400)")
        case Frr():
            return daemon.ask(f"show bgp {version} flowspec detail").count("FS:rate 125000.000000")


@pytest.mark.parametrize("version", ["ipv4", "ipv6"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_peer_holds_every_rule_as_we_meant_it(
    kind: type[Peer], version: str, tmp_path: Path
) -> None:
    family = FAMILY_BY_NAME[f"{version}-flowspec"]
    wanted = [rule for rule in of_family(family) if digestible(kind, rule)]
    assert len(wanted) > 250
    with session(kind, tmp_path) as (daemon, speaker):
        speaker.send(b"".join(announcements(wanted)))
        wait_for(lambda: daemon.rules(version) == len(wanted), 30, f"{len(wanted)} rules")
        agree(held(daemon, version), wanted)
        assert rates(daemon, version) == len(wanted)
        speaker.send(b"".join(withdrawals(wanted)))
        wait_for(lambda: daemon.rules(version) == 0, 30, "an empty table")
        assert speaker.complaints() == []


UNICAST = {
    GoBgp: [("global", "rib", "-a", "ipv4"), ("global", "rib", "-a", "ipv6")],
    Bird: [("show", "route", "all")],
    Frr: [("show bgp ipv4 unicast 198.51.100.10/32",), ("show bgp ipv6 unicast 2001:db8::1/128",)],
}
COMMUNITIES = {
    GoBgp: "blackhole, no-export",
    Bird: "(65535,666) (65535,65281)",
    Frr: "blackhole no-export",
}


@pytest.mark.parametrize("kind", KINDS)
def test_host_routes_for_remote_triggered_blackholing(kind: type[Peer], tmp_path: Path) -> None:
    with session(kind, tmp_path) as (daemon, speaker):
        speaker.send(bytes.fromhex(HEX["U8"]) + bytes.fromhex(HEX["U9"]))

        def shown() -> str:
            return "".join(daemon.ask(*words) for words in UNICAST[kind])

        wait_for(lambda: shown().count(COMMUNITIES[kind]) == 2, 30, "two routes")
        for word in ("198.51.100.10/32", "2001:db8::1/128", "192.0.2.66", "100::1"):
            assert word in shown()
        speaker.send(bytes.fromhex(HEX["U10"]))
        wait_for(lambda: "192.0.2.66" not in shown(), 30, "one route less")
        assert speaker.complaints() == []
