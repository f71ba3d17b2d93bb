"""Who may do what."""

import pytest

from prefixd.domain.actor import (
    ROLE_PERMISSIONS,
    SYSTEM,
    Actor,
    ActorKind,
    Permission,
    Role,
    operator,
    parse_role,
)


def test_w54_a_viewer_cannot_cause_a_mitigation() -> None:
    viewer = operator("eve", Role.VIEWER)
    assert viewer.may(Permission.READ)
    assert not viewer.may(Permission.INGEST)
    assert not viewer.may(Permission.MITIGATE)


def test_a_higher_role_includes_the_lower() -> None:
    viewer, lower, admin = (
        ROLE_PERMISSIONS[role] for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
    )
    assert viewer < lower < admin == frozenset(Permission)


def test_an_operator_changes_no_safelist_and_no_configuration() -> None:
    alice = operator("alice", Role.OPERATOR)
    for permission in (Permission.SAFELIST, Permission.CONFIGURE, Permission.OPERATORS):
        assert not alice.may(permission)


@pytest.mark.parametrize(("word", "role"), [("admin", "admin"), ("root", "viewer"), ("", "viewer")])
def test_w57_a_role_nobody_knows_gets_the_least(word: str, role: str) -> None:
    assert parse_role(word) == role


def test_w83_a_token_may_be_bound_to_its_sources() -> None:
    token = Actor(
        kind=ActorKind.DETECTOR,
        name="fnm",
        permissions=frozenset({Permission.INGEST}),
        sources=frozenset({"fastnetmon"}),
    )
    assert token.may_speak_for("fastnetmon")
    assert not token.may_speak_for("alertmanager")
    assert SYSTEM.may_speak_for("anybody")
