"""Checks of the service, its neighbors and this machine: one line each, with what to do.

Two kinds of checks: what the service reports of itself, its database and its neighbors; and what is
visible on this machine (ports, kernel features, disk, clock), checked only when the service runs
here. A check that is not possible says so and is not a fault.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from prefixd import __version__
from prefixd.cli import machine
from prefixd.cli.amount import counted, duration
from prefixd.cli.context import Call
from prefixd.cli.failure import ExitCode, Failure
from prefixd.cli.grammar import Command, arg
from prefixd.cli.machine import Finding
from prefixd.cli.table import Column

CLOCK_LIMIT_S = 5

# What a router's or the kernel's complaint usually means. The first that fits is shown.
HINTS: tuple[tuple[str, str], ...] = (
    ("refused", "the router does not accept the connection: check the neighbor there, and BGP "
                "in its control-plane filter"),
    ("timed out", "no reply: routing, an access list, or an MD5/AO key mismatch (a router drops "
                  "segments with a wrong signature silently)"),
    ("no route", "this machine has no route to the router"),
    ("unreachable", "this machine has no route to the router"),
    ("bad peer as", "peer_asn here and the AS number there differ"),
    ("bad bgp identifier", "two speakers share a router_id"),
    ("unsupported capability", "the router refuses a family: check afi_safi here and FlowSpec "
                               "there"),
    ("hold timer", "keepalives do not arrive: path MTU, overload, or a filter for established "
                   "sessions"),
    ("authentication", "the MD5 or TCP-AO keys differ"),
    ("maximum number of prefixes", "the router's prefix limit is lower than our rules need"),
    ("administrative", "the session is shut down on the router"),
    ("cease", "the router ended the session; its log says why"),
)  # fmt: skip
PROFILE_HINTS = {
    "frr": "FRR installs FlowSpec only into ipset/iptables and breaks above five port operators",
    "generic": "a generic profile is sent the least; name the router's kind with `profile`",
}


@dataclass(frozen=True, slots=True)
class Observed:
    call: Call
    health: Any
    peers: list[Any]
    now_us: int
    """The service's clock."""


def doctor(call: Call) -> int:
    findings = list(_findings(call))
    tree = [
        {"state": found.state, "check": found.check, "text": found.text, "hint": found.hint}
        for found in findings
    ]
    columns = [
        Column("STATE", lambda row: row.state),
        Column("CHECK", lambda row: row.check),
        Column("FOUND", lambda row: row.text),
    ]
    if call.out.is_table:
        for found in findings:
            state = call.out.painted(found.state) + " " * (4 - len(found.state))
            call.out.lines([f"{state}  {found.check}: {found.text}"])
            if found.hint:
                call.out.lines([f"        {found.hint}"])
        bad = sum(found.state == "bad" for found in findings)
        warned = sum(found.state == "warn" for found in findings)
        call.out.lines(["", f"{len(findings)} checks, {bad} bad, {warned} warnings"])
    else:
        call.out.rows(tree, findings, columns, empty="")
    worst = any(found.state == "bad" for found in findings)
    return ExitCode.REFUSED if worst else ExitCode.OK


def _findings(call: Call) -> Iterator[Finding]:
    try:
        alive = call.get("/v1/health")
    except Failure as failure:
        yield Finding("bad", "service", failure.message, "; ".join(failure.hints))
        yield machine.port_finding()
        yield from machine.findings(call.words.data_dir)
        return
    tree = alive.tree
    yield Finding(
        "ok", "service", f"prefixd {tree['version']} answers at {call.service.target.api}"
    )
    if tree["version"] != __version__:
        yield Finding(
            "warn", "version", f"the service has {tree['version']}, this is {__version__}"
        )
    yield _clock(alive.now.timestamp(), call.clock.now().timestamp())
    if tree["auth_mode"] == "none" and not is_local(call.service.target.api):
        yield Finding(
            "warn", "authentication", "anyone who can reach the address is admin",
            "set http.auth.mode",
        )  # fmt: skip
    try:
        me = call.get("/v1/auth/me").tree
        detail = call.get("/v1/health/detail")
        seen = Observed(
            call,
            detail.tree,
            call.get("/v1/bgp/peers").tree["peers"],
            round(detail.now.timestamp() * 1_000_000),
        )
    except Failure as failure:
        yield Finding("bad", "authentication", failure.message, "; ".join(failure.hints))
    else:
        yield Finding("ok", "authentication", f"signed in as {me['username']} ({me['role']})")
        for check in CHECKS:
            yield from check(seen)
        yield from inexpressible(call)
        yield from ports(call)
    if is_local(call.service.target.api):
        yield from machine.findings(call.words.data_dir)


def _clock(there: float, here: float) -> Finding:
    apart = abs(there - here)
    if apart <= CLOCK_LIMIT_S:
        return Finding("ok", "clock", "clocks of the service and of this machine agree")
    text = f"clocks of the service and of this machine differ by {duration(apart)}"
    return Finding("warn", "clock", text, "run a time service on both")


