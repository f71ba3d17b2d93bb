"""A stage for detectors: the real daemon, a real router beside it, and a network of their own.

The router is GoBGP at 10.9.0.2 with the daemon at 10.9.0.1; the detector that a test brings speaks
to the daemon over HTTP and knows nothing of the router.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.kit.daemon_process import ROOT, DaemonProcess
from tests.kit.daemons import GoBgp, Neighbor, Wish, wait_for
from tests.kit.netns import private_network

DAEMON, ROUTER = "10.9.0.1", "10.9.0.2"
ASN, ROUTER_ASN = 64500, 65002
TOKEN = "a-token-for-the-stage"


@dataclass
class Stage:
    daemon: DaemonProcess
    router: GoBgp

    @property
    def url(self) -> str:
        return f"http://{DAEMON}:{self.daemon.port}"

    def is_established(self) -> bool:
        words = self.daemon.get("/v1/health/detail").json["bgp_sessions"]
        return set(words.values()) == {"established"}

    def router_holds(self, text: str) -> bool:
        return text in self.router.ask("global", "rib", "-a", "ipv4-flowspec")

    def await_rule(self, text: str, limit_s: float) -> None:
        wait_for(lambda: self.router_holds(text), limit_s, f"a rule about {text} on the router")

    def await_no_rule(self, text: str, limit_s: float) -> None:
        what = f"no rule about {text} on the router"
        wait_for(lambda: not self.router_holds(text), limit_s, what)


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A program and whatever it starts, until the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


@contextlib.contextmanager
def on_stage(tmp_path: Path) -> Iterator[Stage]:
    """Bounded by what the caller waits for; everything started here ends here."""
    correlation = yaml.safe_load((ROOT / "configs" / "correlation.yaml").read_text())
    correlation["clear_hold_seconds"] = 1
    (tmp_path / "router").mkdir()
    neighbor = Neighbor(
        us=DAEMON,
        our_asn=ASN,
        local=ROUTER,
        families=("ipv4-flowspec", "ipv6-flowspec"),
        our_port=1790,
    )
    wish = Wish(asn=ROUTER_ASN, router_id=ROUTER, neighbors=(neighbor,))
    router = GoBgp(tmp_path / "router")
    with (
        private_network([f"{DAEMON}/24", f"{ROUTER}/24"]),
        router.run(wish),
        DaemonProcess(
            tmp_path,
            main=_settings(),
            files={"correlation.yaml": correlation},
            environment={"PREFIXD_API_TOKEN": TOKEN},
            token=TOKEN,
            host=DAEMON,
        ) as daemon,
    ):
        stage = Stage(daemon, router)
        wait_for(stage.is_established, 20, "an established session")
        yield stage


def _settings() -> dict[str, object]:
    neighbor = {
        "name": "edge1",
        "address": ROUTER,
        "peer_asn": ROUTER_ASN,
        "profile": "gobgp",
        "local_address": DAEMON,
        "multihop": 64,
        "export": {},
    }
    return {
        "http": {"auth": {"mode": "bearer"}},
        "bgp": {
            "mode": "speaker",
            "local_asn": ASN,
            "router_id": DAEMON,
            "listen": [f"{DAEMON}:1790"],
            "neighbors": [neighbor],
        },
    }
