"""The client itself: named services, completion, and any request of the API."""

import json
import re

from prefixd.cli.completion import SHELLS, context_names, registration
from prefixd.cli.context import Call
from prefixd.cli.failure import usage
from prefixd.cli.files import read_mapping
from prefixd.cli.grammar import Command, arg
from prefixd.cli.table import Column
from prefixd.cli.target import read_contexts

METHODS = ("GET", "POST", "PUT", "DELETE")
_CURRENT = re.compile(r"^current:.*$", re.MULTILINE)


def list_contexts(call: Call) -> None:
    found = read_contexts(call.environ)
    rows = [
        {"name": name, "api": entry["api"], "current": name == found.current}
        for name, entry in found.entries.items()
    ]
    columns = [
        Column("NAME", "name"),
        Column("API", "api"),
        Column("CURRENT", "current"),
    ]
    call.out.rows(rows, rows, columns, empty=f"no contexts; define them in {found.path}")


def use(call: Call) -> None:
    """Changes one line of the file and leaves every other as it is."""
    found, name = read_contexts(call.environ), call.words.name
    if name not in found.entries:
        raise usage(f"unknown context {name!r}: not in {found.path}")
    text = found.path.read_text()
    line = f"current: {json.dumps(name)}"
    changed, count = _CURRENT.subn(lambda _found: line, text, count=1)
    found.path.write_text(changed if count else f"{line}\n{text}")
    call.out.done({"current": name}, f"{name} is current: {found.entries[name]['api']}")


def request(call: Call) -> None:
    """Any request of the API that has no command of its own."""
    words = call.words
    body = None
    if words.data is not None:
        body = read_mapping(words.data[1:]) if words.data.startswith("@") else _json(words.data)
    answer = call.service.ask(words.method, words.path, body)
    if "json" in answer.headers.get("content-type", "") and answer.body:
        call.out.json(answer.tree)
    elif answer.body:
        call.out.text(answer.text)
    else:
        call.out.say(f"status {answer.status}, no body")


def _json(text: str) -> object:
    try:
        tree: object = json.loads(text)
    except ValueError as error:
        raise usage(f"invalid --data: not JSON: {error}") from error
    return tree


def completion(call: Call) -> None:
    call.out.text(registration(call.words.shell))


COMMANDS = (
    Command(
        path=("contexts", "list"), summary="the services of ctl.yaml", run=list_contexts,
        example="prefixdctl contexts list",
    ),
    Command(
        path=("contexts", "use"), summary="set the default service", run=use,
        arguments=(arg("name", metavar="NAME", completer=context_names, help="as in ctl.yaml"),),
        example="prefixdctl contexts use ams1",
    ),
    Command(
        path=("request",), summary="any request of the API", run=request,
        arguments=(
            arg("method", metavar="METHOD", type=str.upper, choices=METHODS,
                help="GET, POST, PUT or DELETE"),
            arg("path", metavar="PATH", help="such as /v1/mitigations?limit=1"),
            arg("--data", metavar="JSON", help="the body, or @FILE"),
        ),
        example="prefixdctl request GET /v1/health/ready",
    ),
    Command(
        path=("completion",), summary="print what a shell loads to complete prefixdctl",
        run=completion, arguments=(arg("shell", choices=SHELLS, help="which shell"),),
        example="source <(prefixdctl completion bash)\n"
        "prefixdctl completion zsh > ~/.zfunc/_prefixdctl\n"
        "prefixdctl completion fish > ~/.config/fish/completions/prefixdctl.fish",
        about="The Debian package installs it. Names and ids come from the service that the\n"
        "command line names; where it does not answer within a second, none are offered.",
    ),
)  # fmt: skip
