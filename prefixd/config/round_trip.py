"""A changed tree back into its file: comments, order and spelling of everything else survive.

The file is loaded with ruamel.yaml, which keeps what a plain tree loses. Only nodes whose value
changes are touched, and the result must read back as the wanted tree. Where that cannot be had
(aliases, a file that ruamel reads differently) the tree is written as new text.
"""

import io
import re
from difflib import SequenceMatcher
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, ScalarString

from prefixd.config.yaml_tree import NotYaml, Tree, parse_yaml, resolve

NEVER_FOLDED: Final = 1 << 20
_PLAIN: Final = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_ ./@+*%-]*[A-Za-z0-9_./@+*%-])?")
_SECTION: Final = r"^( *)[\w-]+:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*"
_NESTED_KEY: Final = re.compile(_SECTION + r"( *)[\w-]+:", re.MULTILINE)
_NESTED_ENTRY: Final = re.compile(_SECTION + r"( *)-( +)\S", re.MULTILINE)
_WORD: Final = re.compile(r"\S+")
_BEFORE_START: Final = re.compile(r"(?:[ \t]*(?:#.*)?\n)*---[ \t]*(?:#.*)?\n")
"""Comments before `---`, which ruamel drops."""
YAML_1_1_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})


def rewritten(text: str, tree: Tree) -> str:
    """`text` with the content of `tree`."""
    try:
        changed = _merged_text(text, tree)
    except (YAMLError, NotYaml, ValueError):
        changed = ""
    return changed if changed and _reads_as(changed, tree) else emitted(tree)


def emitted(tree: Tree) -> str:
    """A new file with this content."""
    text = _dumped(YAML(), _fresh(tree))
    # Only a text that reads back as the wanted tree is written.
    assert parse_yaml(text)[0] == tree
    return text


def _merged_text(text: str, tree: Tree) -> str:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.indent(**_indents(text))
    start = _BEFORE_START.match(text)
    head = "" if start is None else start.group()
    node = yaml.load(text.removeprefix(head))
    if node is None:
        return ""
    unchanged = head + _dumped(yaml, node)
    changed = head + _dumped(yaml, _merged(node, parse_yaml(text)[0], tree))
    respaced = _respaced(text, unchanged, changed)
    return respaced if _reads_as(respaced, tree) else changed


def _reads_as(text: str, tree: Tree) -> bool:
    try:
        return parse_yaml(text)[0] == tree
    except NotYaml:
        return False


def _respaced(text: str, unchanged: str, changed: str) -> str:
    """`changed` with the lines of the file, where ruamel indents or spells in its own way."""
    own, base, new = (every.splitlines(keepends=True) for every in (text, unchanged, changed))
    if len(own) != len(base):
        return changed
    lines: list[str] = []
    for tag, low, high, new_low, new_high in SequenceMatcher(None, base, new, False).get_opcodes():
        if tag == "equal":
            lines += own[low:high]
        elif high - low == new_high - new_low:
            lines += map(_spaced_like, own[low:high], new[new_low:new_high])
        else:
            lines += new[new_low:new_high]
    return "".join(lines)


def _spaced_like(own: str, new: str) -> str:
    words = new.split()
    if len(words) != len(own.split()):
        return new
    spaces = _WORD.split(own)
    return "".join(space + word for space, word in zip(spaces, words, strict=False)) + spaces[-1]


def _indents(text: str) -> dict[str, int]:
    """How far the file indents: keys below a key, entries below a key, keys behind a dash."""
    nested, listed = _NESTED_KEY.search(text), _NESTED_ENTRY.search(text)
    mapping = len(nested[2]) - len(nested[1]) if nested else 2
    offset = max(len(listed[2]) - len(listed[1]), 0) if listed else 2
    return {
        "mapping": mapping if mapping > 0 else 2,
        "offset": offset,
        "sequence": offset + (len(listed[3]) + 1 if listed else 2),
    }


