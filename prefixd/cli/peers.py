"""BGP: neighbors, rules, and why a rule is or is not announced to a neighbor."""

from typing import Any

from prefixd.cli.amount import counted, duration, size
from prefixd.cli.client import segment
from prefixd.cli.completion import LIVE_MITIGATIONS, PEERS
from prefixd.cli.context import Call, Times, times_of
from prefixd.cli.grammar import Command, arg
from prefixd.cli.table import Column


def peers(call: Call) -> None:
    if call.words.name is not None:
        _one(call)
        return
    answer = call.get("/v1/bgp/peers")
    tree = answer.tree
    call.out.rows(tree, tree["peers"], peer_columns(times_of(answer)), empty="no neighbors")


def peer_columns(times: Times) -> list[Column]:
    return [
        Column("PEER", "name"),
        Column("STATE", "state"),
        Column("SINCE", lambda row: times(row.get("since"))),
        Column("ADDRESS", "address", drop=2),
        Column("AS", "peer_asn", right=True, drop=3),
        Column("RULES", lambda row: sum((row.get("rules") or {}).values()), right=True),
        Column(
            "WITHHELD",
            lambda row: sum((row.get("withheld") or {}).values()),
            right=True,
            drop=4,
        ),
        Column("QUEUED", "outbox", right=True, drop=5),
        Column("LAST ERROR", "last_error", shrink=True, drop=1),
    ]


def _one(call: Call) -> None:
    answer = call.get(f"/v1/bgp/peers/{segment(call.words.name)}")
    tree, times = answer.tree, times_of(answer)
    terms, wire = tree.get("negotiated") or {}, tree.get("transport") or {}
    call.out.facts(
        tree,
        [
            ("Peer", tree["name"]),
            ("Description", tree.get("description")),
            ("State", tree["state"]),
            ("Since", times(tree.get("since"))),
            ("Address", tree.get("address")),
            ("AS", tree.get("peer_asn")),
            ("Profile", tree.get("profile")),
            ("Last down", tree.get("last_down")),
            ("Last down at", _time(times, tree.get("last_down_at"))),
            ("Last error", tree.get("last_error")),
            ("Next attempt", _seconds(tree.get("next_retry_seconds"))),
            ("Families", terms.get("families")),
            ("Hold time", _seconds(terms.get("hold_time_seconds"))),
            ("Local", wire.get("local")),
            ("Remote", wire.get("remote")),
            ("Opened by", _opener(wire)),
            ("MD5", wire.get("md5")),
            ("TCP-AO", wire.get("tcp_ao")),
            ("Rules", _counts(tree.get("rules"))),
            ("Withheld", _counts(tree.get("withheld"))),
            ("Quarantined", str(tree.get("quarantined", 0))),
            ("Queued", f"{tree.get('outbox', 0)} changes"),
            ("Announced", str(tree.get("announced", 0))),
            ("Withdrawn", str(tree.get("withdrawn", 0))),
            ("Sent", _traffic(tree, "out")),
            ("Received", _traffic(tree, "in")),
            ("Faults", _counts(tree.get("faults"))),
            ("Flaps", str(tree.get("flaps", 0))),
        ],
    )


def rib(call: Call) -> None:
    answer = call.get("/v1/bgp/rib")
    tree, times = answer.tree, times_of(answer)
    rules = tree["rules"]
    if call.words.peer is not None:
        rules = [rule for rule in rules if call.words.peer in rule["peers"]]
        if not rules:  # an unknown name is an error, not a neighbor without rules
            call.get(f"/v1/bgp/peers/{segment(call.words.peer)}")
    columns = [
        Column("MITIGATION", "mitigation_id", drop=2),
        Column("RULE", "rule", shrink=True, least=32),
        Column("ACTION", "action"),
        Column("EXPIRES", lambda row: times(row["expires_at"])),
        Column("PEERS", lambda row: _stages(row["peers"]), shrink=True, drop=1),
    ]
    call.out.rows(tree, rules, columns, empty="no rules")
    inexpressible = tree.get("inexpressible") or []
    if inexpressible and call.out.is_table:
        call.out.warn(f"{counted(len(inexpressible), 'live mitigation')} that no router can carry:")
        for row in inexpressible:
            call.out.say(f"  {row['mitigation_id']}  {row['rule']}: {row['reason']}")


def explain(call: Call) -> None:
    tree = call.get("/v1/bgp/explain", rule=call.words.rule, peer=call.words.peer).tree
    if call.out.is_table:
        detail = f" ({tree['detail']})" if tree.get("detail") else ""
        reason = f": {tree['reason']}" if tree.get("reason") else ""
        call.out.facts(
            tree,
            [
                ("Mitigation", tree["mitigation_id"]),
                ("Peer", tree["peer"]),
                ("State", f"{tree['stage']}{reason}{detail}"),
            ],
        )
        call.out.heading("Steps")
    columns = [
        Column("STEP", "step"),
        Column("PASSED", "passed"),
        Column("DETAIL", "detail", shrink=True),
    ]
    call.out.rows(tree, tree["steps"], columns, empty="no steps")


def reset(call: Call) -> None:
    _operate(call, f"/v1/bgp/peers/{segment(call.words.name)}/reset", "session with {} reset")


def refresh(call: Call) -> None:
    _operate(
        call,
        f"/v1/bgp/peers/{segment(call.words.name)}/refresh",
        "table of {} refreshed in both directions",
    )


