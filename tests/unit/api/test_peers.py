"""What is done to a neighbor needs its permission; an operator's role does not have it."""

import pytest

from prefixd.api.peers import ROUTES
from prefixd.api.route import Route
from prefixd.domain.actor import ROLE_PERMISSIONS, PeerOperation, Permission, Role

OPERATIONS = [route for route in ROUTES if route.method == "POST"]


def test_every_operation_has_a_route() -> None:
    paths = {route.path for route in OPERATIONS}
    assert paths == {f"/v1/bgp/peers/{{name}}/{each}" for each in PeerOperation}


@pytest.mark.parametrize("route", OPERATIONS, ids=lambda route: route.path)
def test_it_needs_the_permission_peers(route: Route) -> None:
    assert route.permission is Permission.PEERS
    assert Permission.PEERS not in ROLE_PERMISSIONS[Role.OPERATOR]
    assert Permission.PEERS in ROLE_PERMISSIONS[Role.ADMIN]


def test_questions_need_only_to_be_allowed_to_read() -> None:
    questions = [route for route in ROUTES if route.method == "GET"]
    assert {route.permission for route in questions} == {Permission.READ}
