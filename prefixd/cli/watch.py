"""The live feed: one line per event, as it happens.

After a broken connection the feed continues where it stopped. When the service no longer has the
messages since then, a line says that messages were lost.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from prefixd.cli.amount import absolute, counted, moment
from prefixd.cli.completion import Words
from prefixd.cli.context import Call
from prefixd.cli.failure import ExitCode, Failure
from prefixd.cli.grammar import Command, arg
from prefixd.cli.terminal import visible

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
_COLOURS = {
    "mitigation_created": "green", "mitigation_withdrawn": "dim", "mitigation_expired": "dim",
    "mitigation_rejected": "red", "guardrail_refused": "red", "peer_down": "red",
    "peer_up": "green", "store_lost": "red", "store_restored": "green", "group_held": "yellow",
    "drift_repaired": "yellow", "resync_required": "yellow", "system_stopping": "yellow",
}  # fmt: skip


def watch(call: Call) -> None:
    left: int | None = call.words.count
    kinds = set(call.words.type or ())
    for message in _messages(call):
        if kinds and message.get("type") not in kinds:
            continue
        _show(call, message)
        if left is not None:
            left -= 1
            if left <= 0:
                return


def _messages(call: Call) -> Iterator[Any]:
    """Messages without end, over as many connections as it takes."""
    last: int | None = call.words.after
    pause_s = FIRST_PAUSE_S
    while True:
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        try:
            for data in event_data(call.service.stream("/v1/feed", {}, headers)):
                pause_s = FIRST_PAUSE_S
                message = json.loads(data)
                if isinstance(message.get("seq"), int):
                    last = message["seq"]
                yield message
        except Failure as failure:
            if failure.code is not ExitCode.UNREACHABLE or call.words.once:
                raise
            call.out.say(f"{failure.message}; retrying in {pause_s:g} s")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def event_data(lines: Iterator[str]) -> Iterator[str]:
    """The data of server-sent events; comments (heartbeats) and other fields are skipped."""
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))


def _show(call: Call, message: Any) -> None:
    out = call.out
    if out.form == "json":
        out.json_line(message)
        return
    word = str(message.get("type"))
    # A message of the past, after --after or a broken connection, says when it was.
    when = absolute(moment(message.get("at")) or call.clock.now())
    if out.form == "csv":
        out.csv_row([when, word, describe(message)])
    else:
        label = out.screen.paint(f"{word:<20}", _COLOURS.get(word))
        out.lines([f"{when}  {label}  {visible(describe(message))}"])
    out.flush()


def describe(message: Any) -> str:
    """One message in a line."""
    if isinstance(message.get("mitigation"), dict):
        row = message["mitigation"]
        why = message.get("text") or row.get("end_reason") or row.get("reason")
        return f"{row['victim_ip']} {row.get('action')} [{row['mitigation_id']}] {why}"
    if isinstance(message.get("event"), dict):
        row = message["event"]
        return f"{row['victim_ip']} {row['vector']} from {row['source']}: {row['outcome']}"
    if isinstance(message.get("group"), dict):
        row = message["group"]
        sources = counted(row["source_count"], "source")
        text = f"; {message['text']}" if message.get("text") else ""
        return (
            f"{row['victim_ip']} {row['vector']} {row['state']}, {sources},"
            f" confidence {row['derived_confidence']}{text}"
        )
    if message.get("type") == "resync_required":
        return "messages were lost; read the lists"
    rest = {key: value for key, value in message.items() if key not in {"type", "seq", "at"}}
    return ", ".join(
        f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in rest.items()
    )


COMMANDS = (
    Command(
        path=("watch",), summary="the live feed, until interrupted", run=watch,
        arguments=(
            arg("--type", action="append", metavar="WORD", completer=Words(tuple(_COLOURS)),
                help="only messages of this type; may be repeated"),
            arg("--after", type=int, metavar="N", help="continue after message N"),
            arg("-n", "--count", type=int, metavar="N", help="end after N messages"),
            arg("--once", action="store_true", help="end when the connection breaks"),
        ),
        example="prefixdctl watch\nprefixdctl watch --type peer_down --type peer_up -f json",
        about="Reconnects by itself after a broken connection. `-f json` prints a message a line.",
    ),
)  # fmt: skip
