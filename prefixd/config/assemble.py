"""From a directory and an environment to a `Config`, or to every reason why there is none.

This is the one function start, `prefixd check`, SIGHUP and the API share. It changes nothing: what
it returns is compared (`diff.py`) and put into force elsewhere. Environment and overrides come in
as arguments, so that the same directory can be judged for another machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

from prefixd.config.alerting_file import ALERTING
from prefixd.config.bundle import (
    ALERTING_NAME,
    CORRELATION_NAME,
    FILE_NAMES,
    INVENTORY_NAME,
    MAIN_NAME,
    OPTIONAL_NAMES,
    PLAYBOOKS_NAME,
    Config,
    SafelistSettings,
)
from prefixd.config.check import Parts, cross_check
from prefixd.config.correlation_file import CORRELATION, CorrelationFile, secret_references
from prefixd.config.derive import (
    Sections,
    infrastructure_of,
    marked,
    withdrawing,
)
from prefixd.config.inventory_file import INVENTORY
from prefixd.config.load import Document, load_file, version_of
from prefixd.config.main_file import MAIN, MainFile
from prefixd.config.playbooks_file import PLAYBOOKS
from prefixd.config.problem import ConfigError, Problem, Severity, TreePath
from prefixd.config.reader import Bad, Effective, Reader, did_you_mean
from prefixd.config.schema import Section
from prefixd.config.secrets import DATABASE_URL, SecretBox, expand
from prefixd.config.spellings import CONNECTION, LISTEN, log_level, resolve_reference
from prefixd.domain.inventory import Inventory, build_inventory
from prefixd.engine.settings import EngineSettings
from prefixd.notify.settings import AlertSettings
from prefixd.observability.settings import LogLevel

T = TypeVar("T")

LOG_LEVEL_VARIABLE = "RUST_LOG"


def load_config(
    directory: Path,
    env: Mapping[str, str],
    *,
    listen: str | None = None,
    documents: Mapping[str, Document] | None = None,
) -> Config:
    """Read, check and build everything; raises ConfigError with all problems.

    `listen` overrides http.listen. `documents` stand in for the files, which is how a change that
    comes through the API is judged before it is written.
    """
    run = _Run(directory, env)
    if documents is None:
        run.load()
    else:
        run.documents.update(documents)
    parts = run.read()
    main = _overridden(parts.main, env, listen, run)
    parts = replace(parts, main=main)
    run.problems += cross_check(parts)
    problems = run.place_all()
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ConfigError(problems)
    return _config(run, parts, problems)


class _Run:
    """What accumulates while the files of one directory are read."""

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        self.directory = directory
        self.env = env
        self.documents: dict[str, Document] = {}
        self.problems: list[Problem] = []
        self.effective: dict[str, Effective] = {}
        self.usable: Mapping[str, object] = {}

    def load(self) -> None:
        if not self.directory.is_dir():
            self.problems.append(_no_directory(self.directory))
            return
        for name in FILE_NAMES:
            path = self.directory / name
            if name in OPTIONAL_NAMES and not (path.exists() or path.is_symlink()):
                continue
            loaded = load_file(path)
            if isinstance(loaded, Document):
                self.documents[name] = loaded
            else:
                self.problems += loaded
        self.problems += _misnamed(self.directory)

    def read(self) -> Parts:
        """Every file into its own settings; what is beyond use stays None."""
        main = self.read_file(MAIN_NAME, MAIN)
        usable = self.usable
        if main is not None:
            usable = {entry.name: getattr(main, entry.name) for entry in fields(MainFile)}
        sections = Sections.of(usable)
        customers = self.read_file(INVENTORY_NAME, INVENTORY, records=False)
        playbooks = self.read_file(PLAYBOOKS_NAME, PLAYBOOKS)
        correlation = self.read_file(CORRELATION_NAME, CORRELATION, wrapped_in="correlation")
        alerting = self.read_file(ALERTING_NAME, ALERTING, wrapped_in="alerting")
        parts = Parts(
            main=main,
            sections=sections,
            customers=customers,
            inventory=None if customers is None else build_inventory(customers),
            limits=sections.limits(),
            policy=None if playbooks is None else sections.policy(playbooks),
            correlation=correlation,
            correlation_home=self._home(CORRELATION_NAME, "correlation"),
            alerting=alerting,
            alerting_home=self._home(ALERTING_NAME, "alerting"),
        )
        return _with_fallbacks(parts, self.documents)

    def _home(self, name: str, wrapper: str) -> tuple[str, TreePath]:
        """The file, and the path in it: its content may be below one key."""
        document = self.documents.get(name)
        return name, (wrapper,) if document is not None and document.is_below(wrapper) else ()

    def read_file(
        self, name: str, section: Section[T], *, records: bool = True, wrapped_in: str = ""
    ) -> T | None:
        document = self.documents.get(name)
        if document is None:
            return None
        tree = document.tree
        problems: list[Problem] = []
        if "${" in document.text or not document.text:
            tree, problems = expand(tree, self.env)
        reader = Reader(self.env, self.directory, records=records)
        if wrapped_in and document.is_below(wrapped_in):
            assert isinstance(tree, dict)
            reader.path.append(wrapped_in)
            tree = tree[wrapped_in]
        found = section.read(tree, reader)
        expanded_badly = {problem.steps for problem in problems}
        problems += (found for found in reader.problems if found.steps not in expanded_badly)
        self.problems += (replace(problem, file=name) for problem in problems)
        prefix = f"{wrapped_in}." if wrapped_in and not reader.path else ""
        for path, entry in reader.named_effective().items():
            self.effective[prefix + path] = entry
        if name == MAIN_NAME:
            self.usable = reader.usable
        return None if isinstance(found, Bad) else found

    def place_all(self) -> tuple[Problem, ...]:
        """Every problem with its line, file by file; those of no file of ours come first."""
        names = sorted(
            {problem.file for problem in self.problems},
            key=lambda name: FILE_NAMES.index(name) if name in FILE_NAMES else -1,
        )
        placed: list[Problem] = []
        for name in names:
            of_file = [problem for problem in self.problems if problem.file == name]
            document = self.documents.get(name)
            placed += of_file if document is None else document.place_all(of_file)
        return tuple(placed)


def _no_directory(directory: Path) -> Problem:
    what = "is not a directory" if directory.exists() else "does not exist"
    return Problem(
        file=str(directory),
        message=f"the configuration directory {what}",
        hint="name it with --config, or write a sample with `prefixd init DIR`",
    )


def _misnamed(directory: Path) -> Iterator[Problem]:
    """Files with a name so close to one of ours that an operator may expect them to be read."""
    for path in sorted((*directory.glob("*.yaml"), *directory.glob("*.yml"))):
        meant = did_you_mean(path.name, FILE_NAMES)
        if path.name not in FILE_NAMES and meant is not None:
            message = "is not a file that prefixd reads"
            yield Problem(file=path.name, message=message, hint=meant, severity=Severity.WARNING)


def _with_fallbacks(parts: Parts, documents: Mapping[str, Document]) -> Parts:
    """The sections of prefixd.yaml count where there is no file of their own."""
    main = parts.sections
    if CORRELATION_NAME not in documents and main.correlation is not None:
        home = (MAIN_NAME, ("correlation",))
        parts = replace(parts, correlation=main.correlation, correlation_home=home)
    if ALERTING_NAME not in documents and main.alerting is not None:
        home = (MAIN_NAME, ("alerting",))
        parts = replace(parts, alerting=main.alerting, alerting_home=home)
    return parts


def _overridden(
    main: MainFile | None, env: Mapping[str, str], listen: str | None, run: _Run
) -> MainFile | None:
    """Flags and variables win over the file."""
    if main is None:
        return None
    if listen is not None:
        reader = Reader(env, run.directory)
        address = LISTEN.read(listen, reader)
        if isinstance(address, Bad):
            run.problems.append(
                Problem(file="--listen", message=reader.problems[0].message, value=repr(listen))
            )
        else:
            api = replace(main.http.api, listen=address)
            main = replace(main, http=replace(main.http, api=api))
    url = env.get(DATABASE_URL)
    if url:
        reader = Reader(env, run.directory)
        connection = CONNECTION.read(url, reader)
        if isinstance(connection, Bad):
            message = reader.problems[0].message
            run.problems.append(
                Problem(file=f"environment variable {DATABASE_URL}", message=message)
            )
        else:
            main = replace(main, storage=replace(main.storage, connection_string=connection))
    level = _level_of(env.get(LOG_LEVEL_VARIABLE, ""))
    if level is not None:
        main = replace(main, observability=replace(main.observability, log_level=level))
    return main


def _level_of(directives: str) -> LogLevel | None:
    """`info`, or a list such as `warn,prefixd=debug`: ours if it is named, else the general one."""
    general = None
    for directive in directives.split(","):
        name, equals, word = directive.strip().rpartition("=")
        if equals and name == "prefixd":
            return log_level(word)
        if not equals:
            general = log_level(word) or general
    return general


def _config(run: _Run, parts: Parts, warnings: tuple[Problem, ...]) -> Config:
    main, policy, inventory = parts.main, parts.policy, parts.inventory
    # Without an error nothing of these can be missing.
    assert main is not None
    assert parts.limits is not None
    assert policy is not None
    assert isinstance(inventory, Inventory)
    correlation = parts.correlation or CorrelationFile()
    bgp = marked(main.bgp, main.storage, run.env)
    preserve = bool(main.shutdown["preserve_announcements"])
    known = {entry.name for entry in fields(EngineSettings)}
    engine = {
        name: value
        for name, value in {**main.engine, **main.timers, **main.shutdown}.items()
        if name in known
    }
    reader = Reader(run.env, run.directory)
    return Config(
        directory=run.directory,
        version=_version(run.documents),
        pop=main.pop,
        mode=main.mode,
        api=main.http.api,
        auth=main.http.auth,
        bgp=bgp if preserve else withdrawing(bgp),
        limits=parts.limits,
        policy=policy,
        engine=EngineSettings(pop=main.pop, mode=main.mode, **engine),  # type: ignore[arg-type]  # the tables name exactly its fields
        storage=main.storage,
        observability=main.observability,
        safelist=SafelistSettings(
            prefixes=main.safelist.prefixes,
            infrastructure=infrastructure_of(main, correlation.signals),
        ),
        preserve_announcements=preserve,
        alerting=parts.alerting or AlertSettings(),
        correlation=correlation.correlation,
        signals=correlation.signals,
        inventory=inventory,
        secrets=SecretBox(
            {
                reference: resolve_reference(reference, reader)
                for reference in secret_references(correlation.signals)
            }
        ),
        warnings=warnings,
        effective=run.effective,
        documents=run.documents,
    )


def _version(documents: Mapping[str, Document]) -> str:
    lines = "".join(f"{name} {documents[name].version}\n" for name in sorted(documents))
    return version_of(lines.encode())
