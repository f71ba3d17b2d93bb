"""What the codec costs; `make bench` runs it.

Every figure comes twice: as operations per second, which says something about this machine today,
and as a ratio to a fixed loop of plain Python timed in the same run, which survives a change of
machine. `ratio` is (time of one operation) / (time of one turn of the loop).
"""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from prefixd.bgp.wire.flowspec import (
    FlowSpecRule,
    decode_rule,
    encode_nlri,
    encode_rule,
    split_bodies,
)
from prefixd.bgp.wire.flowspec_action import Discard, RateLimit, encode_actions
from prefixd.bgp.wire.flowspec_match import Kind, numeric_match, prefix_match
from prefixd.bgp.wire.iana import IPV4_FLOWSPEC
from prefixd.bgp.wire.packing import pack_announcements
from prefixd.bgp.wire.prefix import AFI_IPV4, Prefix

ATTRIBUTES = bytes.fromhex("4001010040020602010000fde9c010088006fde900000000")
TURNS = 200_000


def reference_loop() -> float:
    """Seconds one turn of the yardstick takes: an index, a shift, a compare, a store."""
    table = bytearray(256)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        value = 1
        for turn in range(TURNS):
            value = (value * 5 + turn) & 0xFFFF
            if table[value & 0xFF] != value >> 8:
                table[value & 0xFF] = value >> 8
        best = min(best, (time.perf_counter() - start) / TURNS)
    return best


@pytest.fixture
def measure(benchmark: Any) -> Callable[[Callable[[], Any], int], Any]:
    def run(work: Callable[[], Any], operations: int) -> Any:
        yardstick = reference_loop()
        result = benchmark.pedantic(work, rounds=7, warmup_rounds=1)
        each = benchmark.stats.stats.min / operations
        benchmark.extra_info["ops_per_second"] = round(1 / each)
        benchmark.extra_info["ratio"] = round(each / yardstick, 2)
        print(
            f"\n  {benchmark.name}: {1 / each:,.0f} operations/s,"
            f" {each * 1e6:.2f} us, ratio {each / yardstick:.1f}"
        )
        return result

    return run


def parameters(count: int) -> list[tuple[bytes, int]]:
    chance = random.Random(7)
    return [
        ((0xC6120000 + index).to_bytes(4, "big"), chance.randint(1, 65535))
        for index in range(count)
    ]


PROTOCOL_UDP = numeric_match(Kind.PROTOCOL, [(17, 17)])


def new_rule(address: bytes, port: int) -> FlowSpecRule:
    return FlowSpecRule(
        IPV4_FLOWSPEC,
        (
            prefix_match(Kind.DST_PREFIX, Prefix(AFI_IPV4, 32, address)),
            PROTOCOL_UDP,
            numeric_match(Kind.DST_PORT, ((port, port),)),
        ),
    )


def new_nlri(count: int) -> list[bytes]:
    return [encode_nlri(encode_rule(new_rule(*each))) for each in parameters(count)]


def test_encode_a_new_rule_with_its_action(measure: Any) -> None:
    """dst/32, protocol, one port, rate limit: values, octets, communities."""
    wanted = parameters(20_000)

    def work() -> int:
        total = 0
        for address, port in wanted:
            total += len(encode_nlri(encode_rule(new_rule(address, port))))
        encode_actions([RateLimit(1e9)])  # one action serves them all
        return total

    assert measure(work, len(wanted)) > len(wanted) * 13


def test_encode_one_action(measure: Any) -> None:
    def work() -> None:
        for rate in range(1, 2001):
            encode_actions([RateLimit(rate * 1e6)])

    measure(work, 2000)


def test_decode_a_rule_with_full_validation(measure: Any) -> None:
    octets = b"".join(new_nlri(20_000))

    def work() -> int:
        return len([decode_rule(body, IPV4_FLOWSPEC) for _, body in split_bodies(octets)])

    assert measure(work, 20_000) == 20_000


def test_pack_10000_rules_with_one_action(measure: Any) -> None:
    nlri = new_nlri(10_000)

    def work() -> list[bytes]:
        return pack_announcements(nlri, family=IPV4_FLOWSPEC, attributes=ATTRIBUTES)

    assert len(measure(work, 10_000)) <= 43


def test_pack_10000_rules_with_50_actions(measure: Any) -> None:
    nlri = new_nlri(10_000)
    [discard], _ = encode_actions([Discard()])
    sets = [
        ATTRIBUTES[:-8] + encode_actions([RateLimit(1e6 * n)])[0][0] if n else discard
        for n in range(50)
    ]
    shares = [nlri[index::50] for index in range(50)]

    def work() -> int:
        return sum(
            len(pack_announcements(share, family=IPV4_FLOWSPEC, attributes=attributes))
            for share, attributes in zip(shares, sets, strict=True)
        )

    assert measure(work, 10_000) <= 50


def test_pack_100000_prepared_rules(measure: Any) -> None:
    prepared = [bytes((16,)) + index.to_bytes(16, "big") for index in range(100_000)]

    def work() -> int:
        return len(pack_announcements(prepared, family=IPV4_FLOWSPEC, attributes=ATTRIBUTES))

    assert measure(work, 100_000) <= 430
