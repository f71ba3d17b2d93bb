"""The hash chains of the audit trail."""

from tests.unit.cli.kit import (
    CannedService,
    ctl,
)


def test_audit_verification_fails_loudly() -> None:
    chain = {"chain": "lab1", "rows": 7, "head": "ab", "fault": "row 3 does not follow row 2"}
    service = CannedService({"GET /v1/audit/verify": {"ok": False, "chains": [chain]}})
    said = ctl(service, "audit", "verify")
    assert said.code == 1
    assert said.out == (
        "CHAIN  ROWS  STATE   HEAD  FAULT\nlab1      7  broken  ab    row 3 does not follow row 2\n"
    )
