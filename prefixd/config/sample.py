"""The sample configuration: what `prefixd init DIR` writes and `configs/` shows.

The files travel inside the package, with their comments. They start as they are, without
privileges: an unprivileged BGP port, a database file below the working directory, and rules that
stay in memory until an operator changes bgp.mode and mode.
"""

from importlib.resources import files
from pathlib import Path

from prefixd.config.bundle import FILE_NAMES
from prefixd.config.write import write_atomic
from prefixd.errors import PrefixdError


class SampleRefused(PrefixdError):
    """The directory is not one to write a sample into; nothing was written."""


def sample_text(name: str) -> str:
    return files("prefixd.config").joinpath("sample", name).read_text(encoding="utf-8")


def write_sample(directory: Path) -> list[Path]:
    """Write the sample files into a directory, made if need be; never over existing files."""
    if directory.exists() and not directory.is_dir():
        raise SampleRefused(f"{directory} is not a directory")
    taken = [name for name in FILE_NAMES if (directory / name).exists()]
    if taken:
        raise SampleRefused(
            f"{directory} already has {', '.join(taken)}: choose another directory or move "
            "them away; nothing was written"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SampleRefused(f"{directory} cannot be made: {reason}") from error
    written = []
    for name in FILE_NAMES:
        path = directory / name
        write_atomic(path, sample_text(name))
        written.append(path)
    return written