def _dumped(yaml: YAML, node: Any) -> str:
    yaml.width = NEVER_FOLDED
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    stream = io.StringIO()
    yaml.dump(node, stream)
    return stream.getvalue()


def _merged(node: Any, old: Tree, new: Tree) -> Any:
    """The node for `new`, which is the old one as far as it can be kept."""
    if _same(old, new):
        return node
    if isinstance(node, CommentedMap) and isinstance(old, dict) and isinstance(new, dict):
        _merge_map(node, old, new)
        return node
    if isinstance(node, CommentedSeq) and isinstance(old, list) and isinstance(new, list):
        _merge_list(node, old, new)
        return node
    if isinstance(node, ScalarString) and isinstance(new, str) and "\n" not in new:
        return type(node)(new)  # quoted as before
    return _fresh(new)


def _same(old: Tree, new: Tree) -> bool:
    """Equal, and not only as 1 equals True."""
    return old == new and repr(old) == repr(new)


def _merge_map(node: CommentedMap, old: dict[str, Tree], new: dict[str, Tree]) -> None:
    for name in [name for name in node if name not in new]:
        del node[name]
    for index, (name, value) in enumerate(new.items()):
        if name in node:
            node[name] = _merged(node[name], old[name], value)
        else:
            # Comments before the next section hang on the last key: it stays the last.
            node.insert(min(index, max(len(node) - 1, 0)), name, _fresh(value))


def _merge_list(node: CommentedSeq, old: list[Tree], new: list[Tree]) -> None:
    (by, order), (new_by, wanted) = _marks(old), _marks(new)
    if by != new_by:
        order, wanted = list(range(len(old))), list(range(len(new)))
    for index, mark in enumerate(wanted[: len(order)]):
        if mark not in order and order[index] not in wanted:
            order[index] = mark  # it has another name now
    values: list[Any] = list(old)
    for index in reversed(range(len(order))):
        if order[index] not in wanted:
            del node[index], values[index], order[index]
    for index, (mark, value) in enumerate(zip(wanted, new, strict=True)):
        if mark not in order:
            node.insert(index, _fresh(value))
            values.insert(index, value)
            order.insert(index, mark)
            continue
        found = order.index(mark)
        for moved in (node, values, order):
            if found != index:
                moved.insert(index, moved.pop(found))
        node[index] = _merged(node[index], values[index], value)


def _marks(entries: list[Tree]) -> tuple[str, list[Any]]:
    """What tells the entries of a list apart, and how: by id, by name, by value or by place."""
    for name in ("id", "name"):
        marks = [entry.get(name) if isinstance(entry, dict) else None for entry in entries]
        if all(isinstance(mark, str) for mark in marks) and len(set(marks)) == len(marks):
            return name, marks
    values = [repr(entry) for entry in entries]
    if not any(isinstance(entry, dict | list) for entry in entries) and len(set(values)) == len(
        values
    ):
        return "value", [*values]
    return "place", list(range(len(entries)))


def _fresh(tree: Tree) -> Any:
    """A new node: sections in lines of their own, lists of plain values in one line."""
    if isinstance(tree, dict):
        return CommentedMap((_fresh(name), _fresh(value)) for name, value in tree.items())
    if isinstance(tree, list):
        node = CommentedSeq([_fresh(entry) for entry in tree])
        if not any(isinstance(entry, dict | list) for entry in tree):
            node.fa.set_flow_style()
        return node
    if isinstance(tree, str) and not _is_plain(tree):
        return DoubleQuotedScalarString(tree)
    return tree


def _is_plain(text: str) -> bool:
    """Whether no reader, ours or one of YAML 1.1, takes it for anything but this text."""
    spells_a_value = not isinstance(resolve(text), str) or text.lower() in YAML_1_1_WORDS
    return not spells_a_value and _PLAIN.fullmatch(text) is not None
