"""The configuration: a part replaced, files reloaded."""

from pathlib import Path

from prefixd.cli.failure import refused
from tests.unit.cli.kit import CannedService, answer, ctl


def test_applying_a_part_refuses_to_overwrite_a_newer_one(tmp_path: Path) -> None:
    path = tmp_path / "playbooks.yaml"
    path.write_text("playbooks: []\n")
    service = CannedService(
        {
            "GET /v1/config/playbooks": answer({"playbooks": []}, etag='"v1"'),
            "PUT /v1/config/playbooks": refused("playbooks was changed since you read it"),
        }
    )
    said = ctl(service, "config", "apply", "playbooks", str(path))
    assert said.code == 1
    assert service.asked[1][2] == {"playbooks": []}


def test_a_reload_says_what_takes_a_restart() -> None:
    reply = {"reloaded": ["playbooks"], "timestamp": "x", "restart_needed": ["http.listen"]}
    said = ctl(CannedService({"POST /v1/config/reload": reply}), "reload")
    assert said.out == "loaded: playbooks\n"
    assert "needs a restart: http.listen" in said.err
