"""Which service, and as whom: flags first, then the environment, then the context file.

    ~/.config/prefixd/ctl.yaml

    current: ams1
    contexts:
      ams1:
        api: https://prefixd.ams1.example.net
        token_file: ~/.config/prefixd/ams1.token
        ca: /etc/ssl/example-ca.pem
      local:
        api: unix:///run/prefixd/api.sock

A context chosen by `--context` or PREFIXD_CONTEXT stands alone: a token from the environment was
meant for another service and is not sent to this one, nor is a context's token sent elsewhere.
"""

import argparse
import json
import os
import stat
from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefixd.cli.amount import seconds_type
from prefixd.cli.failure import usage
from prefixd.cli.files import read_mapping, reason_of

DEFAULT_API = "http://127.0.0.1:8080"
CONTEXT_KEYS = frozenset(
    {"api", "token", "token_file", "ca", "cert", "key", "insecure", "timeout_seconds"}
)
DEFAULT_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    api: str = DEFAULT_API
    token: str | None = field(default=None, repr=False)
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    insecure: bool = False
    timeout_s: float = DEFAULT_TIMEOUT_S
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Contexts:
    path: Path
    current: str | None
    entries: Mapping[str, Mapping[str, Any]]


def config_home(environ: Mapping[str, str]) -> Path:
    return _below(environ, "XDG_CONFIG_HOME", ".config")


def state_home(environ: Mapping[str, str]) -> Path:
    return _below(environ, "XDG_STATE_HOME", ".local/state")


def read_contexts(environ: Mapping[str, str]) -> Contexts:
    path = config_home(environ) / "ctl.yaml"
    if not path.exists():
        return Contexts(path, None, {})
    tree = read_mapping(path)
    entries = tree.get("contexts") or {}
    if not isinstance(entries, dict):
        raise usage(f"{path}: contexts must be a mapping of names")
    for name, entry in entries.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("api"), str):
            raise usage(f"{path}: context {name!r} needs api: URL")
        unknown = sorted(set(entry) - CONTEXT_KEYS)
        if unknown:
            known = ", ".join(sorted(CONTEXT_KEYS))
            raise usage(f"{path}: context {name!r} has an unknown key {unknown[0]!r}", known)
    current = tree.get("current")
    return Contexts(path, None if current is None else str(current), entries)


def choose_target(words: argparse.Namespace, environ: Mapping[str, str]) -> Target:
    named: str | None = getattr(words, "context", None) or environ.get("PREFIXD_CONTEXT") or None
    entry, name = _entry(named, words, environ)
    alone = named is not None
    timeout_s = getattr(words, "timeout", None) or _timeout_of(entry) or DEFAULT_TIMEOUT_S
    return Target(
        api=(
            getattr(words, "api", None)
            or (None if alone else environ.get("PREFIXD_API"))
            or entry.get("api")
            or DEFAULT_API
        ).rstrip("/"),
        token=getattr(words, "token", None)
        or (None if alone else environ.get("PREFIXD_API_TOKEN"))
        or _token_of(entry),
        ca=_path(getattr(words, "ca", None) or entry.get("ca")),
        cert=_path(getattr(words, "cert", None) or entry.get("cert")),
        key=_path(getattr(words, "key", None) or entry.get("key")),
        insecure=bool(getattr(words, "insecure", False) or entry.get("insecure")),
        timeout_s=timeout_s,
        context=name,
    )


def _entry(
    named: str | None, words: argparse.Namespace, environ: Mapping[str, str]
) -> tuple[Mapping[str, Any], str | None]:
    """The context's settings; none when the address comes from a flag or the environment."""
    flag = getattr(words, "api", None)
    if named is not None and flag:
        raise usage("give --api or a context, not both", "a context's token is for its own address")
    if named is None and (flag or environ.get("PREFIXD_API")):
        return {}, None
    contexts = read_contexts(environ)
    name = named or contexts.current
    if name is None:
        return {}, None
    if name not in contexts.entries:
        known = ", ".join(contexts.entries) or "none"
        raise usage(f"unknown context {name!r}: not in {contexts.path}", f"known: {known}")
    return contexts.entries[name], name


def _timeout_of(entry: Mapping[str, Any]) -> float | None:
    value = entry.get("timeout_seconds")
    try:
        return None if value is None else seconds_type("timeout_seconds", 0.001)(str(value))
    except ArgumentTypeError as error:
        raise usage(str(error)) from error


def _token_of(entry: Mapping[str, Any]) -> str | None:
    if entry.get("token_file"):
        path = Path(str(entry["token_file"])).expanduser()
        try:
            mode = path.stat().st_mode
            text = path.read_text().strip()
        except OSError as error:
            raise usage(f"token_file {path}: {reason_of(error)}") from error
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            raise usage(f"{path} can be read by others", f"run: chmod 600 {path}")
        return text or None
    token = entry.get("token")
    return None if token is None else str(token)


def _path(text: object) -> Path | None:
    return None if not text else Path(str(text)).expanduser()


def _below(environ: Mapping[str, str], variable: str, default: str) -> Path:
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(environ.get(variable) or Path(home) / default) / "prefixd"


class Cookies:
    """Sessions that `login` opened: one cookie per service, in a file only its owner can read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path: Path = state_home(environ) / "sessions.json"

    def get(self, api: str) -> str | None:
        return self._read().get(api)

    def put(self, api: str, cookie: str) -> None:
        self._write({**self._read(), api: cookie})

    def drop(self, api: str) -> None:
        kept = {known: cookie for known, cookie in self._read().items() if known != api}
        self._write(kept)

    def _read(self) -> dict[str, str]:
        try:
            tree = json.loads(self._path.read_text())
        except (OSError, ValueError):
            # No sessions, or a truncated file: the next login writes it again.
            return {}
        if not isinstance(tree, dict):
            return {}
        return {str(api): cookie for api, cookie in tree.items() if isinstance(cookie, str)}

    def _write(self, sessions: Mapping[str, str]) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump(sessions, file)
            fresh.replace(self._path)
        except OSError as error:
            raise usage(f"{self._path}: {reason_of(error)}") from error
