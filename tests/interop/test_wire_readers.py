"""What we write, read by programs that share no code with us.

More than five hundred generated rules, one of every component and operator among them, go to
tshark, ExaBGP's decoder, GoBGP and BIRD; whole messages go to tshark and scapy. Each must accept
them without a complaint, and what it says they mean must be what we meant: the comparison is of
meaning (`tests/kit/readings.py`), not of octets.

Left out, because the reader named does not read them as RFC 8955 and RFC 8956 say: masks of two
octets for TCP flags (tshark 4.0 takes one), IPv6 prefixes with an offset (GoBGP 3.10 and ExaBGP 4.2
follow the draft), flow labels (tshark 4.0 shows nothing), Send Hold Timer Expired (tshark 4.0).
"""

import itertools
import re
from pathlib import Path
from typing import Any

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
    IPV4_FLOWSPEC,
    IPV4_UNICAST,
    IPV6_FLOWSPEC,
    IPV6_UNICAST,
    Family,
)
from prefixd.bgp.wire.packing import pack_announcements, pack_withdrawals
from prefixd.bgp.wire.scalar import Origin
from tests.golden.test_messages import HEX
from tests.kit.raw_speaker import RawSpeaker, wait_for
from tests.kit.readers import Daemon, bird, exabgp, gobgp, gobgp_paths, tshark
from tests.kit.readings import Reading, find, of_bird, of_exabgp, of_gobgp, of_rule, of_tshark
from tests.kit.rules import plausible_rules

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


# GoBGP and BIRD, as peers


BIRD_RULE = re.compile(r"^flow[46] \{ (.*?) \}", re.MULTILINE)


def speak(daemon: Daemon) -> RawSpeaker:
    families = (*FAMILIES, IPV4_UNICAST, IPV6_UNICAST)
    return RawSpeaker(daemon.peer, asn=PEER_AS, families=families, source=daemon.source)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_gobgp_holds_every_rule_as_we_meant_it(tmp_path: Path, family: Family) -> None:
    wanted = of_family(family)
    with gobgp(tmp_path) as daemon, speak(daemon) as speaker:

        def held() -> int:
            return daemon.ask("-a", str(family)).count("*>")

        speaker.send(b"".join(announcements(wanted)))
        wait_for(f"{len(wanted)} rules", lambda: held() == len(wanted))
        paths = gobgp_paths(daemon, str(family))
        agree([of_gobgp(path["nlri"]) for path in paths], wanted)
        for path in paths:
            [community] = [each for each in path["attrs"] if each["type"] == 16]
            assert community["value"][0]["rate"] == 125000
        speaker.send(b"".join(withdrawals(wanted)))
        wait_for("no rules", lambda: held() == 0)
        assert speaker.complaints() == []


@pytest.mark.parametrize(("family", "table"), [(IPV4_FLOWSPEC, "f4"), (IPV6_FLOWSPEC, "f6")])
def test_bird_holds_every_rule_as_we_meant_it(tmp_path: Path, family: Family, table: str) -> None:
    wanted = of_family(family)
    with bird(tmp_path) as daemon, speak(daemon) as speaker:

        def held() -> list[str]:
            return BIRD_RULE.findall(daemon.ask("table", table))

        speaker.send(b"".join(announcements(wanted)))
        wait_for(f"{len(wanted)} rules", lambda: len(held()) == len(wanted))
        agree([of_bird(words) for words in held()], wanted)
        shown = daemon.ask("all", "table", table)
        assert shown.count("(generic, 0x8006fde9, 0x47f42400)") == len(wanted)
        speaker.send(b"".join(withdrawals(wanted)))
        wait_for("an empty table", lambda: held() == [])
        assert speaker.complaints() == []


@pytest.mark.parametrize("start", [gobgp, bird])
def test_host_routes_for_remote_triggered_blackholing(start: Any, tmp_path: Path) -> None:
    with start(tmp_path) as daemon, speak(daemon) as speaker:
        speaker.send(bytes.fromhex(HEX["U8"]) + bytes.fromhex(HEX["U9"]))

        def routes() -> str:
            if start is bird:
                return daemon.ask("all")
            return daemon.ask("-a", "ipv4") + daemon.ask("-a", "ipv6")

        wait_for("two routes", lambda: "198.51.100.10/32" in routes() and "::1/128" in routes())
        shown = routes()
        assert "192.0.2.66" in shown
        assert "100::1" in shown
        assert shown.count("blackhole" if start is gobgp else "(65535,666)") == 2
        speaker.send(bytes.fromhex(HEX["U10"]))
        wait_for("one route", lambda: "198.51.100.10/32" not in routes())
        assert speaker.complaints() == []
