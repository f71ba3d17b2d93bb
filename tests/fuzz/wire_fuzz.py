"""Byte fuzzing of the whole codec: `python -m tests.fuzz.wire_fuzz --seconds 1200 --seed 1`.

Seeds are the golden messages and rules. Mutations work on octets and on structure: most keep the
message length right, many build UPDATEs from attributes with lying lengths, because random octets
alone die at the marker. Each input is decoded under one of several negotiated contexts, weighed,
written again, read again, and explained. One in two hundred has up to 65535 octets.

A finding is any exception but WireError (ValueError for text), a message that changes its meaning
when written and read again, an input that twice in a row costs more than 50 ms of processor time
for each 4096 octets, or more memory than the limit set at the start. Prints executions and
findings; the exit code is 1 when there was a finding.
"""

import argparse
import random
import resource
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from prefixd.bgp.wire.context import WireContext
from prefixd.bgp.wire.errors import WireError
from prefixd.bgp.wire.flowspec import decode_rule, encode_rule, split_bodies
from prefixd.bgp.wire.flowspec_action import decode_actions
from prefixd.bgp.wire.flowspec_canonical import canonical, order_key
from prefixd.bgp.wire.flowspec_text import format_rule, parse_rule
from prefixd.bgp.wire.header import cut_message
from prefixd.bgp.wire.iana import FAMILY_BY_NAME, IPV4_FLOWSPEC, IPV4_UNICAST, IPV6_UNICAST
from prefixd.bgp.wire.message import Message, decode_message, encode_message
from prefixd.bgp.wire.open import Open
from prefixd.bgp.wire.outcome import assess
from prefixd.bgp.wire.update import Update
from prefixd.dissect.command import layout
from prefixd.dissect.dissect import explain

GOLDEN = Path(__file__).parent.parent / "golden"
FAMILIES = frozenset(FAMILY_BY_NAME.values())
FLOWSPEC_FAMILIES = sorted(FAMILIES - {IPV4_UNICAST, IPV6_UNICAST})
SLOW_S = 0.05
MEMORY_LIMIT = 2 << 30
INTERESTING = (0, 1, 2, 4, 8, 14, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 129, 133, 239, 240, 255)
CONTEXTS = (
    WireContext(families=FAMILIES, external=True, peer_as=65001, enforce_first_as=True),
    WireContext(families=FAMILIES),
    WireContext(families=FAMILIES, four_octet_as=False, external=True),
    WireContext(families=FAMILIES, extended_messages=True, add_path=FAMILIES),
    WireContext(families=frozenset({IPV4_FLOWSPEC}), external=True),
    WireContext(families=frozenset({IPV4_UNICAST, IPV4_FLOWSPEC})),
)


def seeds(name: str, column: int) -> list[bytes]:
    lines = (GOLDEN / name).read_text().splitlines()
    cells = [line.split(" | ")[column] for line in lines if line and not line.startswith("#")]
    return [bytes.fromhex(cell.strip()) for cell in cells]


