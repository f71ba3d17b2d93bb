"""`prefixd dissect HEX`: any BGP message, field by field, with offsets; or a recorded session.

For support cases: paste the octets of a capture or of a log line, and read what the daemon reads in
them. White space, colons and `0x` are ignored, `-` reads standard input, and several messages may
follow each other. The exit code is 1 when a message would have ended the session.

With `--session FILE` it prints what a journal of `record_dir` holds, line by line.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from prefixd.bgp.session.recorder import transcript
from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.header import message_length
from prefixd.bgp.wire.iana import FAMILY_BY_NAME
from prefixd.dissect.dissect import Explanation, explain, field_words
from prefixd.dissect.trace import Field

_OCTETS_A_LINE = 8
_NOISE = re.compile(r"0x|[\s:,]")


def parse_hex(text: str) -> bytes:
    """ValueError when something other than hexadecimal digits is left."""
    digits = _NOISE.sub("", text.lower())
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise ValueError("not an even number of hexadecimal digits") from None


def split_messages(octets: bytes, context: WireContext) -> Iterator[bytes]:
    """Whole messages; what no header can be believed of comes last, in one piece."""
    start = 0
    while start < len(octets):
        try:
            length = message_length(octets, start, context)
        except WireError:
            length = None
        end = len(octets) if length is None else start + length
        yield octets[start:end]
        start = end


def layout(explanation: Explanation) -> Iterator[str]:
    """Lines of offset, octets, name and meaning; long fields go on below themselves."""
    for field in explanation.fields:
        yield from _layout_field(field)
    yield from (f"=> {line}" for line in explanation.conclusion)


def _layout_field(field: Field) -> Iterator[str]:
    label = f"{'  ' * field.depth}{field.name}"
    words = field_words(field)
    for at in range(0, len(field.octets), _OCTETS_A_LINE):
        octets = field.octets[at : at + _OCTETS_A_LINE].hex(" ")
        line = f"{field.offset + at:5}  {octets:<24} {label if at == 0 else '':<32} "
        yield (line + (words if at == 0 else "")).rstrip()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "hex", nargs="*", metavar="HEX", help="octets of whole messages, or - for standard input"
    )
    parser.add_argument(
        "--session", type=Path, metavar="FILE", help="print a journal that `record_dir` kept"
    )
    parser.add_argument(
        "--two-octet-as", action="store_true", help="without four-octet AS numbers (RFC 6793)"
    )
    parser.add_argument(
        "--extended-messages", action="store_true", help="messages up to 65535 octets (RFC 8654)"
    )
    parser.add_argument("--internal", action="store_true", help="iBGP: LOCAL_PREF is expected")
    parser.add_argument(
        "--add-path",
        action="append",
        default=[],
        choices=sorted(FAMILY_BY_NAME),
        metavar="FAMILY",
        help="RFC 7911: path identifiers before each NLRI of this family",
    )


def dissect(words: argparse.Namespace) -> int:
    """0: every message is fine. 1: one would have ended the session. 2: usage error."""
    try:
        if words.session is not None:
            return _print_session(words.session)
        text = sys.stdin.read() if words.hex == ["-"] else " ".join(words.hex)
        octets = parse_hex(text)
        if not octets:
            raise ValueError("nothing to explain: give octets, - or --session FILE")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"prefixd dissect: {error}\n")
        return 2
    context = WireContext(
        four_octet_as=not words.two_octet_as,
        extended_messages=words.extended_messages,
        families=frozenset(FAMILY_BY_NAME.values()),
        add_path=frozenset(FAMILY_BY_NAME[name] for name in words.add_path),
        external=not words.internal,
    )
    status = 0
    for index, message in enumerate(split_messages(octets, context)):
        explanation = explain(message, context)
        sys.stdout.write("\n" if index else "")
        sys.stdout.writelines(f"{line}\n" for line in layout(explanation))
        status |= explanation.fatal
    return status


def _print_session(path: Path) -> int:
    lines = path.read_text(encoding="ascii").splitlines()
    try:
        shown = transcript(lines) if lines else []
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not the journal of a session") from error
    sys.stdout.writelines(f"{line}\n" for line in shown)
    return 0
