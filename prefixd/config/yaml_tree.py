"""YAML text to a plain tree of dict, list, str, int, float, bool and None.

The tree is built from the C parser's events with an explicit stack: no object per node, no
recursion, and plain scalars resolved by the YAML 1.2 core schema, so that `no` is a word and
`65535:10` a community instead of a number of base 60. Refused with a position: duplicate keys,
keys that are not text, tags, a second document, aliases that unfold into a flood.

Positions are not kept, for most files have no mistake. `Positions` composes the text a second
time when a problem needs its line.
"""

import re
from typing import Protocol, TypeAlias

import yaml

from prefixd.config.problem import Problem, TreePath

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"
Place = tuple[int, int]

MAX_DEPTH = 64
MAX_ALIASED_NODES = 100_000

_NULLS = frozenset({"~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_MAY_BE_MORE_THAN_TEXT = frozenset("0123456789+-.~ntfNTF")
_INT = re.compile(r"[-+]?[0-9]{1,30}\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,4})?\Z")


class NotYaml(Exception):
    """The text is not the YAML we take; the problem has line and column and names no file."""

    def __init__(self, message: str, place: Place, hint: str | None = None) -> None:
        super().__init__(message)
        self.problem = _problem(message, place, hint)


def parse_yaml(text: str) -> tuple[Tree, list[Problem]]:
    """The tree, and duplicate keys found on the way; anything worse raises NotYaml."""
    try:
        return _Builder(text).build()
    except yaml.MarkedYAMLError as error:
        raise _scanner_problem(error, text) from None
    except yaml.reader.ReaderError as error:
        offset = error.position if isinstance(error.position, int) else 0
        line = text.count("\n", 0, offset) + 1
        column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        raise NotYaml("a control character is not allowed here", (line, column)) from None


def resolve(text: str) -> Tree:
    """What a plain scalar means: the core schema without octal, hexadecimal, inf and nan."""
    if not text:
        return None
    if text[0] not in _MAY_BE_MORE_THAN_TEXT:
        return text
    if _INT.match(text):
        return int(text)
    if text in _NULLS:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _FLOAT.match(text):
        return float(text)
    return text


class _Mark(Protocol):
    """What PyYAML's two kinds of marks share."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Open:
    """A mapping or list under construction."""

    __slots__ = ("anchor", "key", "node", "size")

    def __init__(self, node: dict[str, Tree] | list[Tree], anchor: str | None) -> None:
        self.node = node
        self.key: str | None = None
        self.anchor = anchor
        self.size = 1


class _Builder(yaml.CSafeLoader):
    """libyaml's parser; its events are used, its constructors are not."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._stack: list[_Open] = []
        self._root: Tree = None
        self._duplicates: list[Problem] = []
        self._anchors: dict[str, tuple[Tree, int]] = {}
        self._aliased = 0

    def build(self) -> tuple[Tree, list[Problem]]:
        get_event = self.get_event
        documents = 0
        while True:
            event = get_event()
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._open({}, event)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._open([], event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise NotYaml("a second document starts here", _place(event.start_mark))
            elif isinstance(event, yaml.StreamEndEvent):
                return self._root, self._duplicates

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag is not None:
            raise _tag_problem(event)
        text = event.value
        if self._stack:
            top = self._stack[-1]
            if top.key is None and type(top.node) is dict:
                self._key(top, text, event)
                return
        value = resolve(text) if event.implicit[0] else text
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._put(value, 1)

    def _key(self, top: _Open, text: str, event: yaml.ScalarEvent) -> None:
        if text in top.node:
            message = f"duplicate key {text!r}"
            self._duplicates.append(_problem(message, _place(event.start_mark)))
        elif text == "<<":
            raise NotYaml("merge keys (<<) are not supported", _place(event.start_mark))
        top.key = text

    def _open(
        self,
        node: dict[str, Tree] | list[Tree],
        event: yaml.MappingStartEvent | yaml.SequenceStartEvent,
    ) -> None:
        if event.tag is not None:
            raise _tag_problem(event)
        stack = self._stack
        if len(stack) == MAX_DEPTH:
            raise NotYaml(f"nested deeper than {MAX_DEPTH} levels", _place(event.start_mark))
        if stack and stack[-1].key is None and type(stack[-1].node) is dict:
            raise NotYaml("a key must be a word", _place(event.start_mark))
        stack.append(_Open(node, event.anchor))

    def _close(self) -> None:
        done = self._stack.pop()
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.node, done.size)
        self._put(done.node, done.size)

    def _alias(self, event: yaml.AliasEvent) -> None:
        place = _place(event.start_mark)
        if self._stack and self._stack[-1].key is None and type(self._stack[-1].node) is dict:
            raise NotYaml("a key must be a word", place)
        if event.anchor not in self._anchors:
            raise NotYaml(f"alias *{event.anchor} has no anchor before it", place)
        value, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED_NODES:
            raise NotYaml(f"aliases unfold to more than {MAX_ALIASED_NODES} values", place)
        self._put(value, size)

    def _put(self, value: Tree, size: int) -> None:
        if not self._stack:
            self._root = value
            return
        top = self._stack[-1]
        top.size += size
        if isinstance(top.node, list):
            top.node.append(value)
        else:
            assert top.key is not None
            top.node[top.key] = value
            top.key = None


class Positions:
    """Where the values of a text are, for problems."""

    def __init__(self, text: str) -> None:
        # The pure-Python constructor is not involved: nodes carry text and marks, nothing runs.
        self._root: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)

    def find(self, path: TreePath, *, at_key: bool = False) -> Place:
        """The place of the value at `path`, of its key, or of the nearest thing that exists."""
        node = self._root
        if node is None:
            return 1, 1
        place = _place(node.start_mark)
        for depth, step in enumerate(path):
            found = _step(node, step)
            if found is None:
                break
            key, node = found
            is_last = depth == len(path) - 1
            place = _place(key.start_mark if is_last and at_key and key else node.start_mark)
        return place


def _step(node: yaml.Node, step: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode) and isinstance(step, str):
        found = None
        for key, value in node.value:
            if key.value == step:
                found = key, value  # as in the tree, the last of several equal keys counts
        return found
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None


def _place(mark: _Mark | None) -> Place:
    if mark is None:
        return 1, 1
    return mark.line + 1, mark.column + 1


def _problem(message: str, place: Place, hint: str | None = None) -> Problem:
    return Problem(message=message, line=place[0], column=place[1], hint=hint)


def _tag_problem(event: yaml.NodeEvent) -> NotYaml:
    return NotYaml("YAML tags are not supported", _place(event.start_mark), "write the value")


def _scanner_problem(error: yaml.MarkedYAMLError, text: str) -> NotYaml:
    place = _place(error.problem_mark or error.context_mark)
    lines = text.splitlines()
    line = lines[place[0] - 1] if place[0] <= len(lines) else ""
    if line[place[1] - 1 : place[1]] == "\t" or "\t" in line[: len(line) - len(line.lstrip())]:
        return NotYaml("tab in the indentation", place, "YAML is indented with spaces only")
    what = error.problem or "the text ends unexpectedly"
    if error.context and error.context_mark is not None and error.problem_mark is not None:
        opened = _place(error.context_mark)
        if opened != place:
            what += f", {error.context} that starts at line {opened[0]}"
    return NotYaml(f"not valid YAML: {what}", place)
