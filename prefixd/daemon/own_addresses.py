"""Our own addresses as safelist entries: what the speaker finds, the engine never mitigates.

The speaker refuses such rules by itself, as the last net. With these entries the decision is
refused as well, with its reason, and what is active already is withdrawn.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from prefixd.bgp.neighbor_settings import IPAddress
from prefixd.clock import Clock
from prefixd.domain.prefix import Prefix
from prefixd.domain.safelist import EntrySource, SafelistEntry
from prefixd.engine.engine import Engine
from prefixd.errors import StoreUnavailable

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0


def own_entries(addresses: Mapping[IPAddress, str], now_us: int) -> tuple[SafelistEntry, ...]:
    """Loopback and link-local addresses never reach a router and would only fill the list."""
    return tuple(
        SafelistEntry(
            prefix=prefix,
            source=EntrySource.INFRASTRUCTURE,
            added_at_us=now_us,
            added_by="prefixd",
            reason=reason,
        )
        for address, reason in addresses.items()
        if not (address.is_loopback or address.is_link_local)
        and (prefix := Prefix.parse(str(address))) is not None
    )


class OwnAddressKeeper:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = asyncio.Event()
        self._addresses: Mapping[IPAddress, str] = {}

    def changed(self, addresses: Mapping[IPAddress, str]) -> None:
        self._addresses = addresses
        self._changed.set()

    async def run(self, engine: Engine) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                ended = await engine.protect_own(own_entries(self._addresses, self._clock.now_us()))
            except StoreUnavailable:
                # Refused from now on all the same; what is active is withdrawn when it is stored.
                await asyncio.sleep(RETRY_S)
                self._changed.set()
                continue
            log.info(
                "own addresses changed",
                extra={"addresses": sorted(map(str, self._addresses)), "withdrawn": len(ended)},
            )
