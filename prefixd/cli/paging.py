"""Lists that come in pages: the first one, or `--all` of them as if they were one."""

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from prefixd.cli.amount import moment, parse_duration
from prefixd.cli.context import Call
from prefixd.cli.failure import usage
from prefixd.cli.grammar import arg, flag
from prefixd.cli.service import Answer

LARGEST = 1000
PAGING = (
    arg("-l", "--limit", type=int, default=50, metavar="N", help="at most N; default 50"),
    flag("--all", help="every page, not only the first"),
    arg("--cursor", metavar="TEXT", help="go on where `next_cursor` of an earlier answer says"),
)
PERIOD = (
    arg(
        "--since",
        metavar="TIME",
        help="not older than this: 2026-01-10, 2026-01-10T08:00:00Z, or 24h for so long ago",
    ),
    arg("--until", metavar="TIME", help="not newer than this, written the same way"),
)


def pages(call: Call, path: str, name: str, **query: object) -> tuple[Answer, Any]:
    """The last answer, and one tree with the rows of all pages that were asked for."""
    words = call.words
    asked = {
        **query,
        "limit": LARGEST if words.all else words.limit,
        "cursor": words.cursor,
        "start": _when(call, "since"),
        "end": _when(call, "until"),
    }
    answer = call.get(path, **asked)
    tree = answer.tree
    while words.all and tree.get("has_more"):
        answer = call.get(path, **{**asked, "cursor": tree["next_cursor"]})
        more = answer.tree
        tree = {**more, name: tree[name] + more[name]}
        tree["count"] = len(tree[name])
    return answer, tree


def say_rest(call: Call, tree: Any) -> None:
    """What a page does not show, a person is told; a program reads `has_more`."""
    if tree.get("has_more") and call.out.is_table:
        call.out.say(f"the first {tree['count']} of more; --all shows every one")


def _when(call: Call, name: str) -> str | None:
    text: str | None = call.word(name)
    if text is None or moment(text) is not None:
        return text
    try:
        seconds = parse_duration(text)
    except ArgumentTypeError as error:
        forms = "write 2026-01-10, 2026-01-10T08:00:00Z, or 24h for so long ago"
        raise usage(f"--{name}: {text!r} is no time; {forms}") from error
    return (call.clock.now() - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
