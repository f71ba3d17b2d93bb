"""Every action in words."""

import pytest

from prefixd.bgp.wire.flowspec_action import Accept, decode_actions
from prefixd.dissect.meaning import format_action


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        ("8006fde900000000", "discard"),
        ("8006000047f42400", "limit 1000000 bit/s"),
        ("800600004e9502f9", "limit 10000000000 bit/s"),
        ("800c0000447a0000", "limit 1000 packets/s"),
        ("8007000000000002", "sample"),
        ("8007000000000003", "sample, continue matching"),
        ("8007000000000000", "no sample, stop matching"),
        ("8008fde900000064", "redirect to 65001:100"),
        ("8108c00002010064", "redirect to 192.0.2.1:100"),
        ("8208000100010064", "redirect to 65537:100"),
        ("800900000000002e", "mark DSCP 46"),
        ("010cc00002010000", "redirect to 192.0.2.1"),
        ("010cc00002010001", "copy to 192.0.2.1"),
        ("0800000000000000", "redirect to the next hop"),
        ("07020000fde94001", "only interface group 1 of AS 65001, in"),
        ("47020000fde9c001", "only interface group 1 of AS 65001, in and out, not transitive"),
        ("07020000fde90001", "only interface group 1 of AS 65001, neither direction"),
        ("000c20010db80000000000000000000000010000", "redirect to 2001:db8::1"),
        ("000d20010db80000000000000000000000010064", "redirect to 2001:db8::1:100"),
    ],
)
def test_words(octets: str, words: str) -> None:
    raw = bytes.fromhex(octets)
    [action] = decode_actions(*(((raw,), ()) if len(raw) == 8 else ((), (raw,)))).actions
    assert format_action(action) == words


def test_accept() -> None:
    assert format_action(Accept()) == "accept"
