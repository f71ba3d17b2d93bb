"""The caller behind a proxy, and whether the browser spoke TLS."""

import pytest
from aiohttp.test_utils import make_mocked_request

from prefixd.auth.settings import CookiePolicy
from prefixd.daemon import proxies
from prefixd.domain.prefix import Prefix

TRUSTED = tuple(p for p in (Prefix.parse("10.0.0.0/8"),) if p is not None)


@pytest.mark.parametrize(
    ("socket_address", "header", "caller"),
    [
        ("192.0.2.9", "198.51.100.1", "192.0.2.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "not an address", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_are_believed(
    socket_address: str, header: str, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "client_address", lambda _request: socket_address)
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": header})
    assert proxies.address_reader(TRUSTED)(request) == caller


@pytest.mark.parametrize(
    ("policy", "own_tls", "socket_address", "header", "secure"),
    [
        (CookiePolicy.AUTO, True, "192.0.2.9", "", True),
        (CookiePolicy.AUTO, False, "192.0.2.9", "https", False),
        (CookiePolicy.AUTO, False, "10.0.0.1", "https", True),
        (CookiePolicy.AUTO, False, "10.0.0.1", "http", False),
        (CookiePolicy.AUTO, False, "10.0.0.1", "https, http", False),
        (CookiePolicy.AUTO, False, "10.0.0.1", "", False),
        (CookiePolicy.ALWAYS, False, "192.0.2.9", "", True),
        (CookiePolicy.NEVER, True, "10.0.0.1", "https", False),
    ],
)
def test_the_cookie_is_secure_when_the_browser_spoke_tls(
    policy: CookiePolicy,
    own_tls: bool,
    socket_address: str,
    header: str,
    secure: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proxies, "client_address", lambda _request: socket_address)
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-Proto": header})
    assert proxies.cookie_is_secure(policy, TRUSTED, own_tls=own_tls)(request) is secure
