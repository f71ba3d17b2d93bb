"""Completion in bash, zsh and fish: the parser's words, and names and ids from the service.

The shell calls `prefixdctl` itself with _ARGCOMPLETE set; argcomplete finds what may stand at the
cursor. Values that only the service knows are asked from it with a short timeout. Whatever goes
wrong there offers nothing: an error message in the middle of a command line helps no operator.
"""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from prefixd.cli.client import Client
from prefixd.cli.failure import Failure
from prefixd.cli.target import Cookies, choose_target, read_contexts
from prefixd.clock import SystemClock

SHELLS = ("bash", "zsh", "fish")
TIMEOUT_S = 1.0
LARGEST = 200
FILES = frozenset({"FILE", "DIR", "FILE|URL"})
"""What a metavar of a local file is called."""


def asked_by_a_shell(environ: Mapping[str, str]) -> bool:
    return "_ARGCOMPLETE" in environ and "COMP_LINE" in environ


def complete(parser: argparse.ArgumentParser) -> None:
    """Writes the candidates where the shell reads them, and ends the process."""
    from argcomplete.completers import SuppressCompleter  # because: 25 ms; only a Tab needs it
    from argcomplete.finders import CompletionFinder

    CompletionFinder()(parser, always_complete_options=False, default_completer=SuppressCompleter())


def registration(shell: str) -> str:
    """What a shell has to load once."""
    from argcomplete.shell_integration import (
        shellcode,
    )  # because: 25 ms; only this command needs it

    script: str = shellcode(["prefixdctl"], shell=shell)
    return script


@dataclass(frozen=True, slots=True)
class Listed:
    """The values of one list of the API. Completers are called by argcomplete."""

    path: str
    rows: str | None
    """Member of the answer that holds the list; None: the answer is the list."""
    value: str
    about: tuple[str, ...] = ()
    """Shown beside the value by shells that can."""
    status: str | None = None

    def __call__(self, parsed_args: argparse.Namespace, **_others: object) -> dict[str, str]:
        try:
            target = replace(choose_target(parsed_args, os.environ), timeout_s=TIMEOUT_S)
            client = Client(target, SystemClock(), Cookies(os.environ).get(target.api))
            query = {"status": self.status, "limit": LARGEST} if self.rows else {}
            tree = client.ask("GET", self.path, query=query).tree
            client.close()
            rows = tree if self.rows is None else tree[self.rows]
            return {
                str(row[self.value]): " ".join(str(row.get(key) or "") for key in self.about)
                for row in rows
            }
        except (Failure, LookupError, TypeError, AttributeError):
            return {}


@dataclass(frozen=True, slots=True)
class Words:
    """Words that are known without asking; `several`: with commas between them."""

    words: tuple[str, ...]
    several: bool = False

    def __call__(self, prefix: str, **_others: object) -> list[str]:
        before, comma, _ = prefix.rpartition(",") if self.several else ("", "", prefix)
        taken = before.split(",")
        return [before + comma + word for word in self.words if word not in taken]


def files(prefix: str, **_others: object) -> list[str]:
    from argcomplete.completers import FilesCompleter  # because: loaded by then

    return list(FilesCompleter()(prefix))


def context_names(**_others: object) -> list[str]:
    try:
        return list(read_contexts(os.environ).entries)
    except Failure:
        return []


MITIGATIONS = Listed(
    "/v1/mitigations", "mitigations", "mitigation_id", ("victim_ip", "vector", "status")
)
LIVE_MITIGATIONS = replace(MITIGATIONS, status="pending,active,escalated")
GROUPS = Listed("/v1/signal-groups", "groups", "group_id", ("victim_ip", "vector", "state"))
PEERS = Listed("/v1/bgp/peers", "peers", "name", ("state", "address"))
SITES = Listed("/v1/pops", None, "pop")
SAFELIST = Listed("/v1/safelist", None, "prefix", ("reason",))
OPERATORS = Listed("/v1/operators", "operators", "username", ("role",))
TOKENS = Listed("/v1/tokens", "tokens", "name", ("token_id",))
MITIGATION_STATUS = Words(
    ("pending", "active", "escalated", "expired", "withdrawn", "rejected"), several=True
)
GROUP_STATE = Words(("open", "ready", "mitigating", "held", "unowned", "clearing", "closed"))
