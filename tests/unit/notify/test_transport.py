"""Which addresses we refuse to connect to, whatever a name resolves to."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from prefixd.domain.prefix import Prefix
from prefixd.notify.answer import Unreachable
from prefixd.notify.message import json_request
from prefixd.notify.transport import AddressRefused, CheckedResolver, HttpSender, address_problem
from tests.kit.builders import a_prefix


class Names(AbstractResolver):
    """A name service that a test controls; each look-up gives the next answer."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=text, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for text in found
        ]

    async def close(self) -> None:
        pass


PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "192.0.0.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "224.0.0.1",
    "::1", "::", "fd00::1", "fe80::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1", "fe80::1%eth0", "nonsense",
]  # fmt: skip


@pytest.mark.parametrize("text", PRIVATE)
def test_what_is_not_public_is_refused(text: str) -> None:
    assert address_problem(text, ()) is not None


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111"])
def test_what_is_public_is_not(text: str) -> None:
    assert address_problem(text, ()) is None


def test_a_private_network_can_be_allowed_but_never_the_clouds_credentials() -> None:
    allowed: tuple[Prefix, ...] = (a_prefix("10.20.0.0/16"), a_prefix("169.254.0.0/16"))
    assert address_problem("10.20.3.4", allowed) is None
    assert address_problem("::ffff:10.20.3.4", allowed) is None
    assert address_problem("10.21.0.1", allowed) is not None
    assert address_problem("169.254.169.254", allowed) is not None


async def test_one_private_answer_spoils_the_others() -> None:
    resolver = CheckedResolver(Names(("8.8.8.8", "10.0.0.1")), tuple)
    with pytest.raises(AddressRefused):
        await resolver.resolve("hooks.example.net", 443)


@pytest.mark.parametrize("text", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fd00::1"])
async def test_a_name_that_leads_inside_is_never_connected_to(text: str) -> None:
    sender = HttpSender(tuple, resolver=Names((text,)))
    try:
        answer = await sender.send(json_request("https://hooks.example.net/x", {}), 5)
    finally:
        await sender.close()
    assert isinstance(answer, Unreachable)
    assert answer.forbidden
    assert "hooks.example.net" not in answer.sentence


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/",
        "http://hooks.example.net/", "https://169.254.169.254/latest", "https://[::1/",
    ],
)  # fmt: skip
async def test_a_literal_address_inside_is_never_connected_to(url: str) -> None:
    names = Names(("8.8.8.8",))
    sender = HttpSender(tuple, resolver=names)
    try:
        answer = await sender.send(json_request(url, {}), 5)
    finally:
        await sender.close()
    assert isinstance(answer, Unreachable)
    assert answer.forbidden
    assert names.asked == 0
