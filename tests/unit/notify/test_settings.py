"""Which addresses may be configured, and which events a destination gets."""

import pytest

from prefixd.domain.prefix import Prefix
from prefixd.notify.settings import (
    AlertEvent,
    AlertSettings,
    Destination,
    Discord,
    Generic,
    Opsgenie,
    address_problem,
    scrub,
    secrets_of,
    url_problem,
)
from tests.kit.builders import a_prefix

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "192.0.0.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "224.0.0.1",
    "::1", "::", "fd00::1", "fe80::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1", "fe80::1%eth0", "nonsense",
]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.example.net/", "must start with https://"),
        ("https:///path", "has no host"),
        ("https://u:p@a.example.net/", "user name or password"),
        ("https://a.example.net/#x", "fragment"),
        ("https://localhost/", "this machine"),
        ("https://x.localhost/", "this machine"),
        ("https://127.0.0.1/", "private, local or reserved"),
        ("https://127.1/", "abbreviated numeric"),
        ("https://2130706433/", "abbreviated numeric"),
        ("https://0x7f000001/", "abbreviated numeric"),
        ("https://169.254.169.254/", "cloud credentials"),
        ("https://100.64.0.1/", "private, local or reserved"),
        ("https://192.0.2.1/", "private, local or reserved"),
        ("https://224.0.0.1/", "private, local or reserved"),
        ("https://[::1]/", "private, local or reserved"),
        ("https://[fe80::1]/", "private, local or reserved"),
        ("https://[fd00::1]/", "private, local or reserved"),
        ("https://[::ffff:10.0.0.1]/", "private, local or reserved"),
        ("https://[64:ff9b::a00:1]/", "private, local or reserved"),
        ("https://[2002:a00:1::]/", "private, local or reserved"),
        ("https://[bad/", "is not a valid address"),
        ("https://a.example.net:99999/", "is not a valid address"),
        ("https://a.example.net/" + "x" * 1024, "at most 1024"),
    ],
)
def test_addresses_that_are_refused(url: str, reason: str) -> None:
    found = url_problem(url)
    assert found is not None
    assert reason in found


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T/B/x",
        "https://a.example.net:8443/x?y=z",
        "https://9.9.9.9/x",
        "https://[2620:fe::fe]/x",
    ],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert url_problem(url) is None


def test_a_private_network_can_be_allowed() -> None:
    allowed = Prefix.parse("10.20.0.0/16")
    assert allowed is not None
    assert url_problem("https://10.20.1.1/", (allowed,)) is None
    assert url_problem("https://10.21.1.1/", (allowed,)) is not None


def test_a_destinations_own_list_replaces_the_general_one() -> None:
    created, expired = AlertEvent.MITIGATION_CREATED, AlertEvent.MITIGATION_EXPIRED
    plain = Destination(id="a", target=Discord(webhook_url="x"))
    own = Destination(id="b", target=Discord(webhook_url="x"), events=frozenset({expired}))
    everything = AlertSettings(destinations=(plain, own))
    assert everything.wants(plain, created)
    assert not everything.wants(own, created)
    general = AlertSettings(destinations=(plain, own), events=frozenset({created}))
    assert general.wants(plain, created)
    assert not general.wants(plain, expired)
    assert general.wants(own, expired)


def test_secrets_do_not_print() -> None:
    destination = Destination(id="a", target=Opsgenie(api_key="hidden"))
    assert "hidden" not in repr(AlertSettings(destinations=(destination,)))
    assert destination.type == "opsgenie"


def test_every_spelling_of_a_secret_is_starred() -> None:
    target = Generic(
        url="https://h.example.net/hook/abc-def?key=query-key",
        secret='sig "key"',
        headers={"Authorization": "Bearer bear/er-token"},
    )
    secrets = secrets_of(target)
    for text in (
        "https://h.example.net/hook/abc-def?key=query-key", "/hook/abc-def", "abc-def",
        "query-key", 'sig "key"', 'sig \\"key\\"', "bear/er-token", "bear%2Fer-token",
    ):  # fmt: skip
        assert scrub(f"<{text}>", secrets).replace("*", "") in {"<>", "</>"}, text
    assert scrub("h.example.net", secrets) == "h.example.net"


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
