"""Who the caller is, by the mode of authentication."""

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from prefixd.api.authenticate import ANONYMOUS, ModeAuthenticator, certificate_names
from prefixd.api.cors import Cors, OwnHosts
from prefixd.api.problem import ApiError
from prefixd.auth.settings import AuthMode, AuthSettings
from prefixd.domain.actor import Role


def an_authenticator(mode: AuthMode) -> ModeAuthenticator:
    nothing: Any = None  # no request of this test has a session or a scoped token
    settings = AuthSettings(mode=mode, bearer_token="s3cret", bearer_role=Role.OPERATOR)
    return ModeAuthenticator(settings, nothing, Cors(None), OwnHosts(("d.example",)))


async def actor_name(mode: AuthMode, method: str = "GET", **headers: str) -> str | None:
    sent = {"Host": "d.example", **{name.replace("_", "-"): text for name, text in headers.items()}}
    request = make_mocked_request(method, "/v1/stats", sent)
    found = await an_authenticator(mode).actor_of(request, "192.0.2.1")
    return None if found is None else found.name


async def test_the_shared_token_counts_in_bearer_mode_alone() -> None:
    given = {"Authorization": "Bearer s3cret"}
    assert await actor_name(AuthMode.BEARER, **given) == "bearer-token"
    assert await actor_name(AuthMode.CREDENTIALS, **given) is None
    assert await actor_name(AuthMode.BEARER, Authorization="Bearer s3cre") is None
    assert await actor_name(AuthMode.BEARER, Authorization="Basic s3cret") is None
    assert await actor_name(AuthMode.BEARER) is None


async def test_without_authentication_a_write_from_another_site_is_refused() -> None:
    assert await actor_name(AuthMode.NONE) == ANONYMOUS.name
    assert await actor_name(AuthMode.NONE, "POST") == ANONYMOUS.name
    with pytest.raises(ApiError, match="another site"):
        await actor_name(AuthMode.NONE, "POST", Sec_Fetch_Site="cross-site")
    with pytest.raises(ApiError, match="another site"):
        await actor_name(AuthMode.NONE, "GET", Sec_Fetch_Site="cross-site", Upgrade="websocket")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer anything"}])
async def test_without_authentication_the_host_must_be_ours(headers: dict[str, str]) -> None:
    """DNS rebinding: the page's own name leads to our address, so its origin is ours."""
    origin = {"Origin": "http://evil.example:8080", "Sec-Fetch-Site": "same-origin"}
    for method in ("GET", "POST"):
        with pytest.raises(ApiError, match=r"unknown host 'evil\.example:8080'"):
            await actor_name(AuthMode.NONE, method, Host="evil.example:8080", **headers, **origin)
    assert await actor_name(AuthMode.NONE, Host="127.0.0.1:8080", **headers) == ANONYMOUS.name


async def test_on_the_unix_socket_any_host_is_good() -> None:
    request = make_mocked_request("GET", "/v1/stats", {"Host": "prefixd"})
    found = await an_authenticator(AuthMode.NONE).actor_of(request, "local")
    assert found is ANONYMOUS


def test_a_certificate_has_its_common_name_and_its_dns_names() -> None:
    certificate = {
        "subject": ((("organizationName", "x"),), (("commonName", "detector-a"),)),
        "subjectAltName": (("DNS", "a.example"), ("IP Address", "192.0.2.1")),
    }
    assert certificate_names(certificate) == ["detector-a", "a.example"]
    assert certificate_names({}) == []
