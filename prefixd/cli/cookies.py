"""Sessions that `login` opened: one cookie per service, in a file only its owner can read."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from prefixd.cli.failure import usage
from prefixd.cli.target import state_home


class Cookies:
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
            # No sessions, or a file cut short: signing in again writes it anew.
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
            raise usage(f"{self._path}: {(error.strerror or str(error)).lower()}") from error
