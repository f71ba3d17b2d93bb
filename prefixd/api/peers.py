"""BGP as an operator sees it: neighbors, rules per neighbor, and why a rule is where it is."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from prefixd.api.problem import ApiError, bad_request, not_found
from prefixd.api.query import MAX_REASON
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, PacketQuery, Route
from prefixd.domain.actor import PeerOperation, Permission
from prefixd.domain.prefix import Address


class ExplainQuery(msgspec.Struct, kw_only=True):
    rule: str
    peer: str


async def list_peers(call: Call[None, NoQuery]) -> Reply:
    return Reply({"peers": list(call.services.speaker.peers())})


async def get_peer(call: Call[None, NoQuery]) -> Reply:
    name = call.path["name"]
    found = call.services.speaker.peer(name)
    if found is None:
        raise not_found(f"peer {name[:60]!r}")
    return Reply(found)


async def rib(call: Call[None, NoQuery]) -> Reply:
    speaker = call.services.speaker
    rules = list(speaker.rib())
    inexpressible = list(speaker.inexpressible())
    return Reply({"rules": rules, "count": len(rules), "inexpressible": inexpressible})


async def explain(call: Call[None, ExplainQuery]) -> Reply:
    rule, peer, speaker = call.query.rule, call.query.peer, call.services.speaker
    found = speaker.explain(rule, peer)
    if found is None and speaker.peer(peer) is None:
        raise not_found(f"peer {peer[:60]!r}", "peer")
    if found is None:
        raise not_found(f"rule {rule[:120]!r}", "rule")
    return Reply(found)


class OperationIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    reason: str = ""


class Operated(msgspec.Struct, kw_only=True):
    peer: str
    operation: str
    reason: str


async def operate(operation: PeerOperation, call: Call[OperationIn | None, NoQuery]) -> Reply:
    name, speaker, actor = call.path["name"], call.services.speaker, call.actor
    if speaker.peer(name) is None:
        raise not_found(f"peer {name[:60]!r}")
    reason = "" if call.body is None else call.body.reason.strip()
    if len(reason) > MAX_REASON:
        raise bad_request(f"reason must have at most {MAX_REASON} characters", "reason")
    await call.services.engine.audit(actor, f"peer_{operation}", "peer", name, reason)
    objection = speaker.operate(name, operation, actor.name, reason)
    if objection is not None:
        raise ApiError(409, "not_possible", f"{operation} of {name}: {objection}")
    return Reply(Operated(peer=name, operation=operation, reason=reason))


async def simulate(call: Call[None, PacketQuery]) -> Reply:
    query = call.query
    dst, src = Address.parse(query.dst), Address.parse(query.src)
    if dst is None:
        raise bad_request(f"invalid IP address: {query.dst[:60]!r}", "dst")
    if src is None or src.version != dst.version:
        raise bad_request("src must be an IP address of the family of dst", "src")
    return Reply({"peers": call.services.speaker.simulate(dst, src, query)})


_OPERATIONS = {
    PeerOperation.RESET: "End the session with Cease/4 and the reason; it comes up again",
    PeerOperation.REFRESH: "Send the table again and ask for the neighbor's, without a reset",
    PeerOperation.DISABLE: "End the session with Cease/2 and the reason, until enabled",
    PeerOperation.ENABLE: "Bring a disabled neighbor up again",
    PeerOperation.RELEASE: "Send the neighbor the rules that are quarantined for it once more",
}
_OBJECT = dict[str, Any]
ROUTES: Sequence[Route] = (
    Route(
        method="GET", path="/v1/bgp/peers", handle=list_peers, summary="Every neighbor, in full",
        tag="bgp", replies={200: _OBJECT},
    ),
    Route(
        method="GET", path="/v1/bgp/peers/{name}", handle=get_peer, summary="One neighbor",
        tag="bgp", replies={200: _OBJECT}, errors=("not_found",),
    ),
    Route(
        method="GET", path="/v1/bgp/rib", handle=rib,
        summary="Every rule and its state at each neighbor", tag="bgp", replies={200: _OBJECT},
    ),
    Route(
        method="GET", path="/v1/bgp/explain", handle=explain,
        summary="Why a rule is, or is not, at a neighbor", tag="bgp", query=ExplainQuery,
        replies={200: _OBJECT}, errors=("not_found",),
        description="`rule` is a mitigation id or the rule's text.",
    ),
    Route(
        method="GET", path="/v1/bgp/simulate", handle=simulate,
        summary="Which rule decides a packet, at each neighbor", tag="bgp", query=PacketQuery,
        replies={200: _OBJECT}, errors=("bad_request",),
        description="`protocol` and `tcp_flags` are numbers. What is pending counts as sent.",
    ),
    *(
        Route(
            method="POST", path=f"/v1/bgp/peers/{{name}}/{operation}",
            handle=partial(operate, operation), summary=summary, tag="bgp",
            permission=Permission.PEERS, body=OperationIn, body_required=False,
            replies={200: Operated}, errors=("bad_request", "not_found", "not_possible"),
        )
        for operation, summary in _OPERATIONS.items()
    ),
)  # fmt: skip
