"""Authentication of a sender: every method an adapter may use, as pure functions.

Signatures are computed over the bytes as received, before anything is parsed. Comparisons take the
same time for right and wrong. Two secrets are tried so that one can be rotated. A header given
twice is refused: a proxy might read the other one.

Where the method signs a time, requests outside the tolerance are refused, and `replay_key` names
the message so that the caller can answer a repeat from its stored answer. Plain HMAC without a time
has no such key: that is a weakness of the sender's format, and the documentation states it.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from prefixd.signals.json_value import JsonValue, scalar_text
from prefixd.signals.jsonpath import BudgetSpent, NodeBudget, Path
from prefixd.signals.settings import AuthType, HmacAlgorithm, HmacEncoding, WebhookAuth

SECOND_US: Final = 1_000_000
WHSEC: Final = "whsec_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What there is to verify. Header names in any case; `subject` is the client certificate's."""

    headers: Sequence[tuple[str, str]] = ()
    query: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    subject: str = ""


class Fault(StrEnum):
    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG = "wrong"
    STALE = "stale"
    REPEATED = "repeated"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class Verified:
    """`replay_key` is set when the method gives each message a signed identity."""

    replay_key: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    fault: Fault


def verify(
    request: Request, auth: WebhookAuth, secrets: Sequence[str], now_us: int
) -> Verified | Denied:
    """`body_secret` is not decided here, it needs the parsed body: see `verify_body_secret`."""
    if auth.type is AuthType.NONE:
        return Verified()
    if auth.type is AuthType.MTLS:
        return Verified() if request.subject in auth.subjects else Denied(Fault.WRONG)
    usable = [secret for secret in secrets if secret]
    if not usable:
        return Denied(Fault.MISCONFIGURED)
    match auth.type:
        case AuthType.HMAC:
            return _hmac(request, auth, usable, now_us)
        case AuthType.STANDARD_WEBHOOKS:
            return _standard(request, auth, usable, now_us)
        case AuthType.BEARER:
            return _bearer(request, usable)
        case AuthType.BASIC:
            return _basic(request, auth, usable)
        case AuthType.HEADER_SECRET:
            return _among(_one(request.headers, auth.header), usable)
        case AuthType.QUERY_TOKEN:
            return _among(_one(request.query, auth.param, exact=True), usable)
        case AuthType.BODY_SECRET:
            return Verified()
        case _:
            assert_never(auth.type)


def verify_body_secret(payload: JsonValue, path: Path, secrets: Sequence[str]) -> Verified | Denied:
    """The secret travels inside the body (ntopng)."""
    try:
        found = path.select(payload, NodeBudget())
    except BudgetSpent:
        return Denied(Fault.MALFORMED)
    if len(found) != 1:
        return Denied(Fault.MISSING if not found else Fault.REPEATED)
    usable = [secret for secret in secrets if secret]
    if not usable:
        return Denied(Fault.MISCONFIGURED)
    return _among(scalar_text(found[0]) or "", usable)


def signature(body: bytes, secret: str, algorithm: HmacAlgorithm = HmacAlgorithm.SHA256) -> bytes:
    digest = hashlib.sha256 if algorithm is HmacAlgorithm.SHA256 else hashlib.sha512
    return hmac.new(secret.encode(), body, digest).digest()


def _hmac(
    request: Request, auth: WebhookAuth, secrets: Sequence[str], now_us: int
) -> Verified | Denied:
    given = _one(request.headers, auth.header)
    if isinstance(given, Denied):
        return given
    signed = request.body
    stamp = ""
    if auth.timestamp_header:
        claimed = _one(request.headers, auth.timestamp_header)
        if isinstance(claimed, Denied):
            return claimed
        fault = _time_fault(claimed, auth.tolerance_s, now_us)
        if fault is not None:
            return Denied(fault)
        stamp = claimed.strip()
        signed = stamp.encode() + b"." + request.body
    decoded = _decoded(given.strip(), auth)
    if decoded is None:
        return Denied(Fault.MALFORMED)
    if not any(
        hmac.compare_digest(decoded, signature(signed, secret, auth.algorithm))
        for secret in secrets
    ):
        return Denied(Fault.WRONG)
    return Verified(f"hmac:{decoded.hex()}" if stamp else "")


def _decoded(given: str, auth: WebhookAuth) -> bytes | None:
    if auth.prefix and given.lower().startswith(auth.prefix.lower()):
        given = given[len(auth.prefix) :]
    elif auth.prefix and auth.prefix_required:
        return None
    try:
        if auth.encoding is HmacEncoding.HEX:
            return bytes.fromhex(given) if given.isascii() and " " not in given else None
        return base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        return None


def _standard(
    request: Request, auth: WebhookAuth, secrets: Sequence[str], now_us: int
) -> Verified | Denied:
    """The Standard Webhooks convention: id, time and body are signed together."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    values = [_one(request.headers, name) for name in names]
    texts: list[str] = []
    for value in values:
        if isinstance(value, Denied):
            return value
        texts.append(value.strip())
    identity, stamp, offered = texts
    fault = _time_fault(stamp, auth.tolerance_s, now_us)
    if fault is not None:
        return Denied(fault)
    signed = f"{identity}.{stamp}.".encode() + request.body
    candidates = [part[3:] for part in offered.split(" ") if part.startswith("v1,")]
    if not candidates:
        return Denied(Fault.MALFORMED)
    right = False
    for secret in secrets:
        key = _standard_key(secret)
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        for candidate in candidates:
            right |= hmac.compare_digest(candidate.encode(), wanted)
    return Verified(f"id:{identity}") if right else Denied(Fault.WRONG)


def _standard_key(secret: str) -> bytes:
    if not secret.startswith(WHSEC):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(WHSEC), validate=True)
    except (ValueError, binascii.Error):
        return secret.encode()


def _bearer(request: Request, secrets: Sequence[str]) -> Verified | Denied:
    given = _one(request.headers, "Authorization")
    if isinstance(given, Denied):
        return given
    scheme, _, token = given.partition(" ")
    if scheme.casefold() != "bearer" or not token.strip():
        return Denied(Fault.MALFORMED)
    return _among(token.strip(), secrets)


def _basic(request: Request, auth: WebhookAuth, secrets: Sequence[str]) -> Verified | Denied:
    given = _one(request.headers, "Authorization")
    if isinstance(given, Denied):
        return given
    scheme, _, encoded = given.partition(" ")
    if scheme.casefold() != "basic":
        return Denied(Fault.MALFORMED)
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        return Denied(Fault.MALFORMED)
    return _among(decoded, [f"{auth.user}:{secret}" for secret in secrets])


def _among(given: str | Denied, secrets: Sequence[str]) -> Verified | Denied:
    if isinstance(given, Denied):
        return given
    right = False
    for secret in secrets:  # all are compared: which one fits must not show in the time taken
        right |= hmac.compare_digest(given.encode(), secret.encode())
    return Verified() if right else Denied(Fault.WRONG)


def _one(pairs: Sequence[tuple[str, str]], name: str, *, exact: bool = False) -> str | Denied:
    wanted = name if exact else name.casefold()
    found = [value for key, value in pairs if (key if exact else key.casefold()) == wanted]
    if len(found) > 1:
        return Denied(Fault.REPEATED)
    return found[0] if found and found[0].strip() else Denied(Fault.MISSING)


def _time_fault(claimed: str, tolerance_s: int, now_us: int) -> Fault | None:
    text = claimed.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        return Fault.MALFORMED
    drift_us = abs(now_us - int(text) * SECOND_US)
    return Fault.STALE if drift_us > tolerance_s * SECOND_US else None
