"""Longest match over nested prefixes, by one bisection.

Each prefix is an interval on the number line of its address family. Nested intervals are cut into
flat segments, each naming the narrowest prefix around it; a lookup finds the segment of an
address. Nodes keep a link to the next wider one, so that a question about a whole network, or one
that passes over some answers, climbs from the narrowest outwards. Built once, never changed.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from msgspec import Struct

from prefixd.domain.prefix import V4, V6, Prefix

T = TypeVar("T")
_BEFORE_ALL: Final = -1


class Node(Struct, Generic[T], frozen=True):
    prefix: Prefix
    value: T
    wider: "Node[T] | None"


class Segments(Generic[T]):
    __slots__ = ("_nodes", "_starts")

    def __init__(self, values: Mapping[Prefix, T]) -> None:
        self._starts: dict[int, list[int]] = {V4: [_BEFORE_ALL], V6: [_BEFORE_ALL]}
        self._nodes: dict[int, list[Node[T] | None]] = {V4: [None], V6: [None]}
        for version in (V4, V6):
            ordered = [prefix for prefix in sorted(values) if prefix.version == version]
            self._flatten(version, ordered, values)

    def find(self, prefix: Prefix) -> Node[T] | None:
        """The narrowest node that covers the whole of `prefix`; `wider` leads outwards."""
        version, value, length = prefix
        node = self._nodes[version][bisect_right(self._starts[version], value) - 1]
        while node is not None and node.prefix.length > length:
            node = node.wider
        return node

    def size(self, version: int) -> int:
        """How many addresses of a family lie in some prefix, each counted once."""
        starts, nodes = self._starts[version], self._nodes[version]
        return sum(
            following - start
            for start, following, node in zip(starts, starts[1:], nodes, strict=False)
            if node is not None
        )

    def _flatten(self, version: int, ordered: list[Prefix], values: Mapping[Prefix, T]) -> None:
        """Sweep in address order, widest first; the stack holds the prefixes still open."""
        starts, nodes = self._starts[version], self._nodes[version]

        def cut(at: int, node: Node[T] | None) -> None:
            if starts[-1] == at:
                nodes[-1] = node
            else:
                starts.append(at)
                nodes.append(node)

        stack: list[Node[T]] = []
        for prefix in ordered:
            _close(stack, prefix.value, cut)
            node = Node(prefix, values[prefix], stack[-1] if stack else None)
            stack.append(node)
            cut(prefix.value, node)
        _close(stack, None, cut)


def _close(
    stack: list[Node[T]], upto: int | None, cut: Callable[[int, Node[T] | None], None]
) -> None:
    """End every open prefix that lies wholly before `upto` (None: all of them)."""
    while stack and (upto is None or stack[-1].prefix.last_value < upto):
        ended = stack.pop()
        cut(ended.prefix.last_value + 1, stack[-1] if stack else None)
