"""BGP as an operator sees it: neighbors, rules per neighbor, and why a rule is where it is."""

from collections.abc import Sequence
from typing import Any

import msgspec

from prefixd.api.problem import not_found
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route


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
)  # fmt: skip
