"""Operators, their sessions and API tokens: made, checked, changed, ended. One audit row for each.

Looking up a caller costs a database read, so answers are remembered for a few seconds; a change
made here forgets them at once, one made by another instance when `forget()` is called for it.
Password hashing runs in threads, two at a time: a flood of logins can slow logins, not the daemon.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prefixd.auth.password import DUMMY_HASH, fingerprint, hash_password, verify_password
from prefixd.auth.settings import AuthSettings
from prefixd.auth.throttle import Attempts
from prefixd.auth.token import NewToken, new_token, secret_matches, split_token
from prefixd.clock import Clock
from prefixd.domain.account import ApiToken, LoginSession, Operator, Preferences
from prefixd.domain.actor import (
    ROLE_PERMISSIONS,
    Actor,
    ActorKind,
    Permission,
    Role,
    operator,
)
from prefixd.domain.audit import AuditEntry
from prefixd.domain.ids import OperatorId, TokenId
from prefixd.domain.news import LoginFailed, News, OperatorChanged
from prefixd.domain.prefix import Address, Prefix
from prefixd.errors import Conflict
from prefixd.store.store import Store, Transaction

REMEMBERED_US = 5_000_000
REMEMBERED_MAX = 10_000
TOUCH_US = 60_000_000  # a session's or token's last use is noted this often, not every request
HASHES_AT_ONCE = 2
LOGINS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class LoggedIn:
    operator: Operator
    cookie: str

    def __repr__(self) -> str:
        return f"LoggedIn(operator={self.operator.username!r})"


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """Wrong name or password; `wait_s` is set when there were too many of them."""

    wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    name: str
    permissions: frozenset[Permission]
    sources: frozenset[str] | None = None
    networks: tuple[Prefix, ...] = ()
    expires_at_us: int | None = None


@dataclass(slots=True)
class _Remembered:
    actor: Actor | None
    until_us: int
    token: ApiToken | None = None
    touched_us: int = 0


class Accounts:
    def __init__(
        self,
        store: Store,
        settings: AuthSettings,
        clock: Clock,
        new_id: Callable[[], str],
        pop: str,
        tell: Callable[[Sequence[News]], None] | None = None,
    ) -> None:
        self._store = store
        self._tell = tell
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._pop = pop
        # An attacker who guesses at a name must not lock its owner out: the tight limit is on
        # name and address together. An address may stand for an office, so it gets more tries;
        # a name gets more still, and only guessing from many addresses reaches that.
        login = settings.login
        self._by_pair = Attempts(login.attempts, login.window_s)
        self._by_address = Attempts(login.attempts * 4, login.window_s)
        self._by_name = Attempts(login.attempts * 20, login.window_s)
        self._verifying = 0
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._remembered: dict[str, _Remembered] = {}
        self._revoked: list[Callable[[], None]] = []

    # who is it

    async def session_actor(self, cookie: str) -> Actor | None:
        key = _hashed(cookie)
        known = self._known(key)
        if known is None:
            known = self._remember(key, await self._load_session(key))
        await self._touch_session(key, known)
        return known.actor

    async def token_actor(self, text: str, address: str) -> Actor | None:
        parts = split_token(text)
        if parts is None:
            return None
        token_id, secret = parts
        key = _hashed(text)
        known = self._known(key)
        if known is None:
            token = await self._store.tokens.get(token_id)
            good = token is not None and secret_matches(secret, token.secret_hash)
            known = self._remember(key, _token_actor(token) if good and token else None)
            known.token = token if good else None
        token = known.token
        if token is None or not token.is_live(self._clock.now_us()):
            return None
        if token.networks and not _from(address, token.networks):
            return None
        await self._touch_token(token, known)
        return known.actor

    def forget(self) -> None:
        """Rights may have changed: ask the store again, and end the feeds that lost theirs."""
        self._remembered.clear()
        for listener in self._revoked:
            listener()

    def on_revoked(self, listener: Callable[[], None]) -> None:
        """Called whenever rights may have shrunk; open connections check themselves again."""
        self._revoked.append(listener)

    # sessions

    async def login(self, username: str, password: str, address: str) -> LoggedIn | LoginRefused:
        now = self._clock.monotonic()
        pair = f"{address} {username}"
        limits = ((self._by_pair, pair), (self._by_address, address), (self._by_name, username))
        wait_s = max(attempts.wait_s(key, now) for attempts, key in limits)
        if wait_s > 0 or self._verifying >= LOGINS_AT_ONCE:
            self._login_failed(username, address, throttled=True)
            return LoginRefused(wait_s or 1.0)
        # Counted before the answer is known: a hundred tries at once are a hundred tries.
        for attempts, key in limits:
            attempts.failed(key, now)
        self._verifying += 1
        try:
            found = await self._store.operators.by_username(username)
            stored = DUMMY_HASH if found is None else found.password_hash
            good = await self._verified(password, stored)
        finally:
            self._verifying -= 1
        if found is None or not good:
            self._login_failed(username, address, throttled=False)
            return LoginRefused()
        for attempts, key in limits:
            attempts.taken_back(key)
        self._by_pair.succeeded(pair)
        cookie = secrets.token_urlsafe(32)
        now_us = self._clock.now_us()
        async with self._store.transaction() as tx:
            tx.operators.insert_session(
                LoginSession(
                    session_hash=_hashed(cookie),
                    operator_id=found.operator_id,
                    fingerprint=fingerprint(found.password_hash),
                    created_at_us=now_us,
                    last_seen_at_us=now_us,
                    expires_at_us=now_us + self._settings.session_idle_s * 1_000_000,
                    address=address,
                )
            )
            tx.operators.logged_in(found.operator_id, now_us)
            self._audit(tx, _actor_of(found), "login", "operator", found.operator_id, {})
        return LoggedIn(found, cookie)

    async def logout(self, cookie: str, actor: Actor) -> None:
        async with self._store.transaction() as tx:
            tx.operators.end_session(_hashed(cookie))
            self._audit(tx, actor, "logout", "operator", actor.operator_id, {})
        self.forget()

    # operators

    async def operators(self) -> Sequence[Operator]:
        return await self._store.operators.all()

    async def operator(self, operator_id: str) -> Operator | None:
        return await self._store.operators.get(operator_id)

    async def create_operator(
        self, username: str, password: str, role: Role, actor: Actor
    ) -> Operator:
        """Conflict("username") when the name is taken."""
        _require_cover(actor, role, username)
        made = Operator(
            operator_id=OperatorId(self._new_id()),
            username=username,
            password_hash=await self._hashed_password(password),
            role=role,
            created_at_us=self._clock.now_us(),
            created_by=actor.name,
        )
        async with self._store.transaction() as tx:
            tx.operators.insert(made)
            details = {"username": username, "role": str(role)}
            self._audit(tx, actor, "operator_create", "operator", made.operator_id, details)
        self._changed(actor, username, "created")
        return made

    async def delete_operator(self, operator_id: str, actor: Actor) -> None:
        """Conflict("last_admin") when no admin would be left."""
        name = await self._name_of(operator_id, actor)
        async with self._store.transaction() as tx:
            tx.operators.delete(operator_id)
            self._audit(tx, actor, "operator_delete", "operator", operator_id, {})
        self.forget()
        self._changed(actor, name, "deleted")

    async def set_role(self, operator_id: str, role: Role, actor: Actor) -> None:
        _require_cover(actor, role, operator_id)
        name = await self._name_of(operator_id, actor)
        async with self._store.transaction() as tx:
            tx.operators.set_role(operator_id, role)
            details = {"role": str(role)}
            self._audit(tx, actor, "operator_role", "operator", operator_id, details)
        self.forget()
        self._changed(actor, name, f"role {role}")

    async def set_password(self, operator_id: str, password: str, actor: Actor) -> None:
        """Ends the operator's sessions."""
        name = await self._name_of(operator_id, actor)
        password_hash = await self._hashed_password(password)
        async with self._store.transaction() as tx:
            tx.operators.set_password(operator_id, password_hash)
            self._audit(tx, actor, "operator_password", "operator", operator_id, {})
        self.forget()
        self._changed(actor, name, "new password")

    async def password_matches(self, operator_id: str, password: str) -> bool:
        found = await self._store.operators.get(operator_id)
        return found is not None and await self._verified(password, found.password_hash)

    async def preferences(self, operator_id: str) -> Preferences:
        return await self._store.operators.preferences(operator_id)

    async def put_preferences(self, operator_id: str, preferences: Preferences) -> None:
        async with self._store.transaction() as tx:
            tx.operators.put_preferences(operator_id, preferences, self._clock.now_us())

    # tokens

    async def tokens(self) -> Sequence[ApiToken]:
        return await self._store.tokens.all()

    async def create_token(self, request: TokenRequest, actor: Actor) -> tuple[ApiToken, NewToken]:
        """A token never carries more than its maker has. Conflict("token"): the name is taken."""
        wider = await self._wider_than_its_maker(request, actor)
        if wider is not None:
            raise Conflict(wider, request.name)
        fresh = new_token()
        made = ApiToken(
            token_id=TokenId(fresh.token_id),
            name=request.name,
            secret_hash=fresh.secret_hash,
            permissions=request.permissions,
            created_at_us=self._clock.now_us(),
            created_by=actor.name,
            sources=request.sources,
            networks=request.networks,
            expires_at_us=request.expires_at_us,
        )
        async with self._store.transaction() as tx:
            tx.tokens.insert(made)
            details = {
                "name": made.name,
                "permissions": ",".join(sorted(made.permissions)),
            }
            self._audit(tx, actor, "token_create", "token", made.token_id, details)
        self._changed(actor, f"token {made.name}", "created")
        return made, fresh

    async def revoke_token(self, token_id: str, actor: Actor) -> None:
        """Conflict("token") when there is none, or it is revoked already."""
        async with self._store.transaction() as tx:
            tx.tokens.revoke(token_id, self._clock.now_us())
            self._audit(tx, actor, "token_revoke", "token", token_id, {})
        self.forget()
        self._changed(actor, f"token {token_id}", "revoked")

    # inside

    def _changed(self, actor: Actor, target: str, change: str) -> None:
        if self._tell is not None:
            news = OperatorChanged(
                at_us=self._clock.now_us(), actor=actor, target=target, change=change
            )
            self._tell((news,))

    def _login_failed(self, name: str, address: str, *, throttled: bool) -> None:
        if self._tell is not None:
            news = LoginFailed(
                at_us=self._clock.now_us(), name=name, address=address, throttled=throttled
            )
            self._tell((news,))

    async def _name_of(self, operator_id: str, actor: Actor) -> str:
        """The name of an operator whom this actor may change: one with no more rights."""
        found = await self._store.operators.get(operator_id)
        if found is None:
            return operator_id
        _require_cover(actor, found.role, operator_id)
        return found.username

    async def _wider_than_its_maker(self, request: TokenRequest, actor: Actor) -> str | None:
        """What the token would have and its maker has not; a maker may be a token itself."""
        if not request.permissions <= actor.permissions:
            return "permissions"
        if actor.sources is not None and (
            request.sources is None or not request.sources <= actor.sources
        ):
            return "sources"
        maker = None if actor.token_id is None else await self._store.tokens.get(actor.token_id)
        if maker is None:
            return None
        if maker.networks and not (
            request.networks
            and all(any(held.covers(each) for held in maker.networks) for each in request.networks)
        ):
            return "networks"
        if maker.expires_at_us is not None and (
            request.expires_at_us is None or request.expires_at_us > maker.expires_at_us
        ):
            return "lifetime"
        return None

    def _known(self, key: str) -> _Remembered | None:
        known = self._remembered.get(key)
        if known is None or known.until_us <= self._clock.now_us():
            return None
        return known

    def _remember(self, key: str, actor: Actor | None) -> _Remembered:
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        entry = _Remembered(actor, self._clock.now_us() + REMEMBERED_US)
        self._remembered[key] = entry
        return entry

    async def _load_session(self, session_hash: str) -> Actor | None:
        session = await self._store.operators.session(session_hash, self._clock.now_us())
        if session is None:
            return None
        found = await self._store.operators.get(session.operator_id)
        if found is None or fingerprint(found.password_hash) != session.fingerprint:
            return None
        return _actor_of(found)

    async def _touch_session(self, session_hash: str, known: _Remembered) -> None:
        now_us = self._clock.now_us()
        if known.actor is None or now_us - known.touched_us < TOUCH_US:
            return
        known.touched_us = now_us
        async with self._store.transaction() as tx:
            expires_at_us = now_us + self._settings.session_idle_s * 1_000_000
            tx.operators.touch_session(session_hash, now_us, expires_at_us)

    async def _touch_token(self, token: ApiToken, known: _Remembered) -> None:
        now_us = self._clock.now_us()
        if now_us - max(known.touched_us, token.last_used_at_us or 0) < TOUCH_US:
            return
        known.touched_us = now_us
        async with self._store.transaction() as tx:
            tx.tokens.used(token.token_id, now_us)

    async def _verified(self, password: str, stored: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(verify_password, password, stored)

    async def _hashed_password(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(hash_password, password)

    def _audit(
        self,
        tx: Transaction,
        actor: Actor,
        action: str,
        target_type: str,
        target_id: str | None,
        details: dict[str, str],
    ) -> None:
        tx.audit.append(
            AuditEntry(
                audit_id=self._new_id(),
                at_us=self._clock.now_us(),
                pop=self._pop,
                actor_type=actor.kind,
                actor_id=actor.name,
                action=action,
                target_type=target_type,
                target_id=target_id,
                details=json.dumps(details, sort_keys=True, separators=(",", ":")),
            )
        )


def _actor_of(found: Operator) -> Actor:
    return operator(found.username, found.role, found.operator_id)


def _token_actor(token: ApiToken) -> Actor:
    detector = token.permissions <= {Permission.INGEST}
    return Actor(
        kind=ActorKind.DETECTOR if detector else ActorKind.OPERATOR,
        name=token.name,
        permissions=token.permissions,
        token_id=token.token_id,
        sources=token.sources,
    )


def _from(address: str, networks: tuple[Prefix, ...]) -> bool:
    found = Address.parse(address)
    return found is not None and any(network.contains(found) for network in networks)


def _hashed(secret: str) -> str:
    # A header may carry octets that are no text; they are as wrong as any other secret.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _require_cover(actor: Actor, role: Role, target: str) -> None:
    """Conflict("role"): the role has a permission that the actor has not. An actor who may manage
    accounts could otherwise make an admin, or become one by a new password."""
    if not ROLE_PERMISSIONS[role] <= actor.permissions:
        raise Conflict("role", target)
