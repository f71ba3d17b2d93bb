"""RFC 9535 JSONPath over decoded JSON, with a budget.

jsonpath-rfc9535 parses and evaluates; this module adds the guard. A path is compiled once, when
configuration is loaded, and evaluated many times against documents written by strangers: each node
looked at is paid for from a `NodeBudget`, and when it is used up the evaluation ends with
`BudgetSpent` and the element is refused. The library has no such limit, so our parser builds node,
query, filter and descendant types that pay before they work.

`match()` and `search()` run on RE2 (`prefixd.signals.pattern`), not on the library's backtracking
engine: their patterns may come from the document.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, cast

from jsonpath_rfc9535 import (
    JSONPathEnvironment,
    JSONPathError,
    JSONPathNode,
    JSONPathNodeList,
    JSONPathQuery,
    Parser,
)
from jsonpath_rfc9535.environment import JSONValue
from jsonpath_rfc9535.exceptions import JSONPathSyntaxError
from jsonpath_rfc9535.filter_expressions import (
    Expression,
    FilterContext,
    RelativeFilterQuery,
    RootFilterQuery,
)
from jsonpath_rfc9535.function_extensions import ExpressionType, FilterFunction
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath_rfc9535.selectors import FilterSelector
from jsonpath_rfc9535.tokens import Token, TokenStream

from prefixd.signals.json_value import JsonValue
from prefixd.signals.pattern import PatternError, compile_pattern

PATH_MAX: Final = 512
NESTING_MAX: Final = 16
NODES_MAX: Final = 2000
_CONTAINERS: Final = (dict, list)

__all__ = ["NODES_MAX", "BudgetSpent", "NodeBudget", "Path", "PathError", "compile_path"]


class PathError(ValueError):
    """The path cannot be used; the text says why and where."""


class BudgetSpent(Exception):
    """More nodes would have to be visited than one document is worth."""


@dataclass(slots=True)
class NodeBudget:
    left: int = NODES_MAX

    def spend(self, nodes: int) -> None:
        self.left -= nodes
        if self.left < 0:
            raise BudgetSpent


# A query inside a filter is evaluated by the library, which hands on the document and nothing else.
_BUDGET: ContextVar[NodeBudget] = ContextVar("budget")


@dataclass(frozen=True, slots=True)
class Path:
    text: str
    query: "_Query"

    def select(self, document: JsonValue, budget: NodeBudget) -> list[JsonValue]:
        """The values of all selected nodes, in the RFC's order."""
        token = _BUDGET.set(budget)
        try:
            return [
                cast(JsonValue, node.value)
                for node in self.query.finditer(cast(JSONValue, document))
            ]
        finally:
            _BUDGET.reset(token)


def compile_path(text: str) -> Path:
    """Raises `PathError`."""
    if len(text) > PATH_MAX:
        raise PathError(f"longer than {PATH_MAX} characters")
    try:
        return Path(text, _Query(env=_ENVIRONMENT, segments=_ENVIRONMENT.compile(text).segments))
    except JSONPathError as error:
        place = f" at character {error.token.index + 1}" if error.token else ""
        raise PathError(f"{error.args[0]}{place}") from None


class _Node(JSONPathNode):
    """A node whose children cost. Its location in the document is not kept."""

    __slots__ = ("budget", "value")

    def __init__(self, value: object, root: JSONValue, budget: NodeBudget) -> None:
        self.value = value  # pyright: ignore[reportIncompatibleMethodOverride] -- a slot is faster
        self.root = root
        self.budget = budget

    def new_child(self, value: object, key: int | str, parent: JSONPathNode | None) -> "_Node":
        budget = self.budget
        budget.spend(1)
        return _Node(value, self.root, budget)


class _Query(JSONPathQuery):
    __slots__ = ()

    def finditer(self, value: JSONValue) -> Iterable[JSONPathNode]:
        return self.select(value, value)

    def select(self, start: object, root: JSONValue) -> Iterable[JSONPathNode]:
        nodes: Iterable[JSONPathNode] = [_Node(start, root, _BUDGET.get())]
        for segment in self.segments:
            nodes = segment.resolve(nodes)
        return nodes


class _Filter(FilterSelector):
    __slots__ = ()

    def resolve(self, node: JSONPathNode) -> Iterable[JSONPathNode]:
        _BUDGET.get().spend(len(_children(node.value)))
        return super().resolve(node)


