"""Mitigations: what is asked of the service, and the tables to the character."""

from tests.unit.cli.kit import (
    ID,
    CannedService,
    a_mitigation,
    a_page,
    answer,
    ctl,
    terminal,
)

OTHER = "01a1fc36-aaf0-7465-a881-f86d63249003"


def test_one_withdrawal_uses_the_path_it_always_had() -> None:
    path = f"POST /v1/mitigations/{ID}/withdraw"
    service = CannedService({path: a_mitigation(status="withdrawn")})
    said = ctl(service, "mitigations", "withdraw", ID, "-r", "over", "-o", "alice")
    assert said.out == f"{ID} withdrawn (198.51.100.20)\n"
    assert service.asked == [
        ("POST", f"/v1/mitigations/{ID}/withdraw", {"reason": "over", "operator_id": "alice"})
    ]


def test_several_go_in_one_request_and_a_failure_is_an_exit_code() -> None:
    reply = {
        "withdrawn": 1, "failed": 1,
        "results": [
            {"mitigation_id": ID, "status": "withdrawn"},
            {"mitigation_id": OTHER, "status": "error", "error": "not found"},
        ],
    }  # fmt: skip
    service = CannedService({"POST /v1/mitigations/withdraw": reply})
    said = ctl(service, "mitigations", "withdraw", ID, OTHER, "-r", "over")
    assert said.code == 1
    assert said.out.endswith("1 withdrawn, 1 failed\n")
    assert service.asked[0][2] == {"mitigation_ids": [ID, OTHER], "reason": "over"}


def test_more_than_a_hundred_go_in_parts() -> None:
    ids = [f"id-{number}" for number in range(250)]
    parts = [
        answer({"results": [{"mitigation_id": name, "status": "withdrawn"} for name in part]})
        for part in (ids[:100], ids[100:200], ids[200:])
    ]
    service = CannedService({"POST /v1/mitigations/withdraw": parts})
    said = ctl(service, "mitigations", "withdraw", *ids, "-r", "over")
    assert [len(body["mitigation_ids"]) for _, _, body in service.asked] == [100, 100, 50]
    assert said.out.endswith("250 withdrawn, 0 failed\n")


def test_a_filter_asks_before_it_withdraws() -> None:
    answers = {
        "GET /v1/mitigations": a_page("mitigations", a_mitigation()),
        "POST /v1/mitigations/withdraw": {
            "results": [{"mitigation_id": ID, "status": "withdrawn"}]
        },
    }
    words = ("mitigations", "withdraw", "--victim", "198.51.100.20", "-r", "over")
    piped = ctl(CannedService(answers), *words)
    assert (piped.code, piped.out) == (2, "")
    assert "give --yes" in piped.err
    wrong = CannedService(answers)
    assert ctl(wrong, *words, typed="2\n").code == 1
    assert [method for method, _, _ in wrong.asked] == ["GET"]
    right = CannedService(answers)
    assert ctl(right, *words, typed="1\n").code == 0
    assert right.asked[0][2]["victim_ip"] == "198.51.100.20"
    assert right.asked[0][2]["status"] == "pending,active,escalated"
    assert right.asked[1][2]["mitigation_ids"] == [ID]


def test_withdrawing_nothing_in_particular_is_a_usage_error() -> None:
    service = CannedService({})
    assert ctl(service, "mitigations", "withdraw", "-r", "over").code == 2
    assert service.asked == []


def test_panic_wants_the_sentence() -> None:
    answers = {
        "GET /v1/health/detail": {"pop": "ams1", "active_mitigations": 7},
        "POST /v1/panic": {"withdrawn": 0, "failed": 0, "results": []},
    }
    service = CannedService(answers)
    said = ctl(service, "panic", "-r", "trouble", typed="yes\n")
    assert said.code == 1
    assert "nothing was changed" in said.err
    assert len(service.asked) == 1
    service = CannedService(answers)
    assert ctl(service, "panic", "-r", "trouble", typed="withdraw all of ams1\n").code == 0
    assert service.asked[1][2] == {"reason": "trouble", "confirm": "withdraw all of ams1"}


