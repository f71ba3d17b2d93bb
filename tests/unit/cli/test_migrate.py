"""`import`: the plan, the requests and the refusals an operator sees."""

from pathlib import Path

import pytest
import yaml

from prefixd.cli.failure import denied, refused
from prefixd.cli.migrate import ask_holdings
from tests.unit.cli.kit import ID, CannedService, a_mitigation, a_page, answer, ctl
from tests.unit.migrate.kit import COPY

GOBGP = """
[global.config]
as = 64500
router-id = "192.0.2.250"
[[neighbors]]
[neighbors.config]
neighbor-address = "192.0.2.1"
auth-password = "hunter2"
"""


def test_a_gobgp_configuration_is_printed_as_a_section(tmp_path: Path) -> None:
    path = tmp_path / "gobgpd.conf"
    path.write_text(GOBGP)
    said = ctl(CannedService({}), "import", "gobgp-conf", str(path), "--export")
    assert yaml.safe_load(said.out)["bgp"]["neighbors"][0]["export"] == {}
    assert "note: 192.0.2.1: put its password into the variable" in said.err
    assert "hunter2" not in said.out + said.err


@pytest.mark.parametrize("text", ["just words", "[global.config]\nas = 1\n"])
def test_another_file_is_a_usage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.conf"
    path.write_text(text)
    said = ctl(CannedService({}), "import", "gobgp-conf", str(path))
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"{path}: ")


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "old.sql"
    path.write_text(COPY)
    return path


def test_the_plan_changes_nothing(dump: Path) -> None:
    service = CannedService({})
    said = ctl(service, "import", "prefixd", str(dump))
    assert service.asked == []
    assert said.code == 0
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [
        ["safelist", "203.0.113.0/28"],
        ["mitigation", "198.51.100.20/32"],
        ["mitigation", "198.51.100.22/32"],
        ["operator", "alice"],
    ]
    assert "argon2" not in said.out
    assert "--apply" in said.err


def test_applying_goes_through_the_api_safelist_first(dump: Path) -> None:
    service = CannedService(
        {
            "POST /v1/safelist": answer({"entry": {}}, 201),
            "POST /v1/mitigations": [
                answer(a_mitigation(), 201),
                answer(a_mitigation(), 200),
            ],
        }
    )
    said = ctl(service, "import", "prefixd", str(dump), "--apply")
    assert [path for _, path, _ in service.asked] == [
        "/v1/safelist", "/v1/mitigations", "/v1/mitigations",
    ]  # fmt: skip
    assert said.code == 0
    assert f"done: {ID}" in said.out
    assert "exists, extended" in said.out


def test_a_refusal_is_shown_and_the_rest_goes_on(dump: Path) -> None:
    service = CannedService(
        {
            "POST /v1/safelist": answer({"entry": {}}, 201),
            "POST /v1/mitigations": refused("guardrail violation: quota"),
        }
    )
    said = ctl(service, "import", "prefixd", str(dump), "--apply")
    assert said.code == 1
    assert said.out.count("refused: guardrail violation: quota") == 2
    rejected = CannedService({"POST /v1/safelist": denied("forbidden")})
    assert ctl(rejected, "import", "prefixd", str(dump), "--apply").code == 4


def test_the_api_of_an_earlier_service_is_read_page_by_page() -> None:
    pages = [
        answer(a_page("mitigations", a_mitigation(), more="next")),
        answer(a_page("mitigations", a_mitigation(expires_at="2025-01-01T00:00:00Z"))),
        answer(a_page("mitigations")),
        answer(a_page("mitigations")),
    ]
    safelist = [{"prefix": "203.0.113.0/28", "reason": None, "added_by": "bob"}]
    service = CannedService(
        {
            "GET /v1/safelist": [answer(safelist)],
            "GET /v1/mitigations": pages,
            "GET /v1/operators": denied("forbidden"),
        }
    )
    holdings = ask_holdings(service)
    assert [entry.prefix for entry in holdings.safelist] == ["203.0.113.0/28"]
    assert [row.victim for row in holdings.mitigations] == ["198.51.100.20/32"]
    assert holdings.remarks == ("operators cannot be listed: forbidden",)
    assert [body["status"] for _, path, body in service.asked if path == "/v1/mitigations"] == [
        "active", "active", "escalated", "pending",
    ]  # fmt: skip


def test_a_file_that_is_not_a_plain_dump_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("PGDMP\x01")
    said = ctl(CannedService({}), "import", "prefixd", str(path))
    assert said.code == 2
    assert "pg_dump -Fp" in said.err
