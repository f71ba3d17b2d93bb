"""Contexts of ctl.yaml, and any request of the API."""

import json
from pathlib import Path

from tests.unit.cli.kit import CannedService, answer, ctl


def test_contexts_change_one_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".config/prefixd/ctl.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(
        "# mine\ncurrent: a\ncontexts:\n  a: {api: 'http://a'}\n  b: {api: 'http://b'}\n"
    )
    assert ctl(CannedService({}), "contexts", "use", "b", home=tmp_path).code == 0
    assert path.read_text().startswith('# mine\ncurrent: "b"\ncontexts:')
    said = ctl(CannedService({}), "contexts", "list", home=tmp_path)
    assert said.out == "NAME  API       CURRENT\na     http://a  no\nb     http://b  yes\n"
    assert ctl(CannedService({}), "contexts", "use", "c", home=tmp_path).code == 2


def test_any_request() -> None:
    reply = answer({"status": "ready"}, content_type="application/json")
    service = CannedService({"POST /v1/x": reply})
    said = ctl(service, "request", "post", "/v1/x", "--data", '{"a": 1}')
    assert json.loads(said.out) == {"status": "ready"}
    assert service.asked == [("POST", "/v1/x", {"a": 1})]
    assert ctl(service, "request", "post", "/v1/x", "--data", "{").code == 2
