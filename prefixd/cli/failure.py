"""How a command ends when it does not end well: one sentence for a person, one code for a script.

0  done
1  the service refused it, or what was asked for is not well (degraded, broken chain, drift)
2  the words on the command line are wrong, or a local file cannot be used
3  the service cannot be reached, or says that it cannot serve now
4  not signed in, or not allowed
"""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    DENIED = 4


class Failure(Exception):
    """Ends the command. `hints` say what to do next, one line each."""

    def __init__(self, code: ExitCode, message: str, *hints: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hints = hints


def usage(message: str, *hints: str) -> Failure:
    return Failure(ExitCode.USAGE, message, *hints)


def refused(message: str, *hints: str) -> Failure:
    return Failure(ExitCode.REFUSED, message, *hints)


def unreachable(message: str, *hints: str) -> Failure:
    return Failure(ExitCode.UNREACHABLE, message, *hints)


def denied(message: str, *hints: str) -> Failure:
    return Failure(ExitCode.DENIED, message, *hints)


def unreadable(path: str, error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{path}: it is no text in UTF-8"
    return f"{path}: {(error.strerror or str(error)).lower()}"
