"""The report of a mitigation or an address."""

from pathlib import Path

from tests.unit.cli.kit import ID, CannedService, answer, ctl


def test_a_report_goes_into_a_file(tmp_path: Path) -> None:
    service = CannedService({"GET /v1/reports/incident": answer("x")})
    path = tmp_path / "incident.md"
    assert ctl(service, "report", ID, "-o", str(path)).code == 0
    assert service.asked[0][2] == {"mitigation_id": ID}
    assert path.read_text() == '"x"'
    ctl(service, "report", "198.51.100.20")
    assert service.asked[1][2] == {"ip": "198.51.100.20"}