def disable(call: Call) -> None:
    _operate(
        call,
        f"/v1/bgp/peers/{segment(call.words.name)}/disable",
        "{} disabled until it is enabled again",
    )


def enable(call: Call) -> None:
    _operate(call, f"/v1/bgp/peers/{segment(call.words.name)}/enable", "{} enabled")


def release(call: Call) -> None:
    _operate(
        call,
        f"/v1/bgp/peers/{segment(call.words.name)}/release",
        "quarantined rules of {} released",
    )


def _operate(call: Call, path: str, done: str) -> None:
    name, reason = call.words.name, call.words.reason
    tree = call.ask("POST", path, {"reason": reason} if reason else {}).tree
    call.out.done(tree, done.format(name))


def simulate(call: Call) -> None:
    words = call.words
    tree = call.get(
        "/v1/bgp/simulate",
        dst=words.dst,
        src=words.src,
        protocol=str(PROTOCOLS.get(words.protocol, words.protocol)),
        dst_port=words.dst_port,
        src_port=words.src_port,
        length=words.length,
    ).tree
    rows = [{"peer": name, **decision} for name, decision in tree["peers"].items()]
    columns = [
        Column("PEER", "peer"),
        Column("RULE", lambda row: row["rule"] or "none matches", shrink=True, least=32),
        Column("ACTION", lambda row: row["action"] or "forwarded"),
    ]
    call.out.rows(tree, rows, columns, empty="no neighbors")


def _stages(peers_of_rule: dict[str, Any]) -> str:
    """A rule that is withheld from a neighbor shows the reason."""
    return ", ".join(
        f"{name} {state['stage']}" + (f" ({state['reason']})" if state.get("reason") else "")
        for name, state in peers_of_rule.items()
    )


def _counts(counts: Any) -> str:
    return ", ".join(f"{count} {word}" for word, count in (counts or {}).items() if count)


def _traffic(tree: Any, way: str) -> str:
    messages = sum((tree.get(f"messages_{way}") or {}).values())
    return f"{messages} messages, {size(tree.get(f'octets_{way}') or 0)}"


def _opener(wire: dict[str, Any]) -> str | None:
    if not wire:
        return None
    return "the neighbor" if wire.get("incoming") else "us"


def _seconds(value: Any) -> str | None:
    return None if value is None else duration(value)


def _time(times: Times, value: object) -> object:
    return None if value is None else times(value)


PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_OPERATION = (
    arg("name", metavar="NAME", completer=PEERS, help="name of the neighbor"),
    arg("-r", "--reason", metavar="TEXT", help="why; the neighbor and the audit log get it"),
)
COMMANDS = (
    Command(
        path=("peers",), summary="BGP neighbors, or one of them in full", run=peers, repeats=True,
        arguments=(arg("name", nargs="?", metavar="NAME", completer=PEERS,
                help="show this neighbor in full"),),
        example="prefixdctl peers\nprefixdctl peers edge1",
    ),
    Command(
        path=("rib",), summary="every rule and its state at each neighbor", run=rib, repeats=True,
        arguments=(
            arg("--peer", metavar="NAME", completer=PEERS, help="only rules of this neighbor"),
        ),
        example="prefixdctl rib --peer edge1",
    ),
    Command(
        path=("explain",), summary="why a rule is or is not announced to a neighbor", run=explain,
        arguments=(
            arg("rule", metavar="RULE", completer=LIVE_MITIGATIONS,
                help="a mitigation id, or the text that `rib` shows"),
            arg("peer", metavar="PEER", completer=PEERS, help="name of the neighbor"),
        ),
        example="prefixdctl explain 'dst 198.51.100.20/32 proto udp' edge1",
    ),
    Command(
        path=("simulate",), summary="which rule decides a packet, at each neighbor", run=simulate,
        arguments=(
            arg("dst", metavar="DST", help="destination address"),
            arg("src", metavar="SRC", help="source address"),
            arg("protocol", metavar="PROTOCOL", help="udp, tcp, icmp or a number"),
            arg("--dst-port", type=int, metavar="PORT", help="destination port"),
            arg("--src-port", type=int, metavar="PORT", help="source port"),
            arg("--length", type=int, metavar="OCTETS", help="length of the packet"),
        ),
        example="prefixdctl simulate 198.51.100.20 203.0.113.9 udp --src-port 123",
    ),
    Command(
        path=("peer", "reset"), summary="end the session with Cease/4; it comes up again",
        run=reset, arguments=_OPERATION, example="prefixdctl peer reset edge1 -r 'stuck queue'",
    ),
    Command(
        path=("peer", "refresh"), summary="send the table again, without a reset",
        run=refresh, arguments=_OPERATION, example="prefixdctl peer refresh edge1",
    ),
    Command(
        path=("peer", "disable"), summary="end the session with Cease/2, until enabled",
        run=disable, arguments=_OPERATION,
        example="prefixdctl peer disable edge1 -r 'router upgrade'",
    ),
    Command(
        path=("peer", "enable"), summary="bring a disabled neighbor up again", run=enable,
        arguments=_OPERATION, example="prefixdctl peer enable edge1",
    ),
    Command(
        path=("peer", "release"), summary="send its quarantined rules once more", run=release,
        arguments=_OPERATION, example="prefixdctl peer release edge1",
    ),
)  # fmt: skip
