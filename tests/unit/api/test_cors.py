"""Which requests of a browser count as coming from our own pages."""

import pytest
from aiohttp.test_utils import make_mocked_request

from prefixd.api.cors import Cors


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
