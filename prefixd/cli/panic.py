"""The big red button: withdraw everything that this site announces."""

from prefixd.cli.context import Call
from prefixd.cli.failure import ExitCode
from prefixd.cli.grammar import Command, arg
from prefixd.cli.mitigations import report_items


def panic(call: Call) -> int:
    health = call.get("/v1/health/detail").tree
    sentence = f"withdraw all of {health['pop']}"
    if call.words.confirm is None:
        count = health["active_mitigations"]
        question = f"This withdraws all {count} active mitigations of {health['pop']}, now."
        call.prompt.insist(question, sentence, f"--confirm '{sentence}'")
        confirm = sentence
    else:
        confirm = call.words.confirm
    body = {"reason": call.words.reason, "confirm": confirm}
    tree = call.ask("POST", "/v1/panic", body).tree
    report_items(call, tree, "withdrawn")
    return ExitCode.REFUSED if tree["failed"] else ExitCode.OK


COMMANDS = (
    Command(
        path=("panic",), summary="withdraw everything of this site, after a typed confirmation",
        run=panic,
        arguments=(
            arg("-r", "--reason", required=True, metavar="TEXT", help="why"),
            arg("--confirm", metavar="TEXT",
                help="the sentence to type, for scripts: 'withdraw all of SITE'"),
        ),
        example="prefixdctl panic -r 'router trouble, ticket 4712'",
        about="New attacks make new mitigations. To stop that too, set `mode: dry-run`.",
    ),
)  # fmt: skip
