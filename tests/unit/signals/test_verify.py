"""Who may send, method by method."""

import base64
import hashlib
import hmac

import pytest

from prefixd.signals.decoy_formats import WEBHOOK_AUTH
from prefixd.signals.jsonpath import compile_path
from prefixd.signals.settings import AuthType, HmacAlgorithm, HmacEncoding, WebhookAuth
from prefixd.signals.verify import Denied, Fault, Request, Verified, verify, verify_body_secret

NOW = 1_930_385_710_000_000
BODY = b'{"a": 1}'
SECRET = "a-secret-of-thirty-two-characters"


def sign(body=BODY, secret=SECRET, digest=hashlib.sha256):
    return hmac.new(secret.encode(), body, digest).hexdigest()


def check(auth, secrets=(SECRET,), now=NOW, **request):
    return verify(Request(**{"body": BODY, **request}), auth, secrets, now)


PLAIN = WebhookAuth(type=AuthType.HMAC)


def header(value, name="X-Signature-SHA256"):
    return [(name, value)]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (header(sign()), Verified()),
        (header(f"sha256={sign()}"), Verified()),
        (header(f"SHA256={sign().upper()}", "x-signature-sha256"), Verified()),
        (header(sign(b"x")), Denied(Fault.WRONG)),
        (header(sign()[:-2]), Denied(Fault.WRONG)),
        (header("zz"), Denied(Fault.MALFORMED)),
        (header(""), Denied(Fault.MISSING)),
        ([], Denied(Fault.MISSING)),
        (header(sign()) * 2, Denied(Fault.REPEATED)),
    ],
)
def test_a_plain_signature(headers, expected):
    assert check(PLAIN, headers=headers) == expected


def test_one_changed_byte_is_another_body():
    assert check(PLAIN, headers=header(sign()), body=b'{"a": 2}') == Denied(Fault.WRONG)


def test_two_secrets_are_valid_while_one_is_rotated_and_none_is_a_misconfiguration():
    old = header(sign(secret="the-old-one"))
    assert check(PLAIN, ("the-new-one", "the-old-one"), headers=old) == Verified()
    assert check(PLAIN, ("the-new-one",), headers=old) == Denied(Fault.WRONG)
    assert check(PLAIN, (), headers=old) == Denied(Fault.MISCONFIGURED)
    empty = header(sign(secret=""))
    assert check(PLAIN, ("",), headers=empty) == Denied(Fault.MISCONFIGURED)


def test_sha512_and_base64():
    auth = WebhookAuth(
        type=AuthType.HMAC, algorithm=HmacAlgorithm.SHA512, encoding=HmacEncoding.BASE64, prefix=""
    )
    digest = hmac.new(SECRET.encode(), BODY, hashlib.sha512).digest()
    assert check(auth, headers=header(base64.b64encode(digest).decode())) == Verified()
    assert check(auth, headers=header("not base64!")) == Denied(Fault.MALFORMED)


STAMPED = WebhookAuth(type=AuthType.HMAC, timestamp_header="X-Time", tolerance_s=300)


def stamped(at_s):
    return [
        ("X-Time", str(at_s)),
        ("X-Signature-SHA256", sign(f"{at_s}.".encode() + BODY)),
    ]


def test_w84_s34_a_signed_time_makes_a_recorded_request_useless():
    """sig 20.11."""
    now_s = NOW // 1_000_000
    fresh = check(STAMPED, headers=stamped(now_s))
    assert isinstance(fresh, Verified)
    assert fresh.replay_key.startswith("hmac:")
    assert check(STAMPED, headers=stamped(now_s)) == fresh, "a repeat has the same key"
    assert isinstance(check(STAMPED, headers=stamped(now_s - 300)), Verified)
    assert check(STAMPED, headers=stamped(now_s - 301)) == Denied(Fault.STALE)
    assert check(STAMPED, headers=stamped(now_s + 301)) == Denied(Fault.STALE)
    moved = [("X-Time", str(now_s)), stamped(now_s - 900)[1]]
    assert check(STAMPED, headers=moved) == Denied(Fault.WRONG)
    assert check(STAMPED, headers=[("X-Time", "soon"), *header(sign())]) == Denied(Fault.MALFORMED)
    assert check(STAMPED, headers=header(sign())) == Denied(Fault.MISSING)


