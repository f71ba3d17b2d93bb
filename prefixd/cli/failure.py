"""How a command ends without success: one sentence for a person, one exit code for a script."""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    REFUSED = 1
    """By the service, or the state that was asked for is bad: degraded, broken chain, drift."""
    USAGE = 2
    """The command line, or a local file that cannot be used."""
    UNREACHABLE = 3
    """The service, or it answers that it cannot serve now."""
    DENIED = 4
    """Not signed in, or not permitted."""


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
