"""Operators, sessions, tokens, preferences, and the small tables beside them."""

import asyncio

import pytest

from prefixd.domain.account import Preferences
from prefixd.domain.actor import Permission, Role
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.errors import Conflict
from prefixd.store.idempotency import StoredAnswer
from prefixd.store.settings import StoreSettings
from prefixd.store.snapshots import ConfigSnapshot
from prefixd.store.store import Store
from tests.kit.rows import T0_US, a_prefix, a_session, a_store, a_token, an_operator


async def test_operators_come_back_and_names_are_unique(settings: StoreSettings) -> None:
    alice = an_operator(username="alice", role=Role.ADMIN, created_by="root")
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.operators.insert(alice)
            tx.operators.logged_in(alice.operator_id, T0_US + 5)
        found = await store.operators.by_username("alice")
        assert found is not None
        assert found == await store.operators.get(alice.operator_id)
        assert (found.role, found.last_login_at_us) == (Role.ADMIN, T0_US + 5)
        assert await store.operators.by_username("bob") is None
        with pytest.raises(Conflict, match="username"):
            async with store.transaction() as tx:
                tx.operators.insert(an_operator(username="alice"))
        assert [operator.username for operator in await store.operators.all()] == ["alice"]


async def test_a_new_password_ends_all_sessions(settings: StoreSettings) -> None:
    alice = an_operator()
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.operators.insert(alice)
            tx.operators.insert_session(a_session(alice, session_hash="s1"))
            tx.operators.insert_session(a_session(alice, session_hash="s2"))
        assert await store.operators.session("s1", T0_US) == a_session(alice, session_hash="s1")
        async with store.transaction() as tx:
            tx.operators.end_session("s1")
        assert await store.operators.session("s1", T0_US) is None
        assert await store.operators.session("s2", T0_US) is not None
        async with store.transaction() as tx:
            tx.operators.set_password(alice.operator_id, "$argon2id$new")
        assert await store.operators.session("s2", T0_US) is None


async def test_a_session_slides_and_expires(settings: StoreSettings) -> None:
    alice = an_operator()
    session = a_session(alice, expires_at_us=T0_US + 10)
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.operators.insert(alice)
            tx.operators.insert_session(session)
        assert await store.operators.session(session.session_hash, T0_US + 10) is None
        async with store.transaction() as tx:
            tx.operators.touch_session(session.session_hash, T0_US + 5, T0_US + 20)
        assert await store.operators.session(session.session_hash, T0_US + 10) is not None
        removed = await store.retention.run_once(T0_US + 21)
        assert removed["sessions"] == 1


async def test_deleting_an_operator_takes_sessions_and_preferences(
    settings: StoreSettings,
) -> None:
    alice = an_operator()
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.operators.insert(alice)
            tx.operators.insert_session(a_session(alice, session_hash="s"))
            tx.operators.put_preferences(alice.operator_id, Preferences(muted_events=("a",)), T0_US)
        async with store.transaction() as tx:
            tx.operators.delete(alice.operator_id)
        assert await store.operators.session("s", T0_US) is None
        assert await store.operators.preferences(alice.operator_id) == Preferences()


async def test_the_last_admin_stays(settings: StoreSettings) -> None:
    admins = [an_operator(role=Role.ADMIN) for _ in range(4)]
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            for admin in admins:
                tx.operators.insert(admin)

        async def remove(store: Store, index: int) -> str:
            try:
                async with store.transaction() as tx:
                    if index % 2:
                        tx.operators.delete(admins[index].operator_id)
                    else:
                        tx.operators.set_role(admins[index].operator_id, Role.VIEWER)
            except Conflict as conflict:
                return conflict.what
            return "gone"

        answers = await asyncio.gather(*(remove(store, index) for index in range(4)))
        assert sorted(answers) == ["gone", "gone", "gone", "last_admin"]
        left = [operator for operator in await store.operators.all() if operator.role is Role.ADMIN]
        assert len(left) == 1


@pytest.mark.parametrize("demote", [False, True], ids=["delete", "demote"])
async def test_two_instances_cannot_remove_the_last_two_admins(
    shared: StoreSettings, demote: bool
) -> None:
    """The second begins while the first has deleted its admin and not yet committed."""
    first, second = (an_operator(role=Role.ADMIN) for _ in range(2))
    async with (
        await a_store(shared, instance="a") as one,
        await a_store(shared, instance="b") as other,
    ):
        async with one.transaction() as tx:
            tx.operators.insert(first)
            tx.operators.insert(second)

        async def remove_second() -> None:
            async with other.transaction() as tx:
                if demote:
                    tx.operators.set_role(second.operator_id, Role.VIEWER)
                else:
                    tx.operators.delete(second.operator_id)

        async with one._database.exclusive() as session:
            await session.execute("UPDATE operators SET version = version WHERE role = 'admin'")
            await session.execute(
                "DELETE FROM operators WHERE operator_id = ?", (first.operator_id,)
            )
            removing = asyncio.create_task(remove_second())
            await asyncio.wait((removing,), timeout=0.3)  # time enough to go wrong
        with pytest.raises(Conflict, match="last_admin"):
            await removing
        assert [operator.role for operator in await one.operators.all()] == [Role.ADMIN]


