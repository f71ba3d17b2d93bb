"""Prefixes that are never mitigated."""

from prefixd.cli.amount import parse_duration
from prefixd.cli.client import segment
from prefixd.cli.completion import SAFELIST
from prefixd.cli.context import Call, given, times_of
from prefixd.cli.grammar import Command, arg
from prefixd.cli.table import Column


def list_entries(call: Call) -> None:
    answer = call.get("/v1/safelist")
    tree, times = answer.tree, times_of(answer)
    columns = [
        Column("PREFIX", "prefix"),
        Column("ADDED_BY", "added_by", shrink=True),
        Column("ADDED_AT", lambda row: times(row["added_at"])),
        Column("EXPIRES", lambda row: times(row.get("expires_at")), drop=2),
        Column("SOURCE", "source", drop=1),
        Column("REASON", "reason", shrink=True),
    ]
    call.out.rows(tree, tree, columns, empty="the safelist is empty")


def add(call: Call) -> None:
    words = call.words
    body = {
        "prefix": words.prefix,
        "reason": words.reason,
        "operator_id": words.operator,
        "ttl_seconds": words.ttl,
    }
    tree = call.ask("POST", "/v1/safelist", given(body)).tree
    withdrawn = tree.get("withdrawn") or []
    also = f"; withdrew {len(withdrawn)}: {', '.join(withdrawn)}" if withdrawn else ""
    call.out.done(tree, f"{tree['entry']['prefix']} added to the safelist{also}")


def remove(call: Call) -> None:
    call.ask("DELETE", f"/v1/safelist/{segment(call.words.prefix)}")
    call.out.done({"removed": call.words.prefix}, f"{call.words.prefix} removed from the safelist")


_PREFIX = arg("prefix", metavar="PREFIX", help="an address or a prefix")
COMMANDS = (
    Command(
        path=("safelist", "list"), summary="every entry", run=list_entries, repeats=True,
        example="prefixdctl safelist list",
    ),
    Command(
        path=("safelist", "add"), summary="add a prefix; mitigations inside it are withdrawn",
        run=add,
        arguments=(
            _PREFIX,
            arg("-r", "--reason", metavar="TEXT", help="why"),
            arg("--ttl", type=parse_duration, metavar="TIME", help="expires after this time"),
            arg("-o", "--operator", metavar="NAME", help="accepted for older scripts"),
        ),
        example="prefixdctl safelist add 203.0.113.0/28 -r 'payment systems'",
    ),
    Command(
        path=("safelist", "remove"), summary="remove an entry", run=remove,
        arguments=(
            arg("prefix", metavar="PREFIX", completer=SAFELIST, help="an address or a prefix"),
        ),
        example="prefixdctl safelist remove 203.0.113.0/28",
    ),
)  # fmt: skip
