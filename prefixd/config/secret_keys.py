"""Keys that hold a secret: in the file by `${VAR}`, by the name of a variable, or by a file."""

from collections.abc import Callable
from dataclasses import dataclass

from prefixd.config.kinds import Mapped, Text
from prefixd.config.reader import BAD, Bad, Reader
from prefixd.config.schema import INHERIT, REQUIRED, Key, key
from prefixd.config.secrets import SecretMissing, from_environment, from_file, loose_file_warning
from prefixd.setting import Live


@dataclass(frozen=True, slots=True)
class EnvironmentSecret:
    """The name of an environment variable; reads as what the variable holds."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        name = Text(pattern=r"[A-Za-z_][A-Za-z0-9_]*", what="the name of a variable").read(
            value, reader
        )
        if isinstance(name, Bad):
            return BAD
        try:
            return from_environment(name, reader.env)
        except SecretMissing as missing:
            return reader.complain(missing.message, hint=missing.hint)

    def describe(self) -> str:
        return "name of an environment variable"


@dataclass(frozen=True, slots=True)
class FileSecret:
    """The path of a file; reads as what the file holds."""

    def read(self, value: object, reader: Reader) -> str | Bad:
        name = Text(maximum=4096, what="a path").read(value, reader)
        if isinstance(name, Bad):
            return BAD
        try:
            secret = from_file(name, reader.directory)
        except SecretMissing as missing:
            return reader.complain(missing.message, hint=missing.hint)
        warning = loose_file_warning(name, reader.directory, reader.here)
        if warning is not None:
            reader.problems.append(warning)
        return secret

    def describe(self) -> str:
        return "path of a file"


def secret_keys(
    name: str,
    doc: str,
    *,
    field: str | None = None,
    required: bool = False,
    live: Live | None = None,
    env_default: str | None = None,
    convert: Callable[[str], object] = str,
) -> tuple[Key, Key, Key]:
    """`name` (with `${VAR}`), `name_env` and `name_file`: three ways to one secret."""
    target = name if field is None else field
    default = REQUIRED if required else INHERIT
    whole = f"one of `{name}`, `{name}_env`, `{name}_file`" if required else "none"
    return (
        key(
            name,
            Mapped(Text(maximum=4096), convert),
            f"{doc} Write `${{VAR}}` rather than the secret itself.",
            field=target,
            default=default,
            default_text=whole,
            live=live,
            is_secret=True,
        ),
        key(
            f"{name}_env",
            Mapped(EnvironmentSecret(), convert),
            f"Name of the environment variable that holds `{name}`.",
            field=target,
            default=default,
            default_text=env_default or "none",
            live=live,
            is_secret=True,
        ),
        key(
            f"{name}_file",
            Mapped(FileSecret(), convert),
            f"File that holds `{name}`; relative paths start at the configuration directory.",
            field=target,
            default=default,
            default_text="none",
            live=live,
            is_secret=True,
        ),
    )
