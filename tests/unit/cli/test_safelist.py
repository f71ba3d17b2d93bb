"""The safelist: what is asked, and what was withdrawn."""

from tests.unit.cli.kit import ID, CannedService, ctl


def test_a_path_segment_is_encoded() -> None:
    path = "/v1/safelist/2001%3Adb8%3A%3A%2F32"
    service = CannedService({f"DELETE {path}": None})
    assert ctl(service, "safelist", "remove", "2001:db8::/32").code == 0


def test_safelisting_says_what_it_withdrew() -> None:
    reply = {"entry": {"prefix": "203.0.113.0/28"}, "withdrawn": [ID]}
    said = ctl(CannedService({"POST /v1/safelist": reply}), "safelist", "add", "203.0.113.0/28")
    assert said.out == f"203.0.113.0/28 added to the safelist; withdrew 1: {ID}\n"
