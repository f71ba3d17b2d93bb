"""Stored accounts: when a token counts, and what must never be printed."""

import pytest

from prefixd.domain.account import ApiToken, LoginSession, Operator
from prefixd.domain.actor import Permission, Role
from prefixd.domain.ids import OperatorId, TokenId

NOW_US = 1_000_000


def a_token(**changes: object) -> ApiToken:
    fields: dict[str, object] = {
        "token_id": TokenId("1"), "name": "fastnetmon", "secret_hash": "d1e2",
        "permissions": frozenset({Permission.INGEST}), "created_at_us": 0, "created_by": "alice",
    }  # fmt: skip
    return ApiToken(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "live"),
    [
        ({}, True),
        ({"expires_at_us": NOW_US + 1}, True),
        ({"expires_at_us": NOW_US}, False),
        ({"revoked_at_us": NOW_US - 1}, False),
        ({"revoked_at_us": 0, "expires_at_us": NOW_US + 1}, False),
    ],
)
def test_a_token_counts_until_it_expires_or_is_revoked(
    changes: dict[str, object], live: bool
) -> None:
    assert a_token(**changes).is_live(NOW_US) is live


def test_no_secret_is_in_a_repr() -> None:
    operator = Operator(
        operator_id=OperatorId("1"), username="alice", password_hash="$argon2id$x", role=Role.ADMIN,
        created_at_us=0,
    )  # fmt: skip
    session = LoginSession(
        session_hash="5ec7e7", operator_id=OperatorId("1"), fingerprint="f1f2", created_at_us=0,
        last_seen_at_us=0, expires_at_us=0,
    )  # fmt: skip
    shown = f"{operator} {session} {a_token()}"
    for secret in ("argon2id", "5ec7e7", "f1f2", "d1e2"):
        assert secret not in shown
