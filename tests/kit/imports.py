"""Reads the imports of the package as text, without importing anything.

The architecture test and its own tests (planted mistakes) both use it.
"""

import ast
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement: `importer` (module name) imports `target` at `line`."""

    importer: str
    target: str
    line: int


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def read_modules(package: Path) -> dict[str, ast.Module]:
    """Parsed once per directory: the rules ask several questions of the same tree."""
    root = package.parent
    return {
        module_name(path, root): ast.parse(path.read_text(), str(path))
        for path in sorted(package.rglob("*.py"))
    }


def imports_of(modules: dict[str, ast.Module]) -> Iterator[Import]:
    """Every import, also inside functions; `from a import b` names a.b where that is a module."""
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(name, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield Import(name, inner if inner in modules else node.module, node.lineno)


def find_circle(edges: Iterable[tuple[str, str]]) -> list[str] | None:
    """A shortest-found import circle as a list of modules (first repeated at the end), or None."""
    graph: dict[str, list[str]] = {}
    for importer, target in edges:
        if importer != target:
            graph.setdefault(importer, []).append(target)
    done: set[str] = set()
    for start in graph:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(graph.get(start, ())))]
        if start in done:
            continue
        path.append(start)
        on_path.add(start)
        while stack:
            node, targets = stack[-1]
            for target in targets:
                if target in on_path:
                    return [*path[path.index(target) :], target]
                if target not in done:
                    stack.append((target, iter(graph.get(target, ()))))
                    path.append(target)
                    on_path.add(target)
                    break
            else:
                stack.pop()
                done.add(node)
                on_path.discard(node)
                path.pop()
    return None
