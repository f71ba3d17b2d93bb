"""Tables, CSV and JSON of the same answer."""

import csv
import io
import json

from tests.unit.cli.kit import (
    ID,
    CannedService,
    a_mitigation,
    a_page,
    ctl,
)


def test_mitigations_as_csv_keep_the_times_of_the_service() -> None:
    service = CannedService({"GET /v1/mitigations": a_page("mitigations", a_mitigation())})
    (row,) = csv.DictReader(io.StringIO(ctl(service, "mitigations", "list", "-f", "csv").out))
    assert row["id"] == ID
    assert row["expires"] == "2026-01-01T00:02:40Z"


def test_json_is_the_answer_whole() -> None:
    page = a_page("mitigations", a_mitigation(field_of_tomorrow=[1]), more="next")
    said = ctl(CannedService({"GET /v1/mitigations": page}), "-f", "json", "mitigations", "list")
    assert json.loads(said.out) == page


def test_an_empty_list_is_a_remark_and_no_data() -> None:
    said = ctl(CannedService({"GET /v1/mitigations": a_page("mitigations")}), "mitigations", "list")
    assert (said.out, said.err, said.code) == ("", "no mitigations\n", 0)
