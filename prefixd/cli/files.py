"""Local files that a command reads: their text or tree, or one sentence that says why not."""

import sys
from pathlib import Path
from typing import Any

from prefixd.cli.failure import usage


def read_text(path: str | Path) -> str:
    """UTF-8 text of a file, or of standard input for `-`."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text()
    except UnicodeDecodeError as error:
        raise usage(f"{path}: not UTF-8 text") from error
    except OSError as error:
        raise usage(f"{path}: {reason_of(error)}") from error


def read_mapping(path: str | Path) -> dict[str, Any]:
    """The mapping that a YAML or JSON file holds; an empty file holds an empty one."""
    import yaml  # because: 10 ms, a tenth of the start; most commands read no file

    try:
        tree = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise usage(f"{path}: neither YAML nor JSON: {error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise usage(f"{path}: must be a mapping")
    return tree


def reason_of(error: OSError) -> str:
    """`permission denied`, without number and file name."""
    return (error.strerror or str(error)).lower()
