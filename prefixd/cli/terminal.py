"""The terminal: how wide the screen is, whether it may be coloured, and questions at the keyboard.

Text from the service can come from anyone (a detector's details, an attacker's host name).
Characters that could move the cursor, recolor or reorder it are made visible.
"""

import getpass
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from prefixd.cli.failure import refused, usage

# C0 and C1 controls, and the marks that turn the reading direction.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SGR = {"red": "31", "green": "32", "yellow": "33", "blue": "36", "dim": "2", "bold": "1"}


@dataclass(frozen=True, slots=True)
class Screen:
    """`width` None: not a terminal, lines may have any length."""

    width: int | None
    colour: bool
    interactive: bool

    def paint(self, text: str, colour: str | None) -> str:
        if not self.colour or colour is None:
            return text
        return f"\x1b[{_SGR[colour]}m{text}\x1b[0m"


def screen_of(stream: TextIO, environ: Mapping[str, str], *, plain: bool = False) -> Screen:
    if not stream.isatty():
        return Screen(width=None, colour=False, interactive=False)
    width = shutil.get_terminal_size((80, 24)).columns
    dumb = environ.get("TERM", "") in {"", "dumb"}
    colour = not plain and not dumb and not environ.get("NO_COLOR")
    return Screen(width=width, colour=colour, interactive=True)


def visible(text: str) -> str:
    """The text on one line, without control characters for a terminal."""
    return _UNSAFE.sub(_spelled, text)


def visible_json(text: str) -> str:
    """JSON text made safe for a terminal; its value is the same."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def visible_lines(text: str) -> str:
    return "\n".join(visible(line.replace("\t", "    ")) for line in text.split("\n"))


def drop_output() -> None:
    """The output cannot be written; the interpreter must not complain while it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _spelled(found: re.Match[str]) -> str:
    sign = found.group()
    if sign in "\n\r\t":
        return " "
    return f"\\x{ord(sign):02x}" if ord(sign) < 0x100 else f"\\u{ord(sign):04x}"


class Prompt:
    """Questions to the operator. Without a terminal nothing is asked, and nothing confirmed."""

    def __init__(self, stdin: TextIO, err: TextIO) -> None:
        self._stdin = stdin
        self._err = err

    @property
    def interactive(self) -> bool:
        return self._stdin.isatty()

    def password(self, question: str, *, twice: bool = False) -> str:
        if not self.interactive:
            raise usage("no terminal to ask for a password", "use --password-stdin")
        try:
            first = getpass.getpass(f"{question}: ")
            if twice and getpass.getpass(f"{question} again: ") != first:
                raise usage("the two passwords differ")
        except EOFError as error:
            raise usage("no password given") from error
        return first

    def piped_password(self) -> str:
        text = self._stdin.readline().rstrip("\r\n")
        if not text:
            raise usage("no password on standard input")
        return text

    def line(self, question: str) -> str:
        if not self.interactive:
            raise usage(f"no terminal to ask: {question.strip(' :').lower()}")
        self._err.write(question)
        self._err.flush()
        return self._stdin.readline().strip()

    def insist(self, question: str, expected: str, flag: str) -> None:
        """Goes on only when exactly `expected` was typed."""
        if not self.interactive:
            raise usage("confirmation needed, and no terminal to ask", f"give {flag}")
        if self.line(f"{question}\nType {expected!r} to go on: ") != expected:
            raise refused("not confirmed; nothing was changed")
