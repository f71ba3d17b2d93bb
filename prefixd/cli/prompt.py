"""Questions to whoever sits at the keyboard. Without a terminal there is nobody, and no yes."""

import getpass
from typing import TextIO

from prefixd.cli.failure import refused, usage


class Prompt:
    def __init__(self, stdin: TextIO, err: TextIO) -> None:
        self._stdin = stdin
        self._err = err

    @property
    def somebody(self) -> bool:
        return self._stdin.isatty()

    def password(self, question: str, *, twice: bool = False) -> str:
        if not self.somebody:
            raise usage("there is no terminal to ask for a password", "use --password-stdin")
        first = getpass.getpass(f"{question}: ")
        if twice and getpass.getpass(f"{question} again: ") != first:
            raise usage("the two passwords differ")
        return first

    def piped_password(self) -> str:
        text = self._stdin.readline().rstrip("\r\n")
        if not text:
            raise usage("no password on standard input")
        return text

    def line(self, question: str) -> str:
        if not self.somebody:
            raise usage(f"there is no terminal to ask: {question.strip(' :').lower()}")
        self._err.write(question)
        self._err.flush()
        return self._stdin.readline().strip()

    def insist(self, question: str, expected: str, flag: str) -> None:
        """Goes on only when exactly `expected` was typed."""
        if not self.somebody:
            raise usage("this must be confirmed and there is no terminal to ask", f"give {flag}")
        if self.line(f"{question}\nType {expected!r} to go on: ") != expected:
            raise refused("not confirmed; nothing was changed")