def readiness(seen: Observed) -> Iterator[Finding]:
    health = seen.health
    if health.get("ready"):
        yield Finding("ok", "readiness", f"ready, up {duration(health['uptime_seconds'])}")
    else:
        yield Finding("bad", "readiness", "; ".join(health.get("reasons") or ["not ready"]))
    if health.get("dry_run"):
        yield Finding(
            "warn",
            "mode",
            "dry-run: decisions are made, nothing is announced",
            "set mode: enforced",
        )


def database(seen: Observed) -> Iterator[Finding]:
    word = seen.health["database"]
    if word == "connected":
        yield Finding("ok", "database", "connected")
    else:
        yield Finding("bad", "database", word, "rules stay announced; new ones are refused")


def drift(seen: Observed) -> Iterator[Finding]:
    last = seen.health.get("last_reconcile")
    if last is None:
        return
    healed = last["missing"] + last["surplus"] + last["changed"]
    if last.get("corrupt"):
        yield Finding(
            "bad", "rules", f"{last['corrupt']} stored rules cannot be read", "see the log"
        )
    elif healed:
        yield Finding(
            "warn", "rules", f"the last reconcile repaired {counted(healed, 'difference')}"
        )
    else:
        ago = duration(seen.now_us / 1_000_000 - last["at_us"] / 1_000_000)
        live = seen.health["active_mitigations"]
        text = f"{live} active; database and RIB matched {ago} ago"
        yield Finding("ok", "rules", text)


def inexpressible(call: Call) -> Iterator[Finding]:
    rows = call.get("/v1/bgp/rib").tree.get("inexpressible") or []
    if rows:
        text = f"{counted(len(rows), 'live mitigation')} that no router can carry"
        yield Finding("bad", "rules", text, "`prefixdctl rib` shows them with the reason")


def ports(call: Call) -> Iterator[Finding]:
    """Listen addresses of the speaker, where the caller may read the configuration."""
    try:
        bgp = call.get("/v1/config/settings").tree["settings"]["bgp"]
    except Failure:
        return  # not permitted to read the configuration
    if bgp.get("mode") == "mock":
        yield Finding(
            "note", "bgp port", "bgp.mode is mock: no router can connect", "set bgp.mode: speaker"
        )
    elif bgp.get("listen"):
        yield Finding("ok", "bgp port", f"the service listens on {', '.join(bgp['listen'])}")


def neighbors(seen: Observed) -> Iterator[Finding]:
    if not seen.peers:
        yield Finding(
            "warn", "neighbors", "none are configured: nothing can be filtered",
            "list routers under bgp.neighbors",
        )  # fmt: skip
    for peer in seen.peers:
        yield from _neighbor(peer)


def _neighbor(peer: Any) -> Iterator[Finding]:
    name = f"neighbor {peer['name']}"
    if not peer.get("enabled", True):
        yield Finding("warn", name, "disabled in the configuration")
        return
    if peer["state"] != "established":
        error = peer.get("last_error") or peer.get("last_down") or "reason not known"
        yield Finding("bad", name, f"{peer['state']}: {error}", hint_for(str(error)))
        return
    rules = sum((peer.get("rules") or {}).values())
    yield Finding("ok", name, f"established, {counted(rules, 'rule')}")
    withheld = {word: count for word, count in (peer.get("withheld") or {}).items() if count}
    if withheld:
        words = ", ".join(f"{count} for {word}" for word, count in withheld.items())
        yield Finding(
            "warn", name, f"rules withheld: {words}",
            f"`prefixdctl explain RULE {peer['name']}` shows the reason",
        )  # fmt: skip
    if peer.get("quarantined"):
        yield Finding(
            "bad",
            name,
            f"{counted(peer['quarantined'], 'rule')} in quarantine because they reset the session",
        )
    if peer.get("flaps", 0) > 3:
        yield Finding("warn", name, f"{peer['flaps']} flaps since the start")
    if peer.get("profile") in PROFILE_HINTS:
        yield Finding("note", name, PROFILE_HINTS[peer["profile"]])


def hint_for(error: str) -> str:
    lowered = error.lower()
    return next((hint for sign, hint in HINTS if sign in lowered), "")


def is_local(api: str) -> bool:
    parts = urlsplit(api)
    return parts.scheme == "unix" or parts.hostname in {"127.0.0.1", "::1", "localhost"}


CHECKS: tuple[Callable[[Observed], Iterator[Finding]], ...] = (
    readiness,
    database,
    drift,
    neighbors,
)

COMMANDS = (
    Command(
        path=("doctor",), summary="check service, neighbors and this machine, with advice",
        run=doctor,
        arguments=(
            arg("--data-dir", default="/var/lib/prefixd", metavar="DIR",
                help="directory of the database; default /var/lib/prefixd"),
        ),
        example="prefixdctl doctor",
        about="Exit code 1 when something is bad. Ports, capabilities, MD5 and TCP-AO support,\n"
        "disk and time service are checked when the service runs on this machine.",
    ),
)  # fmt: skip
