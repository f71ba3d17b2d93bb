"""The real web application in front of an engine that answers at once: what HTTP alone costs.

python -m bench.face PORT

Reading, checking, limits, counting and the reply are the daemon's own; deciding and saving are
left out.
"""

import asyncio
import gc
import sys
from collections.abc import Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry

from prefixd.api.app import DIRECT, build_app
from prefixd.api.authenticate import ModeAuthenticator
from prefixd.api.cors import Cors
from prefixd.api.route import Services
from prefixd.api.settings import ApiSettings, RateLimitSettings
from prefixd.auth.accounts import Accounts
from prefixd.auth.settings import AuthMode, AuthSettings
from prefixd.clock import SystemClock
from prefixd.domain.actor import Actor
from prefixd.domain.record import Outcome
from prefixd.domain.signal import Signal
from prefixd.engine.answers import IngestAnswer
from prefixd.engine.ids import Identity
from prefixd.observability.exposition import Exposition
from prefixd.observability.metrics import Metrics
from tests.kit.engine import an_engine

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

PLENTY = RateLimitSettings(events_per_second=10_000_000, burst=10_000_000)
UUID = "01a1fcae-0630-745d-8764-f1aec24e09b0"
ANSWER = IngestAnswer(
    signal_id=UUID,
    external_id="det-42",
    outcome=Outcome.MITIGATED,
    reason="Acted: police to 20 Mbit/s dst 10.200.0.50/32 proto udp for 180 s.",
    group_id=UUID,
    mitigation_id=UUID,
)


async def serve(port: int) -> None:
    async with an_engine() as house:

        async def at_once(signals: Sequence[Signal], _actor: Actor) -> list[IngestAnswer]:
            return [ANSWER] * len(signals)

        house.engine.ingest = at_once  # type: ignore[method-assign]  # because: this is the point
        clock = SystemClock()
        new_id = Identity(clock)
        auth = AuthSettings(mode=AuthMode.NONE)
        accounts = Accounts(house.store, auth, clock, new_id, "bench")
        services = Services(
            engine=house.engine,
            authenticator=ModeAuthenticator(auth, accounts, Cors(None)),
            speaker=None,  # type: ignore[arg-type]  # because: no event asks it
            clock=clock,
            metrics=Metrics(),
            exposition=Exposition(CollectorRegistry()),
            new_id=new_id,
            version="0",
            pop="bench",
            answers=house.store,
        )
        app = build_app(services, ApiSettings(rate_limit=PLENTY))
        runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await runner.setup()
        assert runner.server is not None
        runner.server.request_handler = app[DIRECT].before(runner.server.request_handler)
        gc.freeze()  # as the daemon does it
        gc.set_threshold(50_000, 50, 100)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
