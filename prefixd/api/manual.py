"""A manual rule: from JSON to a domain request, or a 400 naming the field; and its preview."""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from prefixd.api import shapes
from prefixd.api.problem import bad_request
from prefixd.api.query import checked_reason
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.decision.manual import ManualRequest
from prefixd.domain.prefix import Address, Prefix
from prefixd.domain.rule import (
    MAX_DSCP,
    MAX_PORT,
    MIN_POLICE_BPS,
    Action,
    Blackhole,
    Discard,
    Mark,
    Match,
    NeighborPreview,
    Police,
    PortRange,
    Ports,
    Redirect,
    RulePreview,
    format_action,
    format_match,
    merge_ranges,
)
from prefixd.domain.vector import ICMP, ICMPV6, PORT_PROTOCOLS, TCP, UDP
from prefixd.guardrails.facts import Refusal

_PORTS = re.compile(r"[0-9]{1,5}(-([0-9]{1,5})?)?")
MAX_POLICE_BPS = 10**15
"""A petabit per second, more than any router has; a rate is a 32-bit float on the wire."""


def manual_request(body: shapes.ManualIn) -> ManualRequest:
    victim = Prefix.parse(body.victim_ip)
    if victim is None:
        raise bad_request(f"invalid IP address: {body.victim_ip[:60]!r}", "victim_ip")
    reason = checked_reason(body.reason)
    if body.ttl_seconds < 1:
        raise bad_request("ttl_seconds must be positive", "ttl_seconds")
    protocol = _protocol(body.protocol, victim)
    ports = _ports(body)
    if ports and protocol not in PORT_PROTOCOLS:
        raise bad_request("only udp and tcp have ports", "dst_ports")
    return ManualRequest(
        victim=victim,
        match=Match(dst=victim, protocol=protocol, dst_ports=ports),
        action=_action(body),
        ttl_s=body.ttl_seconds,
        reason=reason,
        pops=tuple(body.pops),
    )


class PreviewReply(msgspec.Struct, kw_only=True):
    plan: str
    match: str
    action: str
    ttl_seconds: int
    notes: list[str]
    refusals: list[Refusal]
    peers: list[str]


async def preview(call: Call[shapes.ManualIn, NoQuery]) -> Reply:
    answer = await call.services.engine.manual.preview(manual_request(call.body), call.actor)
    return Reply(
        PreviewReply(
            plan=answer.plan,
            match=format_match(answer.rule.match),
            action=format_action(answer.rule.action),
            ttl_seconds=answer.ttl_s,
            notes=list(answer.notes),
            refusals=list(answer.reasons),
            peers=_peers(answer.export),
        )
    )


def _peers(export: RulePreview) -> list[str]:
    if export.inexpressible:
        return [f"no router can carry this rule: {export.inexpressible}"]
    return [neighbor_line(each) for each in export.neighbors]


def withheld_notes(neighbors: Sequence[NeighborPreview]) -> list[str]:
    """A line for each neighbor that withholds the rule, after a warning when all of them do."""
    lines = [neighbor_line(each) for each in neighbors if each.withheld]
    if neighbors and len(lines) == len(neighbors):
        lines.insert(0, "no router takes this rule: traffic is not filtered")
    return lines


def withheld_by(neighbors: Sequence[NeighborPreview]) -> dict[str, str]:
    """The neighbors that withhold the rule, each with its reason."""
    return {each.neighbor: f"{each.withheld}: {each.detail}" for each in neighbors if each.withheld}


def neighbor_line(found: NeighborPreview) -> str:
    """`edge1: would be announced; 13 rules, 12 now` or `edge2: withheld (ability): ...`."""
    if found.withheld:
        return f"{found.neighbor}: withheld ({found.withheld}): {found.detail}"
    form = f" as {found.parts} rules" if found.parts > 1 else ""
    line = f"{found.neighbor}: would be announced{form}"
    line += f"; {found.rules_after} rules, {found.rules_before} now"
    if found.matched_first:
        line += f"; matched after {_first_of(found.matched_first)}"
    if found.matched_later:
        line += f"; matched before {_first_of(found.matched_later)}"
    return line


def _first_of(rules: Sequence[str]) -> str:
    return rules[0] if len(rules) == 1 else f"{rules[0]} and {len(rules) - 1} more"


def _protocol(word: str, victim: Prefix) -> int | None:
    numbers: Mapping[str, int | None] = {
        "": None,
        "any": None,
        "udp": UDP,
        "tcp": TCP,
        "icmp": ICMP if victim.version == 4 else ICMPV6,
    }
    if word.lower() not in numbers:
        raise bad_request("protocol must be udp, tcp, icmp or any", "protocol")
    return numbers[word.lower()]


def _ports(body: shapes.ManualIn) -> Ports:
    ranges: list[PortRange] = []
    for index, port in enumerate(body.dst_ports):
        if not 0 < port <= MAX_PORT:
            raise bad_request(f"invalid port {port}", f"dst_ports[{index}]")
        ranges.append(PortRange(port, port))
    for index, text in enumerate(body.dst_port_ranges):
        low, _, high = text.partition("-")
        if not _PORTS.fullmatch(text):
            raise bad_request(
                f"invalid port range {text[:20]!r}: write 1000-2000", f"dst_port_ranges[{index}]"
            )
        found = PortRange(int(low), int(high or low))
        if not 0 < found.low <= found.high <= MAX_PORT:
            raise bad_request(
                f"invalid port range {text[:20]!r}: write 1000-2000", f"dst_port_ranges[{index}]"
            )
        ranges.append(found)
    return merge_ranges(ranges)


def _action(body: shapes.ManualIn) -> Action:
    makers: Mapping[str, Callable[[shapes.ManualIn], Action]] = {
        "discard": lambda _body: Discard(),
        "blackhole": lambda _body: Blackhole(),
        "police": _police,
        "mark": _mark,
        "redirect": _redirect,
    }
    maker = makers.get(body.action)
    if maker is None:
        raise bad_request(f"action must be one of {', '.join(makers)}", "action")
    return maker(body)


def _police(body: shapes.ManualIn) -> Action:
    if body.rate_bps is None or not MIN_POLICE_BPS <= body.rate_bps <= MAX_POLICE_BPS:
        message = f"police needs rate_bps from {MIN_POLICE_BPS} to {MAX_POLICE_BPS}"
        raise bad_request(message, "rate_bps")
    return Police(body.rate_bps)


def _mark(body: shapes.ManualIn) -> Action:
    if body.dscp is None or not 0 <= body.dscp <= MAX_DSCP:
        raise bad_request(f"mark needs dscp from 0 to {MAX_DSCP}", "dscp")
    return Mark(body.dscp)


def _redirect(body: shapes.ManualIn) -> Action:
    if body.route_target is None and body.next_hop is None:
        raise bad_request("redirect needs route_target or next_hop", "route_target")
    if body.route_target is not None and body.next_hop is not None:
        raise bad_request("redirect takes route_target or next_hop, not both", "next_hop")
    if body.next_hop is None:
        return Redirect(route_target=body.route_target)
    address = Address.parse(body.next_hop)
    if address is None:
        raise bad_request(f"invalid IP address: {body.next_hop[:60]!r}", "next_hop")
    return Redirect(next_hop=address)


ROUTES = (
    Route(
        method="POST", path="/v1/preview", handle=preview,
        summary="What a manual rule would do; sends nothing", tag="mitigations",
        body=shapes.ManualIn, replies={200: PreviewReply}, errors=("bad_request",),
    ),
)  # fmt: skip
