"""Changes that come through the API: judged like a file, then written like one.

A change is planned against the configuration in force: the other files count as they were loaded,
not as they may have been edited since. What comes back as `***` is taken from the stored file;
where it is not clear which secret is meant, or where a kept secret would be sent to a new address,
the change is refused. The same holds for references to variables and files (`references.py`).
Saving names the version that was seen, so that two people do not overwrite each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prefixd.config.assemble import load_config
from prefixd.config.bundle import ALERTING_NAME, CORRELATION_NAME, PLAYBOOKS_NAME, Config
from prefixd.config.load import Document, document_from_tree, load_file, version_of
from prefixd.config.problem import ConfigError, Problem, path_text
from prefixd.config.redact import raw_section, secret_names
from prefixd.config.references import HINT, REFUSED, Reference, new_references, references
from prefixd.config.round_trip import emitted, rewritten
from prefixd.config.secrets import STARS
from prefixd.config.write import write_atomic
from prefixd.config.yaml_tree import Tree
from prefixd.errors import PrefixdError

WRITABLE_NAMES = (PLAYBOOKS_NAME, CORRELATION_NAME, ALERTING_NAME)
WRAPPERS = {CORRELATION_NAME: "correlation", ALERTING_NAME: "alerting"}
"""Files whose content may stand below one key, as it would in prefixd.yaml."""
NO_FILE = "none"
"""The version of a file that does not exist."""

# Keys that say where a secret is sent. A kept secret stays with its address.
_ADDRESS_KEYS = {"generic": "url", "pagerduty": "events_url", "opsgenie": "region"}


class EditConflict(PrefixdError):
    """The file is no longer the one the change was made from."""

    def __init__(self, name: str, current: str) -> None:
        super().__init__(f"{name} was changed meanwhile: read it again and repeat the change")
        self.name = name
        self.current = current


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A change that was found good. `config` is what will be in force once it is saved."""

    name: str
    text: str = field(repr=False)
    config: Config
    target: Path

    @property
    def version(self) -> str:
        return self.config.documents[self.name].version


def version_on_disk(config: Config, name: str) -> str:
    """The version an If-Match header has to name."""
    path = config.directory / name
    try:
        return version_of(path.read_bytes())
    except FileNotFoundError:
        return NO_FILE


def plan_update(config: Config, name: str, body: Tree, env: Mapping[str, str]) -> Plan:
    """Judge a new content for one of the writable files; raises ConfigError with all problems."""
    assert name in WRITABLE_NAMES
    wrapper = WRAPPERS.get(name, "")
    is_wrapped = isinstance(body, dict) and [*body] == [wrapper]
    tree = body[wrapper] if isinstance(body, dict) and is_wrapped else body
    if name == ALERTING_NAME:
        tree = _restore_secrets(config, tree)
    else:
        stored = raw_section(config, name, wrapper)
        _refuse(new_references(name, tree, stored))
    tree = {wrapper: tree} if is_wrapped else tree
    target = config.directory / name
    text, tree = _text_and_tree(target, tree)
    documents = {**config.documents}
    documents[name] = document_from_tree(name, tree, version_of(text.encode()))
    new = load_config(config.directory, env, listen=str(config.api.listen), documents=documents)
    return Plan(name=name, text=text, config=new, target=target)


def _text_and_tree(path: Path, tree: Tree) -> tuple[str, Tree]:
    """The text to write: the file as it is, comments and all, with the new content in it."""
    stored = load_file(path)
    if not isinstance(stored, Document):  # missing, or not readable: written as new text
        return emitted(tree), tree
    wrapper = WRAPPERS.get(path.name)
    if (
        wrapper is not None
        and stored.is_below(wrapper)
        and not (isinstance(tree, dict) and wrapper in tree)
    ):
        tree = {wrapper: tree}
    return rewritten(stored.text, tree), tree


def save(plan: Plan, *, if_match: str | None = None) -> str:
    """Write a plan down and return the new version. `if_match` is the version that was seen."""
    current = version_on_disk(plan.config, plan.name)
    if if_match is not None and if_match != current:
        raise EditConflict(plan.name, current)
    write_atomic(plan.target, plan.text)
    return plan.version


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(tuple(problems))


