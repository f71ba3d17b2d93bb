import pytest

from prefixd.bgp.neighbor_settings import (
    RestartPolicy,
    RestartSettings,
    Secret,
    StopMode,
)
from prefixd.bgp.settings import PeerSettings, default_stop_mode
from tests.kit.bgp import a_peer

KEY = Secret(b"secret")


def test_keys_never_print() -> None:
    assert "secret" not in repr(a_peer(md5=KEY))


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        (RestartPolicy.FAIL_OPEN, StopMode.WITHDRAW),
        (RestartPolicy.BRIDGE, StopMode.KEEP),
        (RestartPolicy.HOLD, StopMode.KEEP),
    ],
)
def test_how_a_stop_looks_by_default(policy: RestartPolicy, mode: StopMode) -> None:
    peer: PeerSettings = a_peer(restart=RestartSettings(policy=policy))
    assert default_stop_mode(peer) is mode
