"""Password hashes: Argon2id in the usual `$argon2id$...` text form.

Hashing is meant to be slow (about 25 ms and 19 MiB each), so callers run these functions off the
event loop and a few at a time. Verifying against `DUMMY_HASH` when a user does not exist takes as
long as a real check, so the answer's timing does not tell which names exist.
"""

import hashlib
import os

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

ITERATIONS = 2
LANES = 1
MEMORY_KIB = 19_456

# The hash of random bytes that were not kept: it matches no password.
DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$bm90IGEgcmVhbCBzYWx0IQ$"
    "Zm9yIHRpbWluZyBvbmx5LCBtYXRjaGVzIG5vdGhpbmc"
)


def hash_password(password: str) -> str:
    kdf = Argon2id(
        salt=os.urandom(16), length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB
    )
    return kdf.derive_phc_encoded(password.encode())


def verify_password(password: str, stored: str) -> bool:
    """False for a wrong password and for a stored text that is no hash of ours."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except (InvalidKey, ValueError):
        return False
    return True


def fingerprint(stored: str) -> str:
    """Ties a session to the password it was opened with: a new password ends old sessions."""
    return hashlib.sha256(stored.encode()).hexdigest()[:32]
