"""Which addresses we refuse to connect to, whatever a name resolves to."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from prefixd.notify.answer import Answer, Unreachable
from prefixd.notify.message import json_request
from prefixd.notify.transport import AddressRefused, CheckedResolver, HttpSender
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


@contextlib.contextmanager
def counting_listener() -> Iterator[tuple[int, list[str]]]:
    """A port on IPv4 and IPv6 loopback, and who connected to it."""
    reached: list[str] = []
    with contextlib.ExitStack() as stack:
        four = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = four.getsockname()[1]
        six = stack.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))

        def accept(listener: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, address = listener.accept()
                    reached.append(address[0])
                    connection.close()

        for listener in (four, six):
            threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield port, reached
        for listener in (four, six):
            listener.shutdown(socket.SHUT_RDWR)


async def call(url: str, *allowed: str) -> Answer | Unreachable:
    networks = tuple(a_prefix(each) for each in allowed)
    sender = HttpSender(lambda: networks)
    try:
        return await sender.send(json_request(url, {}), 5)
    finally:
        await sender.close()


INSIDE = {
    "plain": "127.0.0.1",
    "another of the block": "127.9.9.9",
    "ideographic full stops": "127\u30020\u30020\u30021",
    "full-width full stops": "127\uff0e0\uff0e0\uff0e1",
    "half-width full stops": "127\uff610\uff610\uff611",
    "full-width digits": "\uff11\uff12\uff17.0.0.1",
    "circled letters": "\u24dbocalhost",
    "name of this machine": "localhost",
    "name with a final dot": "localhost.",
    "address with a final dot": "127.0.0.1.",
    "one decimal number": "2130706433",
    "one hexadecimal number": "0x7f000001",
    "hexadecimal parts": "0x7f.0x0.0x0.0x1",
    "octal parts": "0177.0.0.1",
    "abbreviated": "127.1",
    "abbreviated hexadecimal": "0x7f.1",
    "zero": "0",
    "unspecified": "0.0.0.0",
    "IPv6 loopback": "[::1]",
    "IPv6 unspecified": "[::]",
    "IPv4-mapped": "[::ffff:127.0.0.1]",
    "IPv4-mapped in hexadecimal": "[::ffff:7f00:1]",
    "IPv4-compatible": "[::7f00:1]",
    "6to4": "[2002:7f00:1::]",
    "NAT64": "[64:ff9b::7f00:1]",
    "link-local with a zone": "[fe80::1%25lo]",
    "user name before": "hooks.example.net@127.0.0.1",
    "escaped": "%31%32%37.0.0.1",
}


@pytest.mark.parametrize("host", INSIDE.values(), ids=list(INSIDE))
@pytest.mark.parametrize("checked", [True, False], ids=["", "the text passed"])
async def test_no_spelling_of_this_machine_is_connected_to(
    host: str, checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the check of the text would miss it: the socket is judged by its address."""
    if not checked:
        monkeypatch.setattr("prefixd.notify.transport.url_problem", lambda *_: None)
    with counting_listener() as (port, reached):
        answer = await call(f"https://{host}:{port}/x")
        assert isinstance(answer, Unreachable)
        # An escape in a host is not undone: it stays a name that does not exist.
        assert answer.forbidden or not checked or "%31" in host
        assert reached == []


@pytest.mark.parametrize("host", ["169.254.169.254", "169\u3002254\u3002169\u3002254"])
async def test_addresses_of_cloud_credentials_cannot_be_allowed(host: str) -> None:
    answer = await call(f"https://{host}/latest", "169.254.0.0/16")
    assert isinstance(answer, Unreachable)
    assert answer.forbidden


@pytest.mark.parametrize(("host", "allowed"), [("127.0.0.1", "127.0.0.0/8"), ("[::1]", "::1/128")])
async def test_a_private_network_that_the_operator_allows_is_reached(
    host: str, allowed: str
) -> None:
    with counting_listener() as (port, reached):
        answer = await call(f"https://{host}:{port}/x", allowed)
        assert isinstance(answer, Unreachable)  # the listener speaks no TLS
        assert not answer.forbidden
        assert len(reached) == 1
