"""What the daemon's verbs do. Each takes the parsed arguments and returns an exit code.

Errors that an operator can fix are one clear line on standard error (a list of lines for a broken
configuration), never a traceback.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from prefixd import __version__
from prefixd.app import serve
from prefixd.config.assemble import load_config
from prefixd.config.bundle import Config
from prefixd.config.problem import ConfigError
from prefixd.config.report import render_problems, render_summary
from prefixd.config.sample import SampleRefused, write_sample
from prefixd.daemon.adduser import add_user
from prefixd.daemon.demo import demo
from prefixd.daemon.install_service import (
    install_service,
    is_one_file,
    running_program,
    uninstall_service,
)
from prefixd.daemon.listen import ListenOptions, listen
from prefixd.errors import PrefixdError, StoreUnavailable
from prefixd.observability.log import configure
from prefixd.replay.command import run_replay
from prefixd.store.backup import backup_sqlite

GOOD, PROBLEMS, CANNOT = 0, 1, 2


def run(arguments: argparse.Namespace) -> int:
    try:
        config = load_config(arguments.config, os.environ, listen=arguments.listen)
    except ConfigError as error:
        # A user who typed only `prefixd` may have looked for this.
        hint = "" if sys.argv[1:] else "\n`prefixd --help` lists the commands"
        return _complain(f"prefixd: {render_problems(error.problems)}{hint}")
    try:
        return _run_loop(serve(config, os.environ))
    except StoreUnavailable as error:
        return _complain(f"prefixd: {error.summary}: {config.storage.where}: {error}")
    except PrefixdError as error:
        return _complain(f"prefixd: {error}")


def check(arguments: argparse.Namespace) -> int:
    try:
        config = load_config(arguments.config, os.environ)
    except ConfigError as error:
        _say(render_problems(error.problems))
        return PROBLEMS
    if config.warnings:
        _say(render_problems(config.warnings))
    _say(render_summary(config))
    return GOOD


def init(arguments: argparse.Namespace) -> int:
    try:
        written = write_sample(arguments.directory)
    except SampleRefused as error:
        return _complain(f"prefixd: {error}")
    _let_the_service_read(arguments.directory, written)
    for path in written:
        _say(f"wrote {path}")
    _say(f"next: prefixd check -c {arguments.directory}; prefixd run -c {arguments.directory}")
    return GOOD


def _let_the_service_read(directory: Path, written: Sequence[Path]) -> None:
    """A directory that root gave to a group, as install-service does: the files are for it too."""
    group = directory.stat().st_gid
    if os.geteuid() != 0 or group == 0:
        return
    for path in written:
        os.chown(path, -1, group)
        path.chmod(0o640)


def replay(arguments: argparse.Namespace) -> int:
    return run_replay(arguments.events, arguments.config, arguments.against, env=os.environ)


def backup(arguments: argparse.Namespace) -> int:
    config = _loaded(arguments)
    if config is None:
        return CANNOT
    if not config.storage.is_sqlite:
        return _complain("prefixd: this is for the embedded database; use pg_dump for PostgreSQL")
    try:
        report = backup_sqlite(config.storage.sqlite_file, arguments.file)
    except PrefixdError as error:
        return _complain(f"prefixd: {error}")
    _say(f"{report.path}: {report.size_bytes} bytes, schema {report.schema_version}")
    return GOOD


def adduser(arguments: argparse.Namespace) -> int:
    config = _loaded(arguments)
    if config is None:
        return CANNOT
    try:
        _say(
            add_user(
                config, arguments.username, arguments.role, password_stdin=arguments.password_stdin
            )
        )
    except PrefixdError as error:
        return _complain(f"prefixd: {error}")
    return GOOD


def listen_for_rules(arguments: argparse.Namespace) -> int:
    settings = ListenOptions(
        host=arguments.host,
        port=arguments.port,
        asn=arguments.asn,
        peer_asn=arguments.peer_asn,
        allow=arguments.allow,
    )
    configure("text", "warning")
    try:
        return _run_loop(listen(settings))
    except (OSError, ValueError) as error:
        return _complain(f"prefixd listen: {error}")


def show_demo(_arguments: argparse.Namespace) -> int:
    return demo()


def install(arguments: argparse.Namespace) -> int:
    try:
        lines = install_service(
            running_program(sys.argv[0]), arguments.config, one_file=is_one_file()
        )
    except PrefixdError as error:
        return _complain(f"prefixd: {error}")
    _say("\n".join(lines))
    return GOOD


def uninstall(_arguments: argparse.Namespace) -> int:
    try:
        lines = uninstall_service()
    except PrefixdError as error:
        return _complain(f"prefixd: {error}")
    _say("\n".join(lines))
    return GOOD


def version(_arguments: argparse.Namespace) -> int:
    _say(f"prefixd {__version__}")
    return GOOD


def _loaded(arguments: argparse.Namespace) -> Config | None:
    try:
        return load_config(arguments.config, os.environ)
    except ConfigError as error:
        _complain(f"prefixd: {render_problems(error.problems)}")
        return None


def _run_loop(work: Coroutine[Any, Any, int]) -> int:
    """uvloop when it is installed: the same program, a quarter faster."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _complain(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return CANNOT