def test_create_says_what_was_made_and_until_when() -> None:
    service = CannedService({"POST /v1/mitigations": answer(a_mitigation(), 201)})
    said = ctl(
        service, "mitigations", "create", "198.51.100.20", "police", "--rate", "20M",
        "--protocol", "udp", "--port", "53", "--port", "1000-2000", "--ttl", "10m", "-r", "hand",
    )  # fmt: skip
    assert service.asked[0][2] == {
        "reason": "hand", "victim_ip": "198.51.100.20", "action": "police", "ttl_seconds": 600,
        "protocol": "udp", "dst_ports": [53], "dst_port_ranges": ["1000-2000"], "pops": [],
        "rate_bps": 20_000_000,
    }  # fmt: skip
    assert said.out == (
        f"{ID} created: dst 198.51.100.20/32 proto udp: police to 20 Mbit/s,"
        " until 2026-01-01 00:02:40Z (in 2 min 40 s)\n"
    )


def test_mitigations_into_a_pipe() -> None:
    service = CannedService({"GET /v1/mitigations": a_page("mitigations", a_mitigation())})
    said = ctl(service, "mitigations", "list")
    assert said.out == (
        "ID                                    STATUS  VICTIM_IP      VECTOR     ACTION"
        "               EXPIRES                               CUSTOMER      POP\n"
        "01a1fc36-aaf0-7465-a881-f86d63249002  active  198.51.100.20  udp_flood"
        "  police to 20 Mbit/s  2026-01-01 00:02:40Z (in 2 min 40 s)  cust_example  lab1\n"
        "Count: 1\n"
    )
    assert said.err == ""


def test_mitigations_on_a_terminal_of_ordinary_width() -> None:
    service = CannedService({"GET /v1/mitigations": a_page("mitigations", a_mitigation())})
    lines = ctl(service, "mitigations", "list", screen=terminal(120)).out.splitlines()
    assert lines[0].split() == [
        "ID",
        "STATUS",
        "VICTIM_IP",
        "VECTOR",
        "ACTION",
        "EXPIRES",
        "CUSTOMER",
    ]
    assert "in 2 min 40 s" in lines[1]
    assert max(map(len, lines)) <= 120


def test_one_mitigation() -> None:
    service = CannedService({f"GET /v1/mitigations/{ID}": a_mitigation()})
    assert ctl(service, "mitigations", "get", ID).out == (
        "ID:         01a1fc36-aaf0-7465-a881-f86d63249002\n"
        "Status:     active\n"
        "Victim:     198.51.100.20\n"
        "Vector:     udp_flood\n"
        "Rule:       dst 198.51.100.20/32 proto udp\n"
        "Action:     police to 20 Mbit/s\n"
        "Reason:     udp_flood to a customer\n"
        "Created:    2025-12-31 23:58:00Z (2 min ago)\n"
        "Updated:    2025-12-31 23:58:00Z (2 min ago)\n"
        "Expires:    2026-01-01 00:02:40Z (in 2 min 40 s)\n"
        "Customer:   cust_example\n"
        "POP:        lab1\n"
        "Playbook:   udp-flood\n"
        "Step:       1\n"
        "Made by:    policy\n"
        "Sources:    fastnetmon\n"
        "Confidence: 0.9\n"
        "Scope hash: 964c32ff55d51c0cba17411274e697d2\n"
    )


def test_a_dry_run_is_shown_beside_the_rule() -> None:
    rows = a_page("mitigations", a_mitigation(dry_run=True))
    said = ctl(CannedService({"GET /v1/mitigations": rows}), "mitigations", "list")
    assert "police to 20 Mbit/s (dry run)" in said.out


def test_what_is_over_shows_when_it_ended() -> None:
    over = a_mitigation(status="withdrawn", withdrawn_at="2025-12-31T23:57:00Z")
    service = CannedService({"GET /v1/mitigations": a_page("mitigations", over)})
    said = ctl(service, "mitigations", "list")
    assert "2025-12-31 23:57:00Z (3 min ago)" in said.out
    assert "in 2 min 40 s" not in said.out
