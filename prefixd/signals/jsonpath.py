"""RFC 9535 JSONPath over decoded JSON, with a budget.

A path is compiled once, when configuration is loaded, and evaluated many times against documents
written by strangers. Every node looked at is paid for from a `NodeBudget`; when it is used up the
evaluation ends with `BudgetSpent` and the element is refused. Patterns of `match()` and `search()`
run on the linear engine of `prefixd.signals.pattern`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from prefixd.signals.json_value import JsonValue, elements
from prefixd.signals.jsonpath_syntax import (
    All,
    Any,
    Call,
    Comparable,
    Comparison,
    Exists,
    Filter,
    Function,
    Holds,
    Index,
    Logical,
    Name,
    Not,
    Operator,
    PathError,
    Query,
    Segment,
    Selector,
    Slice,
    Value,
    Wildcard,
    parse_path,
)
from prefixd.signals.pattern import PatternError, compile_pattern

NODES_MAX: Final = 2000

__all__ = ["NODES_MAX", "BudgetSpent", "NodeBudget", "Path", "PathError", "compile_path"]


class BudgetSpent(Exception):
    """More nodes would have to be visited than one document is worth."""


class _Nothing(Enum):
    """The absence of a value, which is not null (RFC 9535 2.4.1)."""

    NOTHING = 0


@dataclass(slots=True)
class NodeBudget:
    left: int = NODES_MAX

    def spend(self, nodes: int) -> None:
        self.left -= nodes
        if self.left < 0:
            raise BudgetSpent


@dataclass(frozen=True, slots=True)
class Path:
    text: str
    query: Query

    def select(self, document: JsonValue, budget: NodeBudget) -> list[JsonValue]:
        """The values of all selected nodes, in the RFC's order."""
        return _select(self.query, document, document, budget)


def compile_path(text: str) -> Path:
    """Raises `PathError`."""
    return Path(text, parse_path(text))


def _select(
    query: Query, root: JsonValue, current: JsonValue, budget: NodeBudget
) -> list[JsonValue]:
    nodes = [current if query.relative else root]
    for segment in query.segments:
        nodes = _step(segment, nodes, root, budget)
    return nodes


def _step(
    segment: Segment, nodes: list[JsonValue], root: JsonValue, budget: NodeBudget
) -> list[JsonValue]:
    found: list[JsonValue] = []
    for node in nodes:
        for origin in _descendants(node, budget) if segment.descendant else (node,):
            for selector in segment.selectors:
                chosen = list(_choose(selector, origin, root, budget))
                budget.spend(len(chosen))
                found.extend(chosen)
    return found


def _descendants(node: JsonValue, budget: NodeBudget) -> Iterator[JsonValue]:
    """The node and all below it, parents before children, arrays in order."""
    pending = [node]
    while pending:
        budget.spend(1)
        current = pending.pop()
        yield current
        pending.extend(reversed(_children(current)))


def _children(node: JsonValue) -> Sequence[JsonValue]:
    return tuple(node.values()) if isinstance(node, Mapping) else elements(node)


def _choose(
    selector: Selector, node: JsonValue, root: JsonValue, budget: NodeBudget
) -> Iterator[JsonValue]:
    match selector:
        case Name(name):
            if isinstance(node, Mapping) and name in node:
                yield node[name]
        case Wildcard():
            yield from _children(node)
        case Index(index):
            listed = elements(node)
            if -len(listed) <= index < len(listed):
                yield listed[index]
        case Slice(start, end, step):
            listed = elements(node)
            if step != 0:
                yield from listed[start:end:step]
        case Filter(condition):
            for child in _children(node):
                budget.spend(1)
                if _true(condition, root, child, budget):
                    yield child
        case _:
            assert_never(selector)


def _true(condition: Logical, root: JsonValue, current: JsonValue, budget: NodeBudget) -> bool:
    match condition:
        case Comparison(left, operator, right):
            return _compare(
                _value(left, root, current, budget),
                operator,
                _value(right, root, current, budget),
            )
        case Exists(query):
            return bool(_select(query, root, current, budget))
        case Holds(call):
            return _matches(call, root, current, budget)
        case Not(inner):
            return not _true(inner, root, current, budget)
        case All(parts):
            return all(_true(part, root, current, budget) for part in parts)
        case Any(parts):
            return any(_true(part, root, current, budget) for part in parts)
        case _:
            assert_never(condition)


def _value(
    subject: Comparable, root: JsonValue, current: JsonValue, budget: NodeBudget
) -> JsonValue | _Nothing:
    match subject:
        case Value(value):
            return value
        case Query():
            nodes = _select(subject, root, current, budget)
            return nodes[0] if len(nodes) == 1 else _Nothing.NOTHING
        case Call():
            return _call(subject, root, current, budget)
        case _:
            assert_never(subject)


def _call(
    call: Call, root: JsonValue, current: JsonValue, budget: NodeBudget
) -> JsonValue | _Nothing:
    argument = call.arguments[0]
    match call.function:
        case Function.COUNT:
            assert isinstance(argument, Query)
            return len(_select(argument, root, current, budget))
        case Function.LENGTH:
            subject = _value(argument, root, current, budget)
            if isinstance(subject, str | Mapping | Sequence):
                return len(subject)
            return _Nothing.NOTHING
        case Function.VALUE:
            return _value(argument, root, current, budget)
        case Function.MATCH | Function.SEARCH:
            return _matches(call, root, current, budget)
        case _:
            assert_never(call.function)


def _matches(call: Call, root: JsonValue, current: JsonValue, budget: NodeBudget) -> bool:
    subject, wanted = (_value(argument, root, current, budget) for argument in call.arguments)
    if not isinstance(subject, str) or not isinstance(wanted, str):
        return False
    try:
        pattern = compile_pattern(wanted)
    except PatternError:
        return False  # RFC 9535 2.4.6: what is no pattern matches nothing
    if call.function is Function.MATCH:
        return pattern.fullmatch(subject)
    return pattern.search(subject) is not None


def _compare(left: JsonValue | _Nothing, operator: Operator, right: JsonValue | _Nothing) -> bool:
    match operator:
        case Operator.EQUAL:
            return _same(left, right)
        case Operator.DIFFERENT:
            return not _same(left, right)
        case Operator.LESS:
            return _less(left, right)
        case Operator.MORE:
            return _less(right, left)
        case Operator.AT_MOST:
            return _less(left, right) or _same(left, right)
        case Operator.AT_LEAST:
            return _less(right, left) or _same(left, right)
        case _:
            assert_never(operator)


def _same(left: JsonValue | _Nothing, right: JsonValue | _Nothing) -> bool:
    # Python says True == 1; JSON does not.
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if _is_array(left) and _is_array(right):
        first, second = elements(_known(left)), elements(_known(right))
        return len(first) == len(second) and all(map(_same, first, second))
    return left == right


def _known(value: JsonValue | _Nothing) -> JsonValue:
    return None if isinstance(value, _Nothing) else value


def _is_array(value: JsonValue | _Nothing) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _less(left: JsonValue | _Nothing, right: JsonValue | _Nothing) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left < right
    return isinstance(left, str) and isinstance(right, str) and left < right
