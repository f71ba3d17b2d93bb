"""The test message: who got it, and a sentence of ours where it failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from prefixd.api.app import build_app
from prefixd.api.config import AlertRoutes
from prefixd.api.route import Services
from prefixd.api.settings import ApiSettings
from prefixd.observability.exposition import Exposition
from prefixd.observability.metrics import Metrics
from tests.kit.api_services import ByHeader, NoPeers
from tests.kit.clock import FakeClock
from tests.kit.http import serving

ADMIN = {"X-Role": "admin"}


@dataclass(frozen=True)
class Tried:
    destination: str
    error: str | None = None


class Destinations:
    async def test(self, destination: str | None) -> Sequence[Tried]:
        known = [Tried("noc"), Tried("on-call", "the name does not resolve")]
        return [each for each in known if destination in {None, each.destination}]


async def test_each_destination_has_a_line_of_its_own() -> None:
    services = Services(
        engine=None,  # type: ignore[arg-type]  # because: no route of this test asks it
        authenticator=ByHeader(),
        speaker=NoPeers({}),
        clock=FakeClock(),
        metrics=Metrics(),
        exposition=Exposition(CollectorRegistry()),
        new_id=lambda: "id",
        version="0",
        pop="test1",
    )
    app = build_app(
        services, ApiSettings(), routes=AlertRoutes(Destinations()).routes(), strict=True
    )
    async with serving(app) as http:
        async with http.post("/v1/config/alerting/test", headers=ADMIN) as reply:
            assert (await reply.json())["results"] == [
                {"destination": "noc", "status": "ok", "error": None},
                {
                    "destination": "on-call",
                    "status": "error",
                    "error": "the name does not resolve",
                },
            ]
        path = "/v1/config/alerting/test?destination="
        async with http.post(f"{path}noc", headers=ADMIN) as reply:
            assert len((await reply.json())["results"]) == 1
        async with http.post(f"{path}unknown", headers=ADMIN) as reply:
            assert reply.status == 404
        async with http.post("/v1/config/alerting/test", headers={"X-Role": "operator"}) as reply:
            assert reply.status == 403