async def test_preferences(settings: StoreSettings) -> None:
    alice = an_operator()
    wanted = Preferences(
        muted_events=("mitigation.expired",), quiet_hours_start=22, quiet_hours_end=7
    )
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.operators.insert(alice)
        for preferences in (wanted, Preferences()):
            async with store.transaction() as tx:
                tx.operators.put_preferences(alice.operator_id, preferences, T0_US)
            assert await store.operators.preferences(alice.operator_id) == preferences
        for operator_id, refused in (
            ("00000000-0000-0000-0000-000000000000", wanted),
            (alice.operator_id, Preferences(quiet_hours_start=1)),
            (alice.operator_id, Preferences(quiet_hours_start=1, quiet_hours_end=24)),
        ):
            with pytest.raises(Conflict, match="constraint"):
                async with store.transaction() as tx:
                    tx.operators.put_preferences(operator_id, refused, T0_US)


async def test_tokens_are_revoked_not_forgotten(settings: StoreSettings) -> None:
    token = a_token(
        permissions=frozenset({Permission.INGEST, Permission.READ}),
        sources=frozenset({"fastnetmon"}),
        networks=(a_prefix("192.0.2.0/24"), a_prefix("2001:db8::/32")),
        expires_at_us=T0_US + 5,
    )
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            tx.tokens.insert(token)
        assert await store.tokens.get(token.token_id) == token
        with pytest.raises(Conflict, match="token"):
            async with store.transaction() as tx:
                tx.tokens.insert(a_token(name=token.name))
        async with store.transaction() as tx:
            tx.tokens.used(token.token_id, T0_US + 3)
            tx.tokens.used(token.token_id, T0_US + 2)
            tx.tokens.revoke(token.token_id, T0_US + 4)
        (kept,) = await store.tokens.all()
        assert (kept.last_used_at_us, kept.revoked_at_us) == (T0_US + 3, T0_US + 4)
        assert not kept.is_live(T0_US)
        with pytest.raises(Conflict, match="token"):
            async with store.transaction() as tx:
                tx.tokens.revoke(token.token_id, T0_US + 9)


async def test_safelist_entries_keep_their_source(settings: StoreSettings) -> None:
    prefix = a_prefix("2001:db8::/48")
    entries = [
        SafelistEntry(prefix=prefix, source=source, added_at_us=T0_US, added_by="alice")
        for source in (EntrySource.API, EntrySource.CONFIG)
    ]
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            for entry in entries:
                tx.safelist.put(entry)
                tx.safelist.put(entry)
        assert await store.safelist.all() == entries
        async with store.transaction() as tx:
            tx.safelist.remove(prefix, EntrySource.CONFIG)
        assert await store.safelist.all() == entries[:1]
        with pytest.raises(Conflict, match="safelist"):
            async with store.transaction() as tx:
                tx.safelist.remove(prefix, EntrySource.CONFIG)


async def test_the_first_answer_to_a_key_stands(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:

        async def answer(body: str) -> bool:
            try:
                async with store.transaction() as tx:
                    tx.idempotency.insert("key", "request", 202, body, T0_US)
            except Conflict as conflict:
                return conflict.what != "idempotency"
            return True

        first = (await asyncio.gather(*(answer(str(number)) for number in range(5)))).index(True)
        stored = await store.idempotency.get("key", T0_US)
        assert stored == StoredAnswer("request", 202, str(first))
        assert await store.idempotency.get("key", T0_US + 1) is None


async def test_the_notification_queue_delivers_once(settings: StoreSettings) -> None:
    async with await a_store(settings) as store:
        async with store.transaction() as tx:
            for number in (1, 2, 2):
                tx.notifications.enqueue(
                    f"n{number}",
                    pop="ams1",
                    destination="noc-slack",
                    event="mitigation.created",
                    body="{}",
                    created_at_us=T0_US,
                    due_at_us=T0_US + number,
                )
        assert [n.notification_id for n in await store.notifications.due("ams1", T0_US + 1)] == [
            "n1"
        ]
        assert await store.notifications.due("fra1", T0_US + 9) == []
        async with store.transaction() as tx:
            tx.notifications.delivered("n1", 1, T0_US + 1)
            tx.notifications.retry("n2", 1, T0_US + 50, "503")
            tx.notifications.retry("n1", 2, T0_US + 2, "too late: delivered stays delivered")
        assert await store.notifications.due("ams1", T0_US + 49) == []
        (second,) = await store.notifications.due("ams1", T0_US + 50)
        assert (second.notification_id, second.attempts, second.last_error) == ("n2", 1, "503")
        assert await store.notifications.depth("ams1") == 1


async def test_a_config_version_is_taken_once(settings: StoreSettings) -> None:
    first = ConfigSnapshot(1, "aa", T0_US, "{}")
    second = ConfigSnapshot(2, "bb", T0_US + 1, '{"a":1}')
    async with await a_store(settings) as store:
        assert await store.config.newest("ams1") is None
        for snapshot in (first, second):
            async with store.transaction() as tx:
                tx.config.insert("ams1", snapshot)
        assert await store.config.newest("ams1") == second
        assert await store.config.get("ams1", 1) == first
        with pytest.raises(Conflict, match="config_version"):
            async with store.transaction() as tx:
                tx.config.insert("ams1", ConfigSnapshot(2, "cc", T0_US, "{}"))
