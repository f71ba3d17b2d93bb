"""The configuration in force: show it, compare it with files, reload the files."""

import difflib
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from prefixd.cli.amount import counted
from prefixd.cli.context import Call, times_of
from prefixd.cli.failure import ExitCode, refused, usage
from prefixd.cli.files import read_mapping
from prefixd.cli.grammar import Command, arg, flag
from prefixd.cli.table import Column

PARTS = ("settings", "inventory", "playbooks", "correlation", "alerting")
WRITABLE = ("playbooks", "correlation", "alerting")


def show(call: Call) -> None:
    """A tree is a tree: indented JSON is the table of it."""
    parts = [call.words.part] if call.words.part else list(PARTS)
    trees = {part: call.get(f"/v1/config/{part}").tree for part in parts}
    call.out.json(trees[parts[0]] if call.words.part else trees)


def diff(call: Call) -> int:
    """What a reload of these files would change, as far as the service shows itself."""
    local = _local_views(call)
    lines: list[str] = []
    for part in PARTS:
        running = call.get(f"/v1/config/{part}").tree
        lines += difflib.unified_diff(
            _text(_comparable(running)),
            _text(_comparable(local[part])),
            f"running/{part}",
            f"{call.words.config}/{part}",
            lineterm="",
            n=2,
        )
    if call.out.form == "json":
        call.out.json({"same": not lines, "diff": lines})
    elif lines:
        colours = {"+": "green", "-": "red"}
        call.out.lines([call.out.screen.paint(line, colours.get(line[:1])) for line in lines])
    else:
        call.out.say("no difference")
    return ExitCode.REFUSED if lines else ExitCode.OK


def _local_views(call: Call) -> dict[str, Any]:
    from prefixd.config.assemble import load_config  # because: 0.35 s; only this command reads them
    from prefixd.config.problem import ConfigError
    from prefixd.config.redact import (
        alerting_view,
        correlation_view,
        inventory_view,
        playbooks_view,
        settings_view,
    )

    try:
        config = load_config(Path(call.words.config), call.environ)
    except ConfigError as error:
        problems = [str(problem) for problem in error.problems]
        raise usage(f"{call.words.config} has {len(problems)} problems", *problems) from error
    return {
        "settings": settings_view(config),
        "inventory": inventory_view(config),
        "playbooks": playbooks_view(config),
        "correlation": correlation_view(config),
        "alerting": alerting_view(config),
    }


def _comparable(tree: Any) -> Any:
    """Without what says when and which, and without the envelope."""
    if not isinstance(tree, dict):
        return tree
    for envelope in ("settings", "config"):
        if isinstance(tree.get(envelope), dict):
            tree = tree[envelope]
    ignored = {"loaded_at", "version", "total_playbooks"}
    return {key: value for key, value in tree.items() if key not in ignored}


def _text(tree: Any) -> list[str]:
    return json.dumps(tree, indent=2, sort_keys=True, default=str, ensure_ascii=False).split("\n")


def apply(call: Call) -> None:
    """Replaces one part; refused when it was changed after it was read."""
    words = call.words
    tree = read_mapping(words.file)
    path = f"/v1/config/{words.part}"
    etag = call.get(path).headers.get("etag")
    headers = {} if etag is None or words.force else {"If-Match": etag}
    answer = call.service.ask("PUT", path, tree, headers=headers)
    call.out.done(answer.tree, f"{words.part} replaced with {words.file}")


def reload(call: Call) -> None:
    answer = call.ask("POST", "/v1/config/reload")
    tree = answer.tree
    changed = ", ".join(tree["reloaded"]) or "nothing changed"
    call.out.done(tree, f"loaded: {changed}")
    if tree.get("restart_needed"):
        call.out.warn(f"needs a restart: {', '.join(tree['restart_needed'])}")


