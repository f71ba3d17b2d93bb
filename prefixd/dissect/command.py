"""`python -m prefixd.dissect HEX`: any BGP message, field by field, with offsets.

For support cases: paste the octets of a capture, of a log line or of `prefixdctl bgp errors`, and
read what the daemon reads in them. White space, colons and `0x` are ignored, `-` reads standard
input, and several messages in a row are taken one after the other. The exit code is 1 when a
message would have ended the session.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence

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


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m prefixd.dissect",
        description="Explain BGP messages field by field.",
    )
    parser.add_argument("hex", nargs="+", help="octets of whole messages, or - for standard input")
    parser.add_argument("--two-octet-as", action="store_true", help="peer without RFC 6793")
    parser.add_argument("--extended-messages", action="store_true", help="RFC 8654 negotiated")
    parser.add_argument("--internal", action="store_true", help="iBGP: LOCAL_PREF is expected")
    parser.add_argument(
        "--add-path",
        action="append",
        default=[],
        choices=sorted(FAMILY_BY_NAME),
        metavar="FAMILY",
        help="RFC 7911: path identifiers before each NLRI of this family",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _arguments(arguments)
    context = WireContext(
        four_octet_as=not options.two_octet_as,
        extended_messages=options.extended_messages,
        families=frozenset(FAMILY_BY_NAME.values()),
        add_path=frozenset(FAMILY_BY_NAME[name] for name in options.add_path),
        external=not options.internal,
    )
    text = sys.stdin.read() if options.hex == ["-"] else " ".join(options.hex)
    try:
        octets = parse_hex(text)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    status = 0
    for index, message in enumerate(split_messages(octets, context)):
        explanation = explain(message, context)
        sys.stdout.write("\n" if index else "")
        sys.stdout.writelines(f"{line}\n" for line in layout(explanation))
        status |= explanation.fatal
    return status
