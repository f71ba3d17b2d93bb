"""API tokens: `pfd_<id>_<secret>`, shown once, stored as a hash.

The id finds the row, the secret proves it. The secret carries 256 random bits, so a plain SHA-256
is enough: there is nothing to guess, and checking one costs microseconds, not the milliseconds a
password needs. The fixed prefix lets secret scanners recognise a leaked token.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

PREFIX = "pfd_"
_ID_BYTES = 6
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the only moment its text exists."""

    token_id: str
    text: str
    secret_hash: str

    def __repr__(self) -> str:
        return f"NewToken(token_id={self.token_id!r})"


def new_token() -> NewToken:
    token_id = secrets.token_hex(_ID_BYTES)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return NewToken(token_id, f"{PREFIX}{token_id}_{secret}", hash_secret(secret))


def split_token(text: str) -> tuple[str, str] | None:
    """(id, secret) of a text shaped like one of our tokens, else None."""
    if not text.startswith(PREFIX):
        return None
    token_id, separator, secret = text[len(PREFIX) :].partition("_")
    if not separator or len(token_id) != 2 * _ID_BYTES or not secret:
        return None
    return token_id, secret


def hash_secret(secret: str) -> str:
    return hashlib.sha256(_octets(secret)).hexdigest()


def secret_matches(secret: str, stored_hash: str) -> bool:
    return hmac.compare_digest(hash_secret(secret), stored_hash)


def same_secret(given: str, expected: str) -> bool:
    """Constant time whatever the lengths are: both sides are hashed first."""
    return hmac.compare_digest(
        hashlib.sha256(_octets(given)).digest(), hashlib.sha256(_octets(expected)).digest()
    )


def _octets(text: str) -> bytes:
    """What a header really carried, even if that is no text."""
    return text.encode("utf-8", "surrogateescape")
