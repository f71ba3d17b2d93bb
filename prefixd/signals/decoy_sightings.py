"""What decoy sensors saw of each address lately, so that hints about one address add up.

Only addresses of customers belong in here: what a forged request says about strangers is counted
and not kept. The memory is bounded; of many addresses the one that was quiet longest is forgotten
first, and of one address the oldest sighting.
"""

from collections import OrderedDict
from collections.abc import Sequence

from prefixd.domain.prefix import Address
from prefixd.signals.decoy import Observation
from prefixd.signals.reading import SECOND_US
from prefixd.signals.settings import DeceptionSettings


class Sightings:
    def __init__(self, addresses: int = 8192, of_each: int = 64) -> None:
        self._addresses = addresses
        self._of_each = of_each
        self._seen: OrderedDict[tuple[str, Address], list[Observation]] = OrderedDict()

    def add(
        self, seen: Observation, address: Address, settings: DeceptionSettings, now_us: int
    ) -> Sequence[Observation]:
        """With it, everything about the address that still counts, newest last."""
        oldest_us = now_us - settings.hold_s * SECOND_US
        known = self._seen.pop((seen.sensor, address), [])
        kept = [*(item for item in known if item.at_us >= oldest_us), seen][-self._of_each :]
        self._seen[seen.sensor, address] = kept
        if len(self._seen) > self._addresses:
            self._seen.popitem(last=False)
        return kept
