from prefixd.auth.password import DUMMY_HASH, fingerprint, hash_password, verify_password

# Made by the reference implementation of Argon2 (`argon2 -id`), not by our code.
FROM_ELSEWHERE = (
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)


def test_a_hash_verifies_its_own_password_only() -> None:
    stored = hash_password("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password("correct horse", stored)
    assert not verify_password("correct horsf", stored)


def test_the_same_password_hashes_differently_each_time() -> None:
    assert hash_password("x") != hash_password("x")


def test_a_hash_made_elsewhere_is_understood() -> None:
    assert verify_password("password", FROM_ELSEWHERE)


def test_the_dummy_hash_matches_nothing_and_damaged_hashes_are_refused() -> None:
    assert not verify_password("", DUMMY_HASH)
    assert not verify_password("x", "$argon2id$nonsense")
    assert not verify_password("x", "")


def test_the_fingerprint_changes_with_the_password() -> None:
    assert fingerprint(hash_password("a")) != fingerprint(hash_password("a"))