class _Relative(RelativeFilterQuery):
    """A query from `@`. The library hands out a scalar `@` as the bare value, so that `count(@)`
    is the length of a text and `[?@]` passes over false, 0 and ''; and in a filter inside a filter
    it takes `@` for the root."""

    __slots__ = ("selected",)

    def __init__(self, token: Token, query: _Query) -> None:
        super().__init__(token, query)
        self.selected = query.select

    def evaluate(self, context: FilterContext) -> object:
        return JSONPathNodeList(self.selected(context.current, context.root))


class _Descendants(JSONPathRecursiveDescentSegment):
    """Depth first as the library does it, without a frame for each level."""

    __slots__ = ()

    def resolve(self, nodes: Iterable[JSONPathNode]) -> Iterator[JSONPathNode]:
        budget = _BUDGET.get()
        for start in nodes:
            pending = [start]
            while pending:
                node = pending.pop()
                for selector in self.selectors:
                    yield from selector.resolve(node)
                children = _children(node.value)
                budget.spend(len(children))
                pending.extend(
                    _Node(child, node.root, budget)
                    for child in reversed(children)
                    if type(child) in _CONTAINERS
                )


def _children(value: object) -> Sequence[object]:
    if isinstance(value, dict):
        return tuple(cast(dict[str, object], value).values())
    return cast(list[object], value) if isinstance(value, list) else ()


class _Parser(Parser):
    """Builds our types, and refuses filters that nest deeper than Python's stack can take."""

    def __init__(self, *, env: JSONPathEnvironment) -> None:
        super().__init__(env=env)
        self.depth = 0

    def parse_query(
        self, stream: TokenStream, *, in_filter: bool = False
    ) -> Iterator[JSONPathSegment]:
        for segment in super().parse_query(stream, in_filter=in_filter):
            if isinstance(segment, JSONPathRecursiveDescentSegment):
                yield _Descendants(env=self.env, token=segment.token, selectors=segment.selectors)
            else:
                yield segment

    def parse_filter_selector(self, stream: TokenStream) -> FilterSelector:
        made = super().parse_filter_selector(stream)
        return _Filter(env=self.env, token=made.token, expression=made.expression)

    def parse_root_query(self, stream: TokenStream) -> Expression:
        made = super().parse_root_query(stream)
        assert isinstance(made, RootFilterQuery)
        return RootFilterQuery(made.token, _Query(env=self.env, segments=made.query.segments))

    def parse_relative_query(self, stream: TokenStream) -> Expression:
        made = super().parse_relative_query(stream)
        assert isinstance(made, RelativeFilterQuery)
        return _Relative(made.token, _Query(env=self.env, segments=made.query.segments))

    def parse_filter_expression(
        self, stream: TokenStream, precedence: int = Parser.PRECEDENCE_LOWEST
    ) -> Expression:
        with self._deeper(stream):
            return super().parse_filter_expression(stream, precedence)

    def parse_function_extension(self, stream: TokenStream) -> Expression:
        with self._deeper(stream):
            return super().parse_function_extension(stream)

    @contextmanager
    def _deeper(self, stream: TokenStream) -> Generator[None]:
        if self.depth >= NESTING_MAX:
            raise JSONPathSyntaxError(
                f"filters nest deeper than {NESTING_MAX}", token=stream.current
            )
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


class _Match(FilterFunction):
    """`match()` and `search()` of RFC 9535 2.4.6 and 2.4.7."""

    def __init__(self, *, anywhere: bool) -> None:
        self.anywhere = anywhere

    @property
    def arg_types(self) -> list[ExpressionType]:
        return [ExpressionType.VALUE, ExpressionType.VALUE]

    @property
    def return_type(self) -> ExpressionType:
        return ExpressionType.LOGICAL

    def __call__(self, text: object, wanted: object) -> bool:
        if not isinstance(text, str) or not isinstance(wanted, str):
            return False
        try:
            pattern = compile_pattern(wanted)
        except PatternError:
            return False  # what is no pattern matches nothing
        if self.anywhere:
            return pattern.search(text) is not None
        return pattern.fullmatch(text)


class _Environment(JSONPathEnvironment):
    parser_class = _Parser

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Match(anywhere=False)
        self.function_extensions["search"] = _Match(anywhere=True)


_ENVIRONMENT: Final = _Environment()
