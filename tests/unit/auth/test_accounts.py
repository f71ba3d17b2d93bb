"""Accounts on a real database in memory: logins, roles, tokens, and what ends when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from msgspec.structs import replace

from prefixd.auth.accounts import Accounts, LoggedIn, LoginRefused, TokenRequest
from prefixd.auth.settings import AuthMode, AuthSettings
from prefixd.domain.actor import SYSTEM, Actor, ActorKind, Permission, Role, operator
from prefixd.domain.news import LoginFailed, News, OperatorChanged
from prefixd.domain.page import AuditFilter, PageRequest
from prefixd.domain.prefix import Prefix
from prefixd.errors import Conflict
from prefixd.store.settings import StoreSettings
from prefixd.store.store import Store, open_store
from tests.kit.clock import FakeClock

ADMIN = operator("root", Role.ADMIN)
PASSWORD = "correct horse battery"


@asynccontextmanager
async def accounts(
    clock: FakeClock, news: list[News] | None = None
) -> AsyncIterator[tuple[Accounts, Store]]:
    numbers = count(1)
    settings = StoreSettings(connection_string="sqlite::memory:")
    async with await open_store(settings, clock, pop="test1", instance="one") as store:
        service = Accounts(
            store,
            AuthSettings(mode=AuthMode.CREDENTIALS),
            clock,
            lambda: f"00000000-0000-7000-8000-{next(numbers):012d}",
            "test1",
            None if news is None else news.extend,
        )
        yield service, store


async def signed_in(service: Accounts, name: str = "alice", role: Role = Role.OPERATOR) -> str:
    await service.create_operator(name, PASSWORD, role, ADMIN)
    answer = await service.login(name, PASSWORD, "192.0.2.9")
    assert isinstance(answer, LoggedIn)
    return answer.cookie


async def test_a_login_opens_a_session_that_knows_its_role() -> None:
    async with accounts(FakeClock()) as (service, _):
        cookie = await signed_in(service)
        actor = await service.session_actor(cookie)
        assert actor is not None
        assert (actor.name, actor.role) == ("alice", Role.OPERATOR)
        assert await service.session_actor(cookie + "x") is None


async def test_a_session_slides_while_used_and_ends_when_idle() -> None:
    clock = FakeClock()
    async with accounts(clock) as (service, _):
        cookie = await signed_in(service)
        for _ in range(3):
            clock.advance(6 * 86_400)
            assert await service.session_actor(cookie) is not None
        clock.advance(7 * 86_400 + 1)
        assert await service.session_actor(cookie) is None


async def test_a_new_password_ends_every_session_of_its_owner() -> None:
    async with accounts(FakeClock()) as (service, _):
        cookie = await signed_in(service)
        (alice,) = await service.operators()
        await service.set_password(alice.operator_id, "another password", ADMIN)
        assert await service.session_actor(cookie) is None
        assert isinstance(await service.login("alice", PASSWORD, "192.0.2.9"), LoginRefused)
        assert isinstance(await service.login("alice", "another password", "a"), LoggedIn)


async def test_logout_ends_the_session_at_once() -> None:
    async with accounts(FakeClock()) as (service, _):
        cookie = await signed_in(service)
        actor = await service.session_actor(cookie)
        assert actor is not None
        await service.logout(cookie, actor)
        assert await service.session_actor(cookie) is None


async def test_w56_failed_logins_close_the_door_for_the_guesser_and_not_for_the_owner() -> None:
    clock = FakeClock()
    async with accounts(clock) as (service, _):
        await service.create_operator("alice", PASSWORD, Role.VIEWER, ADMIN)
        for _ in range(5):
            assert await service.login("alice", "wrong", "192.0.2.9") == LoginRefused()
        answer = await service.login("alice", PASSWORD, "192.0.2.9")
        assert isinstance(answer, LoginRefused)
        assert answer.wait_s == pytest.approx(60)
        assert isinstance(await service.login("alice", PASSWORD, "192.0.2.10"), LoggedIn)
        clock.advance(60.1)
        assert isinstance(await service.login("alice", PASSWORD, "192.0.2.9"), LoggedIn)


async def test_a_hundred_tries_at_once_are_a_hundred_tries() -> None:
    async with accounts(FakeClock()) as (service, _):
        tries = [service.login("alice", "wrong", "192.0.2.9") for _ in range(30)]
        answers = await asyncio.gather(*tries)
        assert sum(answer == LoginRefused() for answer in answers) == 5


async def test_one_name_guessed_from_everywhere_is_stopped() -> None:
    async with accounts(FakeClock()) as (service, _):
        for number in range(100):
            assert await service.login("alice", "x", f"192.0.2.{number}") == LoginRefused()
        stopped = await service.login("alice", "x", "198.51.100.1")
        assert isinstance(stopped, LoginRefused)
        assert stopped.wait_s > 0


async def test_one_address_guessing_many_names_is_stopped() -> None:
    async with accounts(FakeClock()) as (service, _):
        for number in range(20):
            assert await service.login(f"user{number}", "x", "192.0.2.9") == LoginRefused()
        stopped = await service.login("another", "x", "192.0.2.9")
        assert isinstance(stopped, LoginRefused)
        assert stopped.wait_s > 0
        assert await service.login("another", "x", "192.0.2.77") == LoginRefused()


async def test_the_last_admin_stays() -> None:
    async with accounts(FakeClock()) as (service, _):
        admin = await service.create_operator("root", PASSWORD, Role.ADMIN, SYSTEM)
        with pytest.raises(Conflict):
            await service.delete_operator(admin.operator_id, SYSTEM)
        with pytest.raises(Conflict):
            await service.set_role(admin.operator_id, Role.VIEWER, SYSTEM)
        await service.create_operator("second", PASSWORD, Role.ADMIN, SYSTEM)
        await service.delete_operator(admin.operator_id, SYSTEM)
        assert [found.username for found in await service.operators()] == ["second"]


async def test_a_removed_operator_is_out_at_once() -> None:
    async with accounts(FakeClock()) as (service, _):
        cookie = await signed_in(service)
        told: list[str] = []
        service.on_revoked(lambda: told.append("revoked"))
        (alice,) = await service.operators()
        await service.delete_operator(alice.operator_id, ADMIN)
        assert await service.session_actor(cookie) is None
        assert told == ["revoked"]


def a_request(**fields: object) -> TokenRequest:
    values: dict[str, object] = {"name": "fnm", "permissions": frozenset({Permission.INGEST})}
    return TokenRequest(**{**values, **fields})  # type: ignore[arg-type]  # because: test knobs


async def test_an_ingest_token_is_a_detector_that_can_do_nothing_else() -> None:
    async with accounts(FakeClock()) as (service, _):
        request = a_request(sources=frozenset({"fastnetmon"}))
        _, fresh = await service.create_token(request, ADMIN)
        actor = await service.token_actor(fresh.text, "192.0.2.9")
        assert actor is not None
        assert actor.kind is ActorKind.DETECTOR
        assert actor.permissions == {Permission.INGEST}
        assert actor.may_speak_for("fastnetmon")
        assert not actor.may_speak_for("kentik")
        assert await service.token_actor(fresh.text + "x", "192.0.2.9") is None


async def test_a_token_works_only_from_its_networks_and_until_its_time() -> None:
    clock = FakeClock()
    network = Prefix.parse("192.0.2.0/24")
    assert network is not None
    async with accounts(clock) as (service, _):
        expires = clock.now_us() + 60_000_000
        request = a_request(networks=(network,), expires_at_us=expires)
        _, fresh = await service.create_token(request, ADMIN)
        assert await service.token_actor(fresh.text, "192.0.2.9") is not None
        assert await service.token_actor(fresh.text, "198.51.100.1") is None
        assert await service.token_actor(fresh.text, "local") is None
        clock.advance(61)
        assert await service.token_actor(fresh.text, "192.0.2.9") is None


async def test_a_revoked_token_is_refused_at_once() -> None:
    async with accounts(FakeClock()) as (service, _):
        made, fresh = await service.create_token(a_request(), ADMIN)
        assert await service.token_actor(fresh.text, "a") is not None
        await service.revoke_token(made.token_id, ADMIN)
        assert await service.token_actor(fresh.text, "a") is None
        with pytest.raises(Conflict):
            await service.revoke_token(made.token_id, ADMIN)


CLERK = Actor(kind=ActorKind.OPERATOR, name="clerk", permissions=frozenset({Permission.OPERATORS}))
"""A token that may manage accounts and nothing else."""


async def test_an_actor_without_admin_rights_makes_and_changes_no_admin() -> None:
    async with accounts(FakeClock()) as (service, _):
        admin = await service.create_operator("root", PASSWORD, Role.ADMIN, ADMIN)
        viewer = await service.create_operator("eve", PASSWORD, Role.VIEWER, ADMIN)
        other = "another pass phrase"
        for attempt in (
            service.create_operator("mallory", PASSWORD, Role.ADMIN, CLERK),
            service.create_operator("mallory", PASSWORD, Role.VIEWER, CLERK),  # may read
            service.set_role(viewer.operator_id, Role.ADMIN, CLERK),
            service.set_role(admin.operator_id, Role.VIEWER, CLERK),
            service.set_password(admin.operator_id, other, CLERK),
            service.delete_operator(admin.operator_id, CLERK),
        ):
            with pytest.raises(Conflict, match="role"):
                await attempt
        assert {each.username for each in await service.operators()} == {"root", "eve"}
        assert await service.password_matches(admin.operator_id, PASSWORD)


async def test_an_actor_with_the_rights_of_a_role_gives_it() -> None:
    clerk = replace(CLERK, permissions=frozenset({Permission.OPERATORS, Permission.READ}))
    async with accounts(FakeClock()) as (service, _):
        made = await service.create_operator("eve", PASSWORD, Role.VIEWER, clerk)
        await service.set_password(made.operator_id, "another pass phrase", clerk)
        await service.delete_operator(made.operator_id, clerk)
        assert await service.operators() == []


async def test_a_token_never_has_more_than_its_maker() -> None:
    clock = FakeClock()
    wide, narrow = Prefix.parse("192.0.2.0/24"), Prefix.parse("192.0.2.128/25")
    assert wide is not None
    assert narrow is not None
    limits: dict[str, object] = {
        "sources": frozenset({"fastnetmon"}), "networks": (narrow,),
        "expires_at_us": clock.now_us() + 60_000_000,
    }  # fmt: skip
    both = frozenset({Permission.OPERATORS, Permission.INGEST})
    async with accounts(clock) as (service, _):
        _, fresh = await service.create_token(a_request(permissions=both, **limits), ADMIN)
        maker = await service.token_actor(fresh.text, "192.0.2.200")
        assert maker is not None
        for change, what in (
            ({"permissions": frozenset({Permission.MITIGATE})}, "permissions"),
            ({"sources": None}, "sources"),
            ({"sources": frozenset({"fastnetmon", "kentik"})}, "sources"),
            ({"networks": ()}, "networks"),
            ({"networks": (wide,)}, "networks"),
            ({"expires_at_us": None}, "lifetime"),
            ({"expires_at_us": clock.now_us() + 61_000_000}, "lifetime"),
        ):
            request = a_request(**{"name": "more", **limits, **change})
            with pytest.raises(Conflict, match=what):
                await service.create_token(request, maker)
        await service.create_token(a_request(name="same", **limits), maker)


async def test_every_act_leaves_an_audit_row_and_no_secret() -> None:
    async with accounts(FakeClock()) as (service, store):
        await signed_in(service)
        made, fresh = await service.create_token(a_request(), ADMIN)
        await service.revoke_token(made.token_id, ADMIN)
        page = await store.audit.page(AuditFilter(), PageRequest(limit=50))
        actions = [row.entry.action for row in page.items]
        assert sorted(actions) == ["login", "operator_create", "token_create", "token_revoke"]
        text = " ".join(row.entry.details for row in page.items)
        assert PASSWORD not in text
        assert fresh.text not in text


async def test_what_happens_to_accounts_is_news() -> None:
    news: list[News] = []
    async with accounts(FakeClock(), news) as (service, _):
        made = await service.create_operator("bob", PASSWORD, Role.VIEWER, ADMIN)
        await service.set_role(made.operator_id, Role.OPERATOR, ADMIN)
        await service.set_password(made.operator_id, PASSWORD + "!", ADMIN)
        await service.create_operator("root2", PASSWORD, Role.ADMIN, ADMIN)
        await service.delete_operator(made.operator_id, ADMIN)
    told = [(item.target, item.change) for item in news if isinstance(item, OperatorChanged)]
    assert told == [
        ("bob", "created"),
        ("bob", "role operator"),
        ("bob", "new password"),
        ("root2", "created"),
        ("bob", "deleted"),
    ]


async def test_a_refused_login_is_news_and_says_when_it_was_throttled() -> None:
    news: list[News] = []
    async with accounts(FakeClock(), news) as (service, _):
        for _ in range(12):
            await service.login("nobody", "wrong", "192.0.2.9")
    failed = [item for item in news if isinstance(item, LoginFailed)]
    assert len(failed) == 12
    assert (failed[0].name, failed[0].address, failed[0].throttled) == (
        "nobody", "192.0.2.9", False,
    )  # fmt: skip
    assert failed[-1].throttled
