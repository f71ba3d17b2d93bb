"""A guardrail's no, and the two that many of them share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason against a rule. `limit` and `value` are what was compared, as text."""

    code: str
    limit: str
    value: str
    sentence: str


def unknown(code: str, what: str) -> Refusal:
    return Refusal(code, "known", "unknown", f"{what} is not known: in doubt nothing new is made")


def not_allowed(code: str, what: str, value: str) -> Refusal:
    return Refusal(code, "not allowed", value, f"rules may not match {what} here")
