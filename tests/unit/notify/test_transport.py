"""Which addresses we refuse to connect to, whatever a name resolves to."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from prefixd.notify.answer import Unreachable
from prefixd.notify.message import json_request
from prefixd.notify.transport import AddressRefused, CheckedResolver, HttpSender


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
