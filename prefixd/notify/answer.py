"""The result of one attempt: delivered, to be retried, or failed for good.

Retried: no connection, no answer in time, 408, 425, 429 and 5xx. Everything else that is not 2xx
would fail again: redirects (never followed, they would carry the alert past the address check), bad
keys, deleted webhooks, refused addresses.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

MAX_RETRY_AFTER_S = 300.0
MAX_EXCERPT = 300
_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """The part of an HTTP response that is read."""

    status: int
    retry_after: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No response. `sentence` is ours and holds nothing secret; `forbidden`: we refused to call."""

    sentence: str
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    pass


@dataclass(frozen=True, slots=True)
class Later:
    sentence: str
    after_s: float | None = None
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Never:
    sentence: str
    excerpt: str = ""


Verdict = Delivered | Later | Never


def judge(answer: Answer | Unreachable, now: datetime) -> Verdict:
    if isinstance(answer, Unreachable):
        if answer.forbidden:
            return Never(answer.sentence)
        return Later(answer.sentence)
    if 200 <= answer.status < 300:
        return Delivered()
    sentence = f"answered HTTP {answer.status}"
    excerpt = answer.body[:MAX_EXCERPT].decode("utf-8", "replace")
    if answer.status in _AGAIN or answer.status >= 500:
        return Later(sentence, retry_after_s(answer, now), excerpt)
    if 300 <= answer.status < 400:
        sentence += ", a redirect, which is not followed"
    return Never(sentence, excerpt)


def retry_after_s(answer: Answer, now: datetime) -> float | None:
    """From the header, in seconds or as a date, or from the body where Discord and Telegram put
    it. At most five minutes: a longer wait is cut."""
    wait_s = _from_header(answer.retry_after, now)
    if wait_s is None and answer.status == 429:
        wait_s = _from_body(answer.body)
    return None if wait_s is None else min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _from_header(text: str | None, now: datetime) -> float | None:
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()


def _from_body(body: bytes) -> float | None:
    try:
        found = _decoder.decode(body)
    except msgspec.MsgspecError:
        return None
    if found.retry_after is not None:
        return found.retry_after
    return None if found.parameters is None else found.parameters.retry_after


class _Parameters(msgspec.Struct):
    retry_after: float | None = None


class _Busy(msgspec.Struct):
    retry_after: float | None = None
    parameters: _Parameters | None = None


_decoder = msgspec.json.Decoder(_Busy)
