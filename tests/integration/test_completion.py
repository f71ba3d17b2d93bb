"""Completion with values that only the running daemon knows, in the real shells."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.daemon_process import DaemonProcess
from tests.kit.shells import SHELLS, after_a_tab, candidates, environment


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    neighbors = [
        {"name": name, "address": address, "port": 1, "peer_asn": 64500, "direction": "passive",
         "export": {}}
        for name, address in (("edge1", "127.0.0.9"), ("edge2", "127.0.0.10"))
    ]  # fmt: skip
    bgp = {"mode": "speaker", "listen": ["127.0.0.1:0"], "neighbors": neighbors}
    with DaemonProcess(tmp_path_factory.mktemp("daemon"), main={"bgp": bgp}) as running:
        yield running


@pytest.fixture(scope="module")
def mitigation(daemon: DaemonProcess) -> str:
    done = subprocess.run(
        ["prefixdctl", "-a", f"http://127.0.0.1:{daemon.port}", "-f", "json", "mitigations",
         "create", "203.0.113.7", "discard", "--protocol", "udp", "--port", "53", "-r", "test"],
        env=environment(daemon.directory), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    made: str = json.loads(done.stdout)["mitigation_id"]
    return made


@pytest.mark.parametrize("shell", SHELLS)
def test_neighbors_and_live_mitigations(
    shell: str, daemon: DaemonProcess, mitigation: str, tmp_path: Path
) -> None:
    api = f"http://127.0.0.1:{daemon.port}"
    assert candidates(shell, "prefixdctl peers e", tmp_path, PREFIXD_API=api) == ["edge1", "edge2"]
    line = f"prefixdctl -a {api} mitigations withdraw {mitigation[:4]}"
    assert candidates(shell, line, tmp_path) == [mitigation]
    for line in (f"explain {mitigation} ", "rib --peer "):
        found = candidates(shell, f"prefixdctl {line}", tmp_path, PREFIXD_API=api)
        assert found == ["edge1", "edge2"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_at_the_keyboard(
    shell: str, daemon: DaemonProcess, mitigation: str, tmp_path: Path
) -> None:
    """An interactive shell on a terminal: the id is completed by one Tab."""
    line = f"prefixdctl mitigations get {mitigation[:8]}"
    api = f"http://127.0.0.1:{daemon.port}"
    shown = after_a_tab(shell, line, mitigation[8:], tmp_path, PREFIXD_API=api)
    assert mitigation[8:] in shown
