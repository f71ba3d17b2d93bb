"""Everything configured that a decision depends on, as one value.

With it, a group, the facts and a moment, a decision is complete: live traffic, timers, previews and
replays hand in different bundles and run the same code.
"""

from dataclasses import dataclass
from typing import Final

from prefixd.correlation.settings import CorrelationSettings
from prefixd.domain.inventory import EMPTY_INVENTORY, Inventory
from prefixd.guardrails.limits import Limits
from prefixd.policy.playbook import PolicySettings

DEFAULT_CORRELATION: Final = CorrelationSettings()
DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    pop: str
    policy: PolicySettings
    correlation: CorrelationSettings = DEFAULT_CORRELATION
    limits: Limits = DEFAULT_LIMITS
    inventory: Inventory = EMPTY_INVENTORY
    dry_run: bool = False
    config_version: int = 0