class Mutator:
    """Everything random comes out of one seed, so a finding can be made again."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.messages = seeds("bgp_messages.txt", 1)
        self.rules = seeds("flowspec_nlri.txt", 2)
        self.communities = seeds("flowspec_actions.txt", 1)

    def octets(self, octets: bytes) -> bytes:
        buffer = bytearray(octets)
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 8))):
            self._change(buffer)
        return bytes(buffer)

    def _change(self, buffer: bytearray) -> None:
        choose = self.random
        at = choose.randrange(len(buffer) + 1)
        match choose.randrange(8):
            case 0 if at < len(buffer):
                buffer[at] ^= 1 << choose.randrange(8)
            case 1 if at < len(buffer):
                buffer[at] = choose.choice(INTERESTING)
            case 2 if at < len(buffer):
                buffer[at] = (buffer[at] + choose.choice((-1, 1))) & 0xFF
            case 3:
                del buffer[at : at + choose.randrange(1, 9)]
            case 4:
                buffer[at:at] = choose.randbytes(choose.randrange(1, 9))
            case 5:
                del buffer[at:]
            case 6:
                other = choose.choice(self.messages)
                start = choose.randrange(len(other))
                buffer[at:] = other[start : start + choose.randrange(1, 64)]
            case _:
                start = choose.randrange(len(buffer) + 1)
                buffer[at:at] = buffer[start : start + choose.randrange(1, 40)]

    def attribute(self) -> bytes:
        choose = self.random
        code = choose.choice((*range(1, 19), 23, 25, 32, 35, 40, choose.randrange(256)))
        flags = choose.choice((0x40, 0x80, 0xC0, 0x50, 0x90, 0xD0, choose.randrange(256)))
        value = choose.randbytes(choose.choice((0, 1, 2, 3, 4, 6, 8, 12, 20, 40, 300)))
        if code in (14, 15) or choose.random() < 0.3:
            family = choose.choice(list(FAMILIES))
            hop = choose.choice((b"", bytes(4), bytes(16), bytes(32)))
            rules = [choose.choice(self.rules) for _ in range(choose.randrange(4))]
            rules = [self.octets(each) if choose.random() < 0.3 else each for each in rules]
            middle = bytes((len(hop),)) + hop + b"\0" if code == 14 else b""
            value = struct.pack("!HB", *family) + middle + b"".join(rules)
        elif code == 2 and choose.random() < 0.7:
            count = choose.randrange(5)
            value = bytes((choose.randrange(6), count)) + choose.randbytes(4 * count)
        elif code == 16 and choose.random() < 0.7:
            value = b"".join(choose.choice(self.communities) for _ in range(choose.randrange(4)))
        size = len(value) + choose.choice((0, 0, 0, 0, 0, 1, -1, 5))
        if flags & 0x10:
            return struct.pack("!BBH", flags, code, max(size, 0)) + value
        return bytes((flags, code, size & 0xFF)) + value

    def update(self) -> bytes:
        choose = self.random
        attributes = b"".join(self.attribute() for _ in range(choose.randrange(6)))
        prefixes = [
            bytes((8 * size,)) + choose.randbytes(size)
            for size in choose.choices(range(5), k=choose.choice((0, 0, 1, 3)))
        ]
        withdrawn = b"".join(prefixes) if choose.random() < 0.3 else b""
        if choose.random() < 0.01:
            prefixes *= 2000
            attributes += struct.pack("!BBHHBB", 0x90, 14, 5 + 10 * 1000, 1, 133, 0) + b"\0"
            attributes += choose.choice([each for each in self.rules if len(each) == 10]) * 1000
        lie = choose.choice((0, 0, 0, 0, 0, 1, -1))
        return b"".join(
            (
                struct.pack("!H", len(withdrawn)),
                withdrawn,
                struct.pack("!H", (len(attributes) + lie) & 0xFFFF),
                attributes,
                b"".join(prefixes),
            )
        )

    def message(self) -> bytes:
        choose = self.random
        if choose.random() < 0.45:
            kind, body = 2, self.update()
        else:
            seed = choose.choice(self.messages)
            if choose.random() < 0.15:
                return self.octets(seed)
            kind, body = seed[18], self.octets(seed[19:])
            if choose.random() < 0.01:
                body *= choose.randrange(1, 200)
        return b"\xff" * 16 + struct.pack("!HB", (19 + len(body)) & 0xFFFF, kind) + body


def without_faults(message: Message) -> Message:
    return replace(message, faults=()) if isinstance(message, Open | Update) else message


def check_message(octets: bytes, context: WireContext) -> str:
    """One execution; returns a word for the statistics."""
    explanation = explain(octets, context)
    "\n".join(layout(explanation))
    buffer = bytearray(octets)
    try:
        cut = cut_message(buffer, context)
        if cut is None:
            return "incomplete"
        message = decode_message(cut, context)
    except WireError as error:
        failure = error
    else:
        return check_value(message, octets, context)
    assert explanation.fatal
    assert 0 <= failure.offset <= len(octets), f"offset {failure.offset}"
    assert failure.field in str(failure)
    return f"error {failure.code}/{failure.subcode}"


def check_value(message: Message, octets: bytes, context: WireContext) -> str:
    if isinstance(message, Update):
        for fault in assess(message, context).faults:
            assert 0 <= fault.offset <= len(octets), f"offset {fault.offset}"
            assert fault.field in str(fault)
    again = decode_message(encode_message(message, context), context)
    assert without_faults(again) == without_faults(message), "changed by writing and reading"
    return type(message).__name__


def check_rule(octets: bytes, context: WireContext) -> str:
    for family in FLOWSPEC_FAMILIES:
        try:
            bodies = split_bodies(octets)
        except WireError:
            return "rule framing"
        for _, body in bodies:
            try:
                rule = decode_rule(body, family)
            except WireError:
                continue
            assert decode_rule(encode_rule(rule), family) == rule
            assert parse_rule(format_rule(rule)) == rule
            try:
                once = canonical(rule)
            except WireError:
                continue  # matches nothing: has no canonical form
            assert canonical(once) == once
            order_key(once)
    return "rule"


def check_text(octets: bytes, context: WireContext) -> str:
    try:
        parse_rule(octets.decode("utf-8", errors="replace"))
    except (ValueError, WireError):
        return "text refused"
    return "text"


def check_actions(octets: bytes, context: WireContext) -> str:
    eights = tuple(octets[at : at + 8] for at in range(0, len(octets) - 7, 8))
    twenties = tuple(octets[at : at + 20] for at in range(0, len(octets) - 19, 20))
    decode_actions(eights, twenties)
    return "actions"


Check = Callable[[bytes, WireContext], str]


def choose_input(mutator: Mutator) -> tuple[Check, bytes]:
    lot = mutator.random.random()
    if lot < 0.75:
        return check_message, mutator.message()
    if lot < 0.92:
        return check_rule, mutator.octets(mutator.random.choice(mutator.rules))
    if lot < 0.96:
        return check_actions, mutator.octets(mutator.random.choice(mutator.communities) * 3)
    [(_, body)] = split_bodies(mutator.random.choice(mutator.rules[:20]))
    return check_text, mutator.octets(format_rule(decode_rule(body, IPV4_FLOWSPEC)).encode())


def execute(check: Check, octets: bytes, context: WireContext) -> tuple[str, str | None]:
    """The word, and what was found, if anything."""
    word = "finding"
    allowed_s = SLOW_S * max(1, len(octets) / 4096)
    for _ in range(2):
        started = time.process_time()
        try:
            word = check(octets, context)
        except Exception:  # noqa: BLE001  finding every other exception is the point
            return word, traceback.format_exc()
        if time.process_time() - started < allowed_s:
            return word, None
    return word, f"slow: more than {allowed_s} s of processor time, twice"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the BGP codec.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    mutator = Mutator(options.seed)
    words: Counter[str] = Counter()
    findings = executions = 0
    deadline = time.monotonic() + options.seconds
    while time.monotonic() < deadline:
        for _ in range(200):
            check, octets = choose_input(mutator)
            context = mutator.random.choice(CONTEXTS)
            word, found = execute(check, octets, context)
            executions += 1
            words[word] += 1
            if found is not None:
                findings += 1
                say(f"FINDING {check.__name__} {octets.hex()} context {context}\n{found}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    say(f"seed {options.seed}: {executions} executions, {findings} findings, peak {peak} MiB")
    for word, count in words.most_common():
        say(f"{count:10} {word}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
