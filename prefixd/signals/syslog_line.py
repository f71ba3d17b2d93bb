"""RFC 5424 syslog lines, with a real parser for structured data.

Only the header and the structured data are read; free text is nobody's evidence. Values are
unescaped as RFC 5424 6.3.3 says (`\\"`, `\\\\`, `\\]`), so a `]` inside a value does not end it.
Anything that is not such a line is a `Problem`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prefixd.domain.problem import Problem
from prefixd.signals.coerce import time_us

LINE_MAX: Final = 64 * 1024
PRI_MAX: Final = 191

_HEADER: Final = re.compile(
    r"<(\d{1,3})>1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
)
_NAME: Final = re.compile(r"[!#-<>-\\^-~]{1,32}")
ABSENT: Final = ("", "None", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogLine:
    at_us: int | None
    hostname: str
    app: str
    msgid: str
    data: Mapping[str, Mapping[str, str]]


def parse_syslog(text: str) -> SyslogLine | Problem:
    if len(text) > LINE_MAX:
        return Problem("", f"longer than {LINE_MAX} characters", "too_long")
    header = _HEADER.match(text)
    if header is None or int(header[1]) > PRI_MAX:
        return Problem("", "is not an RFC 5424 line", "bad_syslog")
    data = parse_structured_data(text[header.end() :])
    if isinstance(data, Problem):
        return data
    return SyslogLine(
        at_us=time_us(header[2]), hostname=header[3], app=header[4], msgid=header[6], data=data
    )


def parse_structured_data(text: str) -> Mapping[str, Mapping[str, str]] | Problem:
    """The elements by id. Of a name given twice the first counts. What follows is not looked at."""
    if text == "-" or text.startswith("- "):
        return {}
    found: dict[str, Mapping[str, str]] = {}
    at = 0
    while text[at : at + 1] == "[":
        identity = _NAME.match(text, at + 1)
        if identity is None:
            return Problem("", "a structured data element has no id", "bad_syslog")
        parameters: dict[str, str] = {}
        end = _parameters(text, identity.end(), parameters)
        if end is None:
            return Problem("", "structured data is broken", "bad_syslog")
        found.setdefault(identity[0], parameters)
        at = end
    if not found or text[at : at + 1] not in ("", " "):
        return Problem("", "structured data is broken", "bad_syslog")
    return found


def _parameters(text: str, at: int, out: dict[str, str]) -> int | None:
    """Read ` name="value"` until the closing bracket; the place after it, or None."""
    while True:
        if text[at : at + 1] == "]":
            return at + 1
        name = _NAME.match(text, at + 1) if text[at : at + 1] == " " else None
        if name is None or text[name.end() : name.end() + 2] != '="':
            return None
        at = name.end() + 2
        value: list[str] = []
        while text[at : at + 1] != '"':
            if at >= len(text) or text[at] == "]":
                return None
            # A backslash before anything else stands for itself (RFC 5424 6.3.3).
            if text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\", "]"):
                at += 1
            value.append(text[at])
            at += 1
        at += 1
        out.setdefault(name[0], "".join(value))
