"""docs/configuration.md, written from the tables that read the files.

`python -m prefixd.config.reference > docs/configuration.md`. A test compares the page with what
this module says, so a key cannot be added, renamed or given another default in silence.
"""

import sys
from collections.abc import Iterator
from typing import Any

from prefixd.config.alerting_file import ALERTING
from prefixd.config.bundle import (
    ALERTING_NAME,
    CORRELATION_NAME,
    INVENTORY_NAME,
    MAIN_NAME,
    PLAYBOOKS_NAME,
)
from prefixd.config.correlation_file import CORRELATION
from prefixd.config.inventory_file import INVENTORY
from prefixd.config.kinds import Listing, Mapped, Table
from prefixd.config.main_file import MAIN
from prefixd.config.playbooks_file import PLAYBOOKS
from prefixd.config.reader import shown
from prefixd.config.references import REFERENCE_SUFFIXES
from prefixd.config.schema import ABSENT, REQUIRED, Key, OneOf, Section
from prefixd.setting import Live

FILES: tuple[tuple[str, str, Section[Any]], ...] = (
    (MAIN_NAME, "Required. Where this instance is, its API and neighbors, and its limits.", MAIN),
    (INVENTORY_NAME, "Required. Whose addresses these are.", INVENTORY),
    (PLAYBOOKS_NAME, "Required. Which attack gets which answer.", PLAYBOOKS),
    (CORRELATION_NAME, "Optional. How far sources are believed, and their adapters.", CORRELATION),
    (ALERTING_NAME, "Optional. Which destinations get which alerts.", ALERTING),
)

TABLE_HEAD = "| Key | Type | Default | Change | |\n|---|---|---|---|---|\n"

HEAD = """\
# Configuration reference

This page is generated from the tables that read the files: `make docs` writes it, a test compares
it. The commented sample is in `configs/`; `prefixd init DIR` writes it anywhere.

prefixd reads a directory (`--config DIR`, default `/etc/prefixd`). `prefixd check` reads it the
same way and prints every mistake with file, line and column, or what would run.

**Values.** `${NAME}` is replaced by the environment variable NAME, `${NAME:-text}` falls back to
text, `$${` is a literal `${`. Every secret `x` can also be given as `x_env` (name of a variable)
or `x_file` (path of a file). Unknown and duplicate keys are errors. Texts that look like numbers
need quotes.

**Environment.** `DATABASE_URL` overrides `storage.connection_string`; `RUST_LOG` overrides
`observability.log_level`; the flag `--listen ADDR` overrides `http.listen`.

**Change.** What it takes for a changed key to count: *live* on reload (SIGHUP,
`prefixdctl reload`), *peer restart* resets the sessions concerned, *restart* needs the daemon to
start again. A reload says which of the changes it could not make.
"""


def render_reference() -> str:
    parts = [HEAD]
    for name, doc, section in FILES:
        parts.append(f"## {name}\n\n{doc}\n")
        # In prefixd.yaml these two only stand in for files of their own.
        elsewhere = {id(CORRELATION): CORRELATION_NAME, id(ALERTING): ALERTING_NAME}
        seen = elsewhere if section is MAIN else {}
        parts += _section("", section, section.live or Live.LIVE, seen)
    return "\n".join(parts)


def _section(path: str, section: Section[Any], live: Live, seen: dict[int, str]) -> Iterator[str]:
    """The table of a section, then those of the sections inside it, each section once."""
    if id(section) in seen:
        return
    seen[id(section)] = path
    live = section.live or live
    if path:
        yield f"### `{path}`\n"
        if section.doc:
            yield f"{section.doc}\n"
    rows = [_row(entry, section, entry.live or live) for entry in section.keys]
    if rows:
        yield (
            "| Key | Type | Default | Change | |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    for entry in section.keys:
        where = f"{path}.{entry.name}" if path else entry.name
        for inner_path, inner in inner_sections(where, entry.kind):
            yield from _section(inner_path, inner, entry.live or live, seen)


def inner_sections(path: str, kind: object) -> Iterator[tuple[str, Section[Any]]]:
    """The sections below a key, however deep lists and tables wrap them."""
    match kind:
        case Section():
            yield path, kind
        case Listing():
            yield from inner_sections(f"{path}[]", kind.kind)
        case Table():
            yield from inner_sections(f"{path}.<name>", kind.value)
        case Mapped():
            yield from inner_sections(path, kind.kind)
        case OneOf():
            for word, section in kind.choices.items():
                yield f"{path}, {kind.tag}: {word}", section
        case _:
            wrapped = getattr(kind, "section", None) or getattr(kind, "documents", None)
            if isinstance(wrapped, Section):
                yield path, wrapped


def _row(entry: Key, section: Section[Any], live: Live) -> str:
    if entry.replaced_by is not None:
        return f"| `{entry.name}` | – | – | – | No effect: {entry.replaced_by}. |"
    unit = f" ({entry.unit})" if entry.unit else ""
    is_the_secret_itself = entry.is_secret and not entry.name.endswith(REFERENCE_SUFFIXES)
    doc = entry.doc + (" Secret." if is_the_secret_itself else "")
    kind = entry.kind.describe()
    change = "–" if isinstance(entry.kind, Section) else live.value
    return f"| `{entry.name}` | {kind}{unit} | {_default(entry, section)} | {change} | {doc} |"


def _default(entry: Key, section: Section[Any]) -> str:
    if entry.default_text is not None:
        return entry.default_text
    if any(isinstance(inner, Section) for _, inner in inner_sections("", entry.kind)):
        value = section.default_of(entry)
        return "empty" if value == () else "see below"
    value = section.default_of(entry)
    if value is REQUIRED or value is ABSENT:
        return "**required**" if value is REQUIRED else "none"
    if value is None:
        return "none"
    if value == "" or (isinstance(value, tuple | frozenset | dict) and not value):
        return "empty"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`" if type(value) is str else f"`{shown(value)}`"


if __name__ == "__main__":
    sys.stdout.write(render_reference())
