"""The adapters in force: compiled once per load, with the secrets their senders sign with.

Held in one mutable place, because a reload swaps the whole set in one assignment while handlers
keep the object they were built with.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from prefixd.auth.throttle import RateLimiter
from prefixd.domain.prefix import Prefix
from prefixd.signals.settings import SignalSettings
from prefixd.signals.webhook_compile import CompiledAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One webhook: what it reads, from where, and how much of it."""

    compiled: CompiledAdapter
    allow_from: tuple[Prefix, ...]
    limiter: RateLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSet:
    settings: SignalSettings
    webhooks: Mapping[str, Adapter]
    secrets: Callable[[Sequence[str]], Sequence[str]] = field(repr=False)
    """References such as `env:NAME` to what they stand for; unset ones are left out."""


class LiveAdapters:
    """`current` is swapped by a reload."""

    __slots__ = ("current",)

    def __init__(self, current: AdapterSet) -> None:
        self.current = current


def adapter_of(compiled: CompiledAdapter) -> Adapter:
    """The networks were checked when the file was loaded; what is no prefix is no network."""
    networks = [Prefix.parse(text) for text in compiled.settings.allow_from]
    rate = compiled.settings.rate_per_s
    return Adapter(
        compiled=compiled,
        allow_from=tuple(network for network in networks if network is not None),
        limiter=RateLimiter(rate, max(rate, 1) * 2),
    )
