"""What a peer tells us: denied, watched or taken, always bounded."""

from dataclasses import replace

import pytest

from prefixd.bgp.rib.adj_rib_in import (
    AdjRibIn,
    Echoed,
    Excess,
    Filling,
    ImportPolicy,
    ImportRefusal,
    Learned,
    Lost,
)
from prefixd.bgp.rib.route import describe
from prefixd.bgp.wire.as_path import as_sequence
from prefixd.bgp.wire.attribute import Attribute
from prefixd.bgp.wire.community import Communities, ExtendedCommunities
from prefixd.bgp.wire.flowspec import FlowSpecRule
from prefixd.bgp.wire.flowspec_action import Discard, RateLimit, encode_actions
from prefixd.bgp.wire.flowspec_text import parse_rule
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC, IPV4_UNICAST
from prefixd.bgp.wire.mp_reach import RawNlri
from prefixd.bgp.wire.outcome import Outcome, Routes
from prefixd.bgp.wire.prefix import Prefix
from prefixd.bgp.wire.scalar import ClusterList, OriginatorId

VICTIM = "dst 192.0.2.1/32 proto udp"
OURS = 65000
TAKING = ImportPolicy(
    keep=True,
    report=True,
    destinations=(Prefix.parse("192.0.2.0/24"),),
    actions=frozenset({"discard"}),
    max_flowspec=3,
)


def a_table(policy: ImportPolicy = TAKING) -> AdjRibIn:
    return AdjRibIn(policy=policy, local_as=OURS, router_id=7)


def announced(*texts: str, attributes: tuple[Attribute, ...] | None = None) -> Outcome:
    if attributes is None:
        attributes = (as_sequence(64999), ExtendedCommunities(encode_actions([Discard()])[0]))
    rules = tuple(parse_rule(text) for text in texts)
    return Outcome(announced=(Routes(family=IPV4_FLOWSPEC, nlri=rules),), attributes=attributes)


def withdrawn(*texts: str) -> Outcome:
    rules = tuple(parse_rule(text) for text in texts)
    return Outcome(withdrawn=(Routes(family=IPV4_FLOWSPEC, nlri=rules),))


def words_of(events: object) -> list[str]:
    assert isinstance(events, list)
    words = []
    for event in events:
        key = event.received.key if isinstance(event, Learned) else event.key
        words.append(f"{type(event).__name__} {describe(*key)}")
    return words


def test_nothing_is_kept_by_default() -> None:
    table = a_table(ImportPolicy())
    assert table.apply(announced(VICTIM), 1) == []
    assert len(table) == 0


def test_watching_keeps_and_reports_nothing() -> None:
    table = a_table(ImportPolicy(keep=True, destinations=(Prefix.parse("0.0.0.0/0"),)))
    assert table.apply(announced(VICTIM), 1) == []
    assert [received.refusal for received in table.routes()] == [None]
    assert table.apply(withdrawn(VICTIM), 2) == []
    assert len(table) == 0


def test_a_rule_comes_and_goes() -> None:
    table = a_table()
    assert words_of(table.apply(announced(VICTIM), 1)) == [f"Learned {VICTIM}"]
    assert words_of(table.apply(withdrawn(VICTIM), 2)) == [f"Lost {VICTIM}"]
    assert table.apply(withdrawn(VICTIM), 3) == []


def test_another_spelling_is_the_same_rule() -> None:
    table = a_table()
    table.apply(announced("dst 192.0.2.1/32 dport 53,54"), 1)
    assert len(table.apply(withdrawn("dst 192.0.2.1/32 dport 53-54"), 2)) == 1


@pytest.mark.parametrize(
    ("text", "attributes", "refusal"),
    [
        ("dst 198.51.100.1/32", None, ImportRefusal.DESTINATION),
        ("dst 192.0.0.0/16", None, ImportRefusal.DESTINATION),
        ("src 192.0.2.1/32", None, ImportRefusal.NO_DESTINATION),
        ("dst 192.0.2.1/32 dport false", None, ImportRefusal.NEVER_MATCHES),
        (VICTIM, (ExtendedCommunities(encode_actions([RateLimit(1e6)])[0]),), ImportRefusal.ACTION),
        (VICTIM, (), ImportRefusal.ACTION),
    ],
)
def test_reasons_not_to_take_a_route(
    text: str, attributes: tuple[Attribute, ...] | None, refusal: ImportRefusal
) -> None:
    table = a_table()
    assert table.apply(announced(text, attributes=attributes), 1) == []
    assert [received.refusal for received in table.routes()] == [refusal]
    assert table.ignored == {refusal: 1}


def test_a_required_community() -> None:
    table = a_table(ImportPolicy(keep=True, report=True, required_communities=frozenset({5}),
                                 destinations=TAKING.destinations))  # fmt: skip
    assert table.apply(announced(VICTIM), 1) == []
    attributes: tuple[Attribute, ...] = (Communities((5, 6)),)
    assert len(table.apply(announced(VICTIM, attributes=attributes), 2)) == 1


