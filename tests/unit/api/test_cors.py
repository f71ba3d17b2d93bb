"""Which requests of a browser count as coming from our own pages."""

import pytest
from aiohttp.test_utils import make_mocked_request

from prefixd.api.cors import Cors, OwnHosts


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({}, True),  # not a browser
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "https://noc.example", "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://d.example"}, True),
    ],
)
def test_only_our_own_pages_and_the_configured_origin_may_write(
    headers: dict[str, str], same: bool
) -> None:
    request = make_mocked_request("POST", "/v1/events", {"Host": "d.example", **headers})
    assert Cors("https://noc.example/").same_site(request) is same


def test_without_an_origin_no_header_is_sent() -> None:
    request = make_mocked_request("OPTIONS", "/", {"Access-Control-Request-Method": "PUT"})
    assert Cors(None).fields(request) == b""
    assert not Cors(None).is_preflight(request)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True), ("LOCALHOST:8080", True), ("x.localhost", True),
        ("127.0.0.1:8080", True), ("[::1]:8080", True), ("192.0.2.7", True),
        ("Prefixd.example", True), ("prefixd.example.:8080", True),
        ("prefixd.example.evil.test", False), ("evil.test:8080", False), ("", False),
        ("localhost.evil.test", False), ("127.0.0.1.evil.test", False), ("[::1", False),
    ],
)  # fmt: skip
def test_a_host_is_ours_by_address_or_by_a_known_name(host: str, ours: bool) -> None:
    request = make_mocked_request("GET", "/", {"Host": host})
    assert OwnHosts((None, "", "prefixd.example")).has(request) is ours


def test_a_request_without_host_comes_from_no_browser() -> None:
    assert OwnHosts(()).has(make_mocked_request("GET", "/", {}))