def _restore_secrets(config: Config, body: Tree) -> Tree:
    """Put stored secrets in the place of stars; references have to be the stored ones."""
    if not isinstance(body, dict):
        return body
    raw = raw_section(config, ALERTING_NAME, "alerting")
    general = {key: value for key, value in body.items() if key != "destinations"}
    problems = new_references(ALERTING_NAME, general, raw)
    destinations = body.get("destinations")
    if not isinstance(destinations, list):
        _refuse(problems)
        return body
    stored = _stored_destinations(config)
    restored: list[Tree] = []
    for index, destination in enumerate(destinations):
        if not isinstance(destination, dict):
            restored.append(destination)
            continue
        try:
            restored.append(_restore(destination, stored))
        except _Unresolved as unresolved:
            problems.append(
                Problem(
                    file=ALERTING_NAME,
                    steps=("destinations", index, unresolved.key),
                    message=f"destination[{index}] ({destination.get('type')}): {unresolved}",
                    hint=unresolved.hint,
                )
            )
    _refuse(problems)
    return {**body, "destinations": restored}


class _Unresolved(Exception):
    def __init__(
        self, key: str, message: str, hint: str = "write the secret instead of the stars"
    ) -> None:
        super().__init__(message)
        self.key = key
        self.hint = hint


def _stored_destinations(config: Config) -> list[tuple[str, dict[str, Tree]]]:
    """Ids and unexpanded contents: `${VAR}` goes back into the file as `${VAR}`."""
    tree = raw_section(config, ALERTING_NAME, "alerting")
    raw = tree.get("destinations") if isinstance(tree, dict) else None
    entries = raw if isinstance(raw, list) else []
    ids = [built.id for built in config.alerting.destinations]
    return [
        (found, entry) for found, entry in zip(ids, entries, strict=True) if isinstance(entry, dict)
    ]


def _restore(destination: dict[str, Tree], stored: list[tuple[str, dict[str, Tree]]]) -> Tree:
    starred = [
        name for name in secret_names(destination.get("type")) if _is_starred(destination.get(name))
    ]
    referring = [*references(destination)]
    if not starred and not referring:
        return destination
    if starred:
        before = _counterpart(destination, stored, starred[0])
    else:
        before = _referred(destination, stored, referring[0])
    known = {(found.place, found.text) for found in references(before)}
    for found in referring:
        if (found.place, found.text) not in known:
            raise _Unresolved(path_text(found.path), f"{REFUSED} ({found.text})", HINT)
    address = _ADDRESS_KEYS.get(str(destination.get("type")))
    moves = address is not None and destination.get(address) != before.get(address)
    if moves and address not in starred:
        kept = starred[0] if starred else path_text(referring[0].path)
        raise _Unresolved(kept, f"{address} changes, so the stored secret is not sent along")
    restored = dict(destination)
    for name in starred:
        restored[name] = _restored_value(name, destination[name], before.get(name))
    return restored


def _referred(
    destination: dict[str, Tree], stored: list[tuple[str, dict[str, Tree]]], found: Reference
) -> dict[str, Tree]:
    key = path_text(found.path)
    try:
        return _counterpart(destination, stored, key)
    except _Unresolved:
        raise _Unresolved(key, f"{REFUSED} ({found.text})", HINT) from None


def _restored_value(name: str, given: Tree, stored: Tree) -> Tree:
    if not isinstance(given, dict):
        if not stored:
            raise _Unresolved(name, f"cannot resolve {STARS}: no {name} is stored")
        return stored
    kept = stored if isinstance(stored, dict) else {}
    missing = [key for key, value in given.items() if value == STARS and key not in kept]
    if missing:
        raise _Unresolved(name, f"cannot resolve {STARS} of {missing[0]}: none is stored")
    return {key: kept[key] if value == STARS else value for key, value in given.items()}


def _counterpart(
    destination: dict[str, Tree], stored: list[tuple[str, dict[str, Tree]]], key: str
) -> dict[str, Tree]:
    """The stored destination that is meant: the same id, else the only one that can be meant."""
    kind, wanted = destination.get("type"), destination.get("id")
    if wanted is not None:
        same = [entry for found, entry in stored if found == wanted and entry.get("type") == kind]
        if not same:
            raise _Unresolved(key, f"cannot resolve {STARS}: no {kind} has the id {wanted!r}")
        return same[0]
    candidates = [entry for _, entry in stored if entry.get("type") == kind]
    for hint in ("channel", "chat_id", "url", "events_url", "region"):
        value = destination.get(hint)
        if value is not None and value != STARS:
            alike = [entry for entry in candidates if entry.get(hint) == value]
            candidates = alike or candidates
    if len(candidates) != 1:
        how = "ambiguous" if candidates else "cannot resolve"
        raise _Unresolved(key, f"{how} {STARS}: give the destination its id")
    return candidates[0]


def _is_starred(value: Tree) -> bool:
    return value == STARS or (isinstance(value, dict) and STARS in value.values())
