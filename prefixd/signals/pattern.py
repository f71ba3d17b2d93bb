"""Regular expressions for adapters: RE2, with the bounds an adapter needs.

Patterns come from configuration (or, in a JSONPath filter, from the payload itself), the text they
meet comes from strangers. RE2 needs time linear in the length of the text, whatever the pattern; a
backtracking engine can be made to run for minutes. What is added here: a limit for both lengths and
for the memory of a pattern, an error that says where the pattern is wrong, and the `.` of RFC 9485,
which matches neither a line feed nor a carriage return.

Patterns are at most 128 characters, texts at most 512; a longer text matches nothing.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import re2

PATTERN_MAX: Final = 128
TEXT_MAX: Final = 512
MEMORY_MAX: Final = 1 << 20
_DOT: Final = r"[^\n\r]"

# An escape, a class or a dot. `\C` matches one byte, which may be a part of a character.
_TOKEN: Final = re.compile(
    r"\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\\\]])*\]|\.", re.DOTALL
)


class PatternError(ValueError):
    """The pattern cannot be used; the text says why and where."""


@dataclass(frozen=True, slots=True)
class Pattern:
    compiled: re2._Regexp  # pyright: ignore[reportPrivateUsage] -- the only name the type has

    @property
    def groups(self) -> int:
        return self.compiled.groups

    def search(self, text: str) -> tuple[str | None, ...] | None:
        """The first match anywhere: the whole match, then each group; None when there is none."""
        found = self.compiled.search(text) if _is_usable(text) else None
        return None if found is None else (found.group(), *found.groups())

    def fullmatch(self, text: str) -> bool:
        return _is_usable(text) and self.compiled.fullmatch(text) is not None


# RE2 keeps as many: a filter compiles its pattern for each element that it judges.
@lru_cache(maxsize=128)
def compile_pattern(text: str) -> Pattern:
    """Raises `PatternError` with a reason an operator can act on."""
    if len(text) > PATTERN_MAX:
        raise PatternError(f"longer than {PATTERN_MAX} characters")
    for token in _TOKEN.finditer(text):
        if token[0] == r"\C":
            raise PatternError(rf"\C is not supported at character {token.start() + 1}")
    options = re2.Options()
    options.log_errors = False  # RE2 would write to standard error
    options.max_mem = MEMORY_MAX
    try:
        return Pattern(re2.compile(_TOKEN.sub(_without_line_ends, text), options))
    except re2.error as error:
        raise PatternError(_reason(error, text)) from None
    except UnicodeEncodeError as error:
        raise PatternError(f"invalid character at character {error.start + 1}") from None


def _without_line_ends(token: re.Match[str]) -> str:
    return _DOT if token[0] == "." else token[0]


def _reason(error: re2.error, text: str) -> str:
    """RE2 names the reason and the fragment; the place is where the fragment is found."""
    given = error.args[0]
    message = given.decode() if isinstance(given, bytes) else str(given)
    reason, _, fragment = message.replace(_DOT, ".").partition(": ")
    if not fragment:
        return f"{reason} at character {len(text)}"
    return f"{reason} at character {text.find(fragment) + 1}: {fragment}"


def _is_usable(text: str) -> bool:
    if len(text) > TEXT_MAX:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as JSON may hold it
        return False
    return True
