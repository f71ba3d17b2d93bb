"""API tokens: created with their text, listed without it, revoked."""

import re
from collections.abc import Sequence

import msgspec

from prefixd.api import shapes
from prefixd.api.problem import bad_request, not_found
from prefixd.api.query import MAX_TTL_S
from prefixd.api.render import shaped
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route
from prefixd.auth.accounts import Accounts, TokenRequest
from prefixd.domain.account import ApiToken
from prefixd.domain.actor import Permission
from prefixd.domain.prefix import Prefix
from prefixd.errors import Conflict

_TOKEN_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_TOKEN_ID = re.compile(r"[0-9a-f]{1,64}\Z")


class TokenIn(shapes.Write, kw_only=True):
    name: str
    permissions: list[str]
    sources: list[str] | None = None
    networks: list[str] = msgspec.field(default_factory=list)
    ttl_seconds: int | None = None


class TokenRow(msgspec.Struct):
    token_id: str
    name: str
    permissions: list[str]
    sources: list[str] | None
    networks: list[str]
    created_at: str
    created_by: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class TokenMade(TokenRow):
    """The only reply that contains the token itself."""

    token: str


class TokenList(msgspec.Struct):
    tokens: list[TokenRow]
    count: int


class TokenRoutes:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def list_tokens(self, _call: Call[None, NoQuery]) -> Reply:
        rows = [_token_row(found) for found in await self._accounts.tokens()]
        return Reply(TokenList(rows, len(rows)))

    async def create_token(self, call: Call[TokenIn, NoQuery]) -> Reply:
        request = _token_request(call.body, call.services.clock.now_us())
        made, fresh = await self._accounts.create_token(request, call.actor)
        row = _token_row(made)
        return Reply(TokenMade(**msgspec.structs.asdict(row), token=fresh.text), status=201)

    async def revoke_token(self, call: Call[None, NoQuery]) -> Reply:
        wanted = call.path["id"]
        if not _TOKEN_ID.match(wanted):
            raise not_found(f"token {wanted[:40]!r}")
        try:
            await self._accounts.revoke_token(wanted, call.actor)
        except Conflict as error:
            raise not_found(f"token {wanted[:40]}") from error
        return Reply(status=204)

    def routes(self) -> Sequence[Route]:
        admin = Permission.OPERATORS
        return (
            Route(
                method="GET", path="/v1/tokens", handle=self.list_tokens,
                summary="Every API token, without its secret", tag="accounts", permission=admin,
                replies={200: TokenList},
            ),
            Route(
                method="POST", path="/v1/tokens", handle=self.create_token,
                summary="Create an API token; shown once", tag="accounts", permission=admin,
                body=TokenIn, replies={201: TokenMade}, errors=("bad_request", "conflict"),
                repeatable=False,
            ),
            Route(
                method="DELETE", path="/v1/tokens/{id}", handle=self.revoke_token,
                summary="Revoke an API token, now", tag="accounts", permission=admin,
                replies={204: None}, errors=("not_found",),
            ),
        )  # fmt: skip


def _token_request(body: TokenIn, now_us: int) -> TokenRequest:
    if not _TOKEN_NAME.match(body.name):
        raise bad_request("name must have 1 to 64 letters, digits or _.:-", "name")
    unknown = sorted(set(body.permissions) - set(Permission))
    if unknown or not body.permissions:
        message = f"permissions must be among {', '.join(Permission)}"
        raise bad_request(message, "permissions")
    networks: list[Prefix] = []
    for index, text in enumerate(body.networks):
        prefix = Prefix.parse(text)
        if prefix is None:
            raise bad_request(f"invalid prefix: {text[:60]!r}", f"networks[{index}]")
        networks.append(prefix)
    if body.ttl_seconds is not None and not 0 < body.ttl_seconds <= MAX_TTL_S:
        raise bad_request(f"ttl_seconds must be 1 to {MAX_TTL_S}", "ttl_seconds")
    return TokenRequest(
        name=body.name,
        permissions=frozenset(Permission(word) for word in body.permissions),
        sources=None if body.sources is None else frozenset(body.sources),
        networks=tuple(networks),
        expires_at_us=None if body.ttl_seconds is None else now_us + body.ttl_seconds * 1_000_000,
    )


def _token_row(found: ApiToken) -> TokenRow:
    return shaped(
        TokenRow,
        found,
        permissions=sorted(found.permissions),
        sources=None if found.sources is None else sorted(found.sources),
        networks=[str(prefix) for prefix in found.networks],
    )