def migrations(call: Call) -> None:
    answer = call.get("/v1/migrations")
    tree, times = answer.tree, times_of(answer)
    columns = [
        Column("VERSION", "version", right=True),
        Column("NAME", "name"),
        Column("APPLIED AT", lambda row: times(row["applied_at"])),
    ]
    call.out.rows(tree, tree["migrations"], columns, empty="no migrations")
    if call.out.is_table:
        call.out.lines([f"{counted(len(tree['migrations']), 'migration')} applied"])


def alerts_test(call: Call) -> int:
    query = {"destination": call.words.destination}
    tree = call.service.ask("POST", "/v1/config/alerting/test", query=query).tree
    columns = [
        Column("DESTINATION", "destination"),
        Column("STATUS", "status"),
        Column("ERROR", "error", shrink=True),
    ]
    call.out.rows(tree, tree["results"], columns, empty="no destinations are configured")
    failed = any(row["status"] != "ok" for row in tree["results"])
    return ExitCode.REFUSED if failed else ExitCode.OK


def backup(call: Call) -> int:
    """The copy is made where the database is, by the daemon's own command."""
    import subprocess  # because: 5 ms of the start; only this command runs a program

    words: Namespace = call.words
    command = ["prefixd", "backup", "-c", words.config, words.file]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  because: our own program, no shell
    except FileNotFoundError as error:
        raise usage(
            "prefixd is not installed here; run the backup on the host of its database",
            f"on that host: {' '.join(command)}",
        ) from error
    if done.returncode != 0:
        raise refused(done.stderr.strip().removeprefix("prefixd: ") or "the backup failed")
    call.out.done({"file": words.file, "said": done.stdout.strip()}, done.stdout.strip())
    return ExitCode.OK


_RELOAD = "If a file has an error, nothing changes; every error is listed with its line."
_DIRECTORY = arg("-c", "--config", default="/etc/prefixd", metavar="DIR",
                 help="configuration directory; default /etc/prefixd")  # fmt: skip
COMMANDS = (
    Command(
        path=("config", "show"), summary="the running configuration, secrets masked", run=show,
        arguments=(arg("part", nargs="?", choices=PARTS, help="only this part"),),
        example="prefixdctl config show playbooks",
    ),
    Command(
        path=("config", "diff"), summary="compare local files with the running configuration",
        run=diff, arguments=(_DIRECTORY,), example="prefixdctl config diff -c /etc/prefixd",
        about="Exit code 1 when they differ. `prefixd check` says whether the files are good.\n"
        "Variables that the files name must be set here, as for the daemon.",
    ),
    Command(
        path=("config", "apply"), summary="replace one part with a file", run=apply,
        arguments=(
            arg("part", choices=WRITABLE, help="what to replace"),
            arg("file", metavar="FILE", help="YAML or JSON"),
            flag("--force", help="even if it was changed meanwhile"),
        ),
        example="prefixdctl config apply playbooks playbooks.yaml",
    ),
    Command(
        path=("config", "reload"), summary="reload the configuration files", run=reload,
        example="prefixdctl config reload", about=_RELOAD,
    ),
    Command(
        path=("reload",), summary="the same as config reload", run=reload,
        example="prefixdctl reload", about=_RELOAD,
    ),
    Command(
        path=("alerts", "test"), summary="send a test alert to every destination", run=alerts_test,
        arguments=(arg("destination", nargs="?", metavar="ID", help="only to this one"),),
        example="prefixdctl alerts test",
    ),
    Command(
        path=("migrations",), summary="applied migrations of the database", run=migrations,
        example="prefixdctl migrations",
    ),
    Command(
        path=("backup",), summary="copy the embedded database while it is in use", run=backup,
        arguments=(_DIRECTORY, arg("file", metavar="FILE", help="must not exist yet")),
        example="prefixdctl backup /var/backups/prefixd.db",
        about="Runs `prefixd backup` on this machine, where the database must be.\n"
        "PostgreSQL has its own tools: pg_dump.",
    ),
)  # fmt: skip