def test_a_decoys_signature_with_its_published_example():
    body = (
        b'{"id":"00000000000000000000000000000001","payload":{},"topic":"system.log",'
        b'"ts":"2026-11-20T00:00:00+00:00","type":"log","v":1}'
    )
    value = "2c7d2255bca9a7d9d58f2ab5eb7428fe0abe5f9f883c496ffef5079930289c84"
    secrets = ("a-test-secret-of-32-characters!!",)

    def sent(text):
        return check(WEBHOOK_AUTH, secrets, headers=[("X-DECNET-Signature", text)], body=body)

    assert sent(f"sha256={value}") == Verified()
    assert sent(f"sha256={value.upper()}") == Verified()
    assert sent(value) == Denied(Fault.MALFORMED)


def test_standard_webhooks():
    auth = WebhookAuth(type=AuthType.STANDARD_WEBHOOKS)
    key = b"0123456789abcdef"
    now_s = NOW // 1_000_000
    digest = hmac.new(key, f"m1.{now_s}.".encode() + BODY, hashlib.sha256).digest()
    good = f"v1,{base64.b64encode(digest).decode()}"
    secret = f"whsec_{base64.b64encode(key).decode()}"

    def sent(signature, stamp=now_s):
        headers = [("webhook-id", "m1"), ("webhook-timestamp", str(stamp)),
                   ("Webhook-Signature", signature)]  # fmt: skip
        return check(auth, (secret,), headers=headers)

    assert sent(good) == Verified("id:m1")
    assert sent(f"v1,AAAA {good}") == Verified("id:m1")
    assert sent("v1,AAAA") == Denied(Fault.WRONG)
    assert sent("v2,AAAA") == Denied(Fault.MALFORMED)
    assert sent(good, now_s - 301) == Denied(Fault.STALE)


def test_bearer_and_basic():
    bearer = WebhookAuth(type=AuthType.BEARER)
    assert check(bearer, headers=[("authorization", f"Bearer {SECRET}")]) == Verified()
    assert check(bearer, headers=[("Authorization", "Bearer x")]) == Denied(Fault.WRONG)
    assert check(bearer, headers=[("Authorization", "Basic x")]) == Denied(Fault.MALFORMED)
    basic = WebhookAuth(type=AuthType.BASIC, user="box")
    encoded = base64.b64encode(f"box:{SECRET}".encode()).decode()
    other = base64.b64encode(f"bix:{SECRET}".encode()).decode()
    assert check(basic, headers=[("Authorization", f"Basic {encoded}")]) == Verified()
    assert check(basic, headers=[("Authorization", f"Basic {other}")]) == Denied(Fault.WRONG)
    assert check(basic, headers=[("Authorization", "Basic %%")]) == Denied(Fault.MALFORMED)


def test_secrets_in_a_header_an_address_and_a_certificate():
    shared = WebhookAuth(type=AuthType.HEADER_SECRET, header="cf-webhook-auth")
    assert check(shared, headers=[("CF-Webhook-Auth", SECRET)]) == Verified()
    assert check(shared, headers=[("cf-webhook-auth", "x")]) == Denied(Fault.WRONG)
    query = WebhookAuth(type=AuthType.QUERY_TOKEN, param="token")
    assert check(query, query=[("token", SECRET)]) == Verified()
    assert check(query, query=[("Token", SECRET)]) == Denied(Fault.MISSING)
    assert check(query, query=[("token", SECRET), ("token", "x")]) == Denied(Fault.REPEATED)
    mtls = WebhookAuth(type=AuthType.MTLS, subjects=("box-b",))
    assert check(mtls, subject="box-b") == Verified()
    assert check(mtls, subject="box-c") == Denied(Fault.WRONG)
    assert check(mtls) == Denied(Fault.WRONG)
    assert check(WebhookAuth(type=AuthType.NONE), ()) == Verified()


def test_a_secret_inside_the_body():
    path = compile_path("$.sharedsecret")
    assert verify_body_secret({"sharedsecret": SECRET}, path, (SECRET,)) == Verified()
    assert verify_body_secret({"sharedsecret": "x"}, path, (SECRET,)) == Denied(Fault.WRONG)
    assert verify_body_secret({}, path, (SECRET,)) == Denied(Fault.MISSING)
    assert verify_body_secret({"sharedsecret": ""}, path, ("",)) == Denied(Fault.MISCONFIGURED)


def test_text_that_is_not_ascii_is_simply_wrong():
    shared = WebhookAuth(type=AuthType.HEADER_SECRET, header="X")
    assert check(shared, headers=[("X", "sécret")]) == Denied(Fault.WRONG)
    assert check(PLAIN, headers=header("ïï")) == Denied(Fault.MALFORMED)