def test_a_rule_that_turns_doubtful_is_lost() -> None:
    table = a_table()
    table.apply(announced(VICTIM), 1)
    assert words_of(table.apply(announced(VICTIM, attributes=()), 2)) == [f"Lost {VICTIM}"]


@pytest.mark.parametrize(
    "attribute", [as_sequence(64999, OURS), OriginatorId(7), ClusterList((3, 7))]
)
def test_our_own_rule_echoed_is_evidence_and_nothing_else(attribute: Attribute) -> None:
    table = a_table()
    events = table.apply(announced(VICTIM, attributes=(attribute,)), 1)
    assert [type(event) for event in events] == [Echoed]
    assert len(table) == 0


def test_memory_is_bounded() -> None:
    table = a_table()
    events = table.apply(announced(*(f"dst 192.0.2.{n}/32" for n in range(1, 9))), 1)
    assert len([event for event in events if isinstance(event, Learned)]) == len(table) == 3
    assert table.ignored == {ImportRefusal.TOO_MANY: 5}
    assert len(table.apply(announced("dst 192.0.2.1/32"), 2)) == 1  # a known one may change


def test_filling_up_is_reported_once_until_it_has_emptied() -> None:
    table = a_table(ImportPolicy(keep=True, max_flowspec=5, warn_share=0.6))
    rules = [f"dst 192.0.2.{n}/32" for n in range(1, 9)]
    assert table.apply(announced(*rules[:2]), 1) == []
    assert table.apply(announced(*rules[2:4]), 2) == [Filling(IPV4_FLOWSPEC, 3, 5)]
    assert table.apply(announced(rules[4]), 3) == []
    table.apply(withdrawn(*rules[:4]), 4)
    assert table.apply(announced(rules[5]), 5) == []
    assert table.apply(announced(rules[6]), 6) == [Filling(IPV4_FLOWSPEC, 3, 5)]


def test_excess_ends_the_session_only_where_that_was_agreed() -> None:
    rules = [f"dst 192.0.2.{n}/32" for n in range(1, 9)]
    strict = a_table(ImportPolicy(keep=True, max_flowspec=5, warn_share=1.0, reset_on_excess=True))
    events = strict.apply(announced(*rules), 1)
    assert events == [Filling(IPV4_FLOWSPEC, 5, 5), Excess(IPV4_FLOWSPEC, 5)]
    assert strict.ignored[ImportRefusal.TOO_MANY] == 3


def test_a_rule_longer_than_agreed_is_not_taken() -> None:
    table = a_table(replace(TAKING, max_items=4))
    short, long = "dst 192.0.2.1/32 dport 1,3,5", "dst 192.0.2.1/32 dport 1,3,5,7"
    assert words_of(table.apply(announced(short), 1)) == [f"Learned {short}"]
    assert table.apply(announced(long), 2) == []
    assert table.ignored == {ImportRefusal.TOO_LONG: 1}


def test_a_disabled_family_is_forgotten() -> None:
    table = a_table()
    table.apply(announced(VICTIM), 1)
    assert words_of(table.apply(Outcome(disabled=frozenset({IPV4_FLOWSPEC})), 2)) == [
        f"Lost {VICTIM}"
    ]


def test_what_a_restarted_peer_does_not_confirm_goes() -> None:
    table = a_table()
    table.apply(announced(VICTIM, "dst 192.0.2.2/32"), 1)
    table.mark_stale([IPV4_FLOWSPEC])
    table.apply(announced(VICTIM), 2)
    assert words_of(table.sweep([IPV4_FLOWSPEC])) == ["Lost dst 192.0.2.2/32"]
    assert table.sweep([IPV4_FLOWSPEC, IPV4_UNICAST]) == []


def test_unreadable_rules_are_withdrawn_by_their_octets() -> None:
    table = a_table()
    raw = RawNlri(b"\x03\x00\x81\x01")
    gone = Outcome(withdrawn=(Routes(family=IPV4_FLOWSPEC, nlri=(raw,)),))
    assert table.apply(gone, 1) == []
    assert Lost not in {type(event) for event in table.apply(gone, 2)}


def test_a_received_rule_is_kept_in_its_canonical_form() -> None:
    table = a_table()
    table.apply(announced("dst 192.0.2.1/32 proto udp dport 53,54"), 1)
    [received] = table.routes()
    assert received.rule == parse_rule("dst 192.0.2.1/32 proto udp dport 53-54")
    table.mark_stale([IPV4_FLOWSPEC])
    assert list(table.routes()) == [received], "also while it is stale"


def test_routes_that_are_denied_cost_no_canonical_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """A neighbor that may not announce anything is cheap, however much it sends."""

    def never(rule: FlowSpecRule) -> FlowSpecRule:
        raise AssertionError(rule)

    monkeypatch.setattr("prefixd.bgp.rib.adj_rib_in.canonical", never)
    assert a_table(ImportPolicy()).apply(announced(VICTIM), 1) == []
