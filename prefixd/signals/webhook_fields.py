"""One field of a mapped element: compiled from its settings, then read from documents.

A field comes from the first of several paths that selects something, from a constant, or from a
list of name/value objects. A path that selects several nodes has no value unless `reduce` defines
one. A null counts as absent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prefixd.signals.coerce import number
from prefixd.signals.json_value import JsonValue, elements, member, scalar_text
from prefixd.signals.jsonpath import NodeBudget, Path, compile_path
from prefixd.signals.settings import Condition, FieldSource, Lookup, Reduce


@dataclass(frozen=True, slots=True)
class CompiledLookup:
    lists: Path
    lookup: Lookup

    def read(self, element: JsonValue, budget: NodeBudget) -> JsonValue:
        for listed in self.lists.select(element, budget):
            budget.spend(len(elements(listed)))
            for entry in elements(listed):
                if scalar_text(member(entry, self.lookup.key)) == self.lookup.equals:
                    return member(entry, self.lookup.value)
        return None


@dataclass(frozen=True, slots=True)
class CompiledField:
    source: FieldSource
    paths: tuple[Path, ...]
    lookup: CompiledLookup | None

    def read(self, element: JsonValue, budget: NodeBudget) -> JsonValue:
        if self.source.const is not None:
            return self.source.const
        if self.lookup is not None:
            return self.lookup.read(element, budget)
        for path in self.paths:
            found = [node for node in path.select(element, budget) if node is not None]
            value = _reduced(found, self.source.reduce)
            if value is not None:
                return value
        return None


def compile_field(source: FieldSource) -> CompiledField:
    """Raises `PathError` when a path cannot be read."""
    lookup = source.lookup
    return CompiledField(
        source=source,
        paths=tuple(compile_path(path) for path in source.paths),
        lookup=None if lookup is None else CompiledLookup(compile_path(lookup.list), lookup),
    )


def _reduced(found: Sequence[JsonValue], reduce: Reduce | None) -> JsonValue:
    if not found:
        return None
    match reduce:
        case None:
            return found[0] if len(found) == 1 else None
        case Reduce.FIRST:
            return found[0]
        case Reduce.JOIN:
            # For fields that are lists (ports), the nodes themselves are the list.
            return list(found)
        case Reduce.MAX | Reduce.SUM:
            figures = [figure for node in found if (figure := number(node)) is not None]
            if not figures:
                return None
            return max(figures) if reduce is Reduce.MAX else sum(figures)


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    condition: Condition
    path: Path

    def holds(self, element: JsonValue, budget: NodeBudget) -> bool:
        found = self.path.select(element, budget)
        if self.condition.exists is not None:
            return bool(found) is self.condition.exists
        words = {scalar_text(node) for node in found}
        wanted = (
            self.condition.one_of if self.condition.equals is None else (self.condition.equals,)
        )
        return any(word in words for word in wanted)


def compile_condition(condition: Condition) -> CompiledCondition:
    """Raises `PathError`."""
    return CompiledCondition(condition, compile_path(condition.path))
