import pytest

from prefixd.auth.token import new_token, same_secret, secret_matches, split_token


def test_a_token_is_found_by_id_and_proved_by_secret() -> None:
    token = new_token()
    parts = split_token(token.text)
    assert parts is not None
    token_id, secret = parts
    assert token_id == token.token_id
    assert secret_matches(secret, token.secret_hash)
    assert not secret_matches(secret[:-1], token.secret_hash)


def test_the_secret_is_in_neither_the_hash_nor_the_repr() -> None:
    token = new_token()
    parts = split_token(token.text)
    assert parts is not None
    assert parts[1] not in token.secret_hash
    assert parts[1] not in repr(token)


@pytest.mark.parametrize("text", ["", "pfd_", "pfd_abc", "pfd__x", "Bearer x", "pfd_0123456789ab_"])
def test_other_texts_are_no_tokens(text: str) -> None:
    assert split_token(text) is None


def test_shared_secrets_compare_whatever_their_length() -> None:
    assert same_secret("abc", "abc")
    assert not same_secret("abc", "abcd")
    assert not same_secret("", "abc")
