"""A manual rule: the flags that describe one, for `preview` and `mitigations create` alike."""

import argparse
from typing import Any

from prefixd.cli.amount import duration, parse_duration, parse_rate
from prefixd.cli.completion import SITES
from prefixd.cli.context import Call, given
from prefixd.cli.failure import ExitCode, usage
from prefixd.cli.grammar import Argument, Command, arg
from prefixd.cli.table import Column

ACTIONS = ("discard", "police", "redirect", "mark", "blackhole")
RULE: tuple[Argument, ...] = (
    arg("victim", metavar="ADDRESS", help="the attacked address"),
    arg("action", choices=ACTIONS, help="action on the traffic"),
    arg("--ttl", type=parse_duration, default=600, metavar="TIME",
        help="lifetime: 600, 10m, 2h; default 10m"),
    arg("--rate", type=parse_rate, metavar="RATE", help="for police, bits per second: 20M, 1.5G"),
    arg("--dscp", type=int, metavar="NUMBER", help="for mark, 0 to 63"),
    arg("--route-target", metavar="AS:NUMBER", help="for redirect: the VRF"),
    arg("--next-hop", metavar="ADDRESS", help="for redirect: the next hop"),
    arg("--protocol", default="any", choices=("any", "udp", "tcp", "icmp"), help="default any"),
    arg("--port", action="append", default=[], metavar="PORT",
        help="destination port or range (53, 1000-2000); may be repeated"),
    arg("--pop", action="append", default=[], metavar="NAME", completer=SITES,
        help="only at this site; may be repeated"),
)  # fmt: skip


def rule_body(words: argparse.Namespace, reason: str) -> dict[str, Any]:
    _check_required(words)
    return given({
        "reason": reason,
        "victim_ip": words.victim,
        "action": words.action,
        "ttl_seconds": words.ttl,
        "protocol": words.protocol,
        "dst_ports": [int(port) for port in words.port if port.isdecimal()],
        "dst_port_ranges": [port for port in words.port if not port.isdecimal()],
        "pops": words.pop,
        "rate_bps": words.rate,
        "dscp": words.dscp,
        "route_target": words.route_target,
        "next_hop": words.next_hop,
    })  # fmt: skip


def _check_required(words: argparse.Namespace) -> None:
    """Missing options only; the service judges the values."""
    match words.action:
        case "police" if words.rate is None:
            raise usage("police needs --rate, bits per second: --rate 20M")
        case "mark" if words.dscp is None:
            raise usage("mark needs --dscp, 0 to 63")
        case "redirect" if words.route_target is None and words.next_hop is None:
            raise usage("redirect needs --route-target or --next-hop")
        case "redirect" if words.route_target is not None and words.next_hop is not None:
            raise usage("redirect takes --route-target or --next-hop, not both")
        case _:
            return


def preview(call: Call) -> int:
    tree = call.ask("POST", "/v1/preview", rule_body(call.words, "preview")).tree
    refusals = tree["refusals"]
    call.out.facts(
        tree,
        [
            ("Plan", tree["plan"]),
            ("Rule", tree["match"]),
            ("Action", tree["action"]),
            ("Lifetime", duration(tree["ttl_seconds"])),
            ("Notes", "; ".join(tree["notes"])),
        ],
    )
    if call.out.is_table:
        if refusals:
            call.out.heading("Refused by")
            call.out.rows(tree, refusals, _REFUSALS, empty="")
        call.out.heading("Neighbors")
        call.out.lines([f"  {line}" for line in tree["peers"]] or ["  none"])
    return ExitCode.REFUSED if refusals else ExitCode.OK


_REFUSALS = [
    Column("GUARDRAIL", "code"),
    Column("LIMIT", "limit"),
    Column("VALUE", "value"),
    Column("WHY", "text", shrink=True),
]

COMMANDS = (
    Command(
        path=("preview",), summary="what a manual rule would do; announces nothing", run=preview,
        arguments=RULE,
        example="prefixdctl preview 198.51.100.20 police --rate 20M --protocol udp --port 53",
        about="Exit code 1 when a guardrail would refuse it.",
    ),
)  # fmt: skip
