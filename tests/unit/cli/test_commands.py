"""What commands ask of the service, and how they end."""

import json
from pathlib import Path

import pytest

from prefixd.cli.client import sentence_of
from prefixd.cli.failure import Failure, refused
from tests.unit.cli.kit import GRAMMAR, ID, CannedService, a_mitigation, a_page, answer, ctl

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


def test_a_batch_goes_in_hundreds_and_counts_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps({"n": number}) + "\n" for number in range(150)))

    def reply(count: int, bad: int | None = None) -> object:
        return answer({"results": [
            {"index": at, "status": "rejected" if at == bad else "accepted", "error": "no victim"}
            for at in range(count)
        ]})  # fmt: skip

    service = CannedService({"POST /v1/events/batch": [reply(100), reply(50, bad=7)]})
    said = ctl(service, "events", "batch", str(path))
    assert said.code == 1
    assert said.out == (
        "LINE  STATUS    ERROR\n 108  rejected  no victim\n149 accepted, 1 rejected\n"
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [('[{"a": 1}, {"b": 2}]', 2), ('{"events": [{}, {}, {}]}', 3), ('{"a": 1}', 1)],
)
def test_batches_in_other_forms(tmp_path: Path, text: str, count: int) -> None:
    path = tmp_path / "events.json"
    path.write_text(text)
    service = CannedService({"POST /v1/events/batch": {"results": []}})
    assert ctl(service, "events", "batch", str(path)).code == 0
    assert len(service.asked[0][2]["events"]) == count


def test_a_broken_batch_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"a": 1}\n{"b":\n')
    said = ctl(CannedService({}), "events", "batch", str(path))
    assert said.code == 2
    assert f"{path}:2: not JSON" in said.err


def test_since_takes_a_time_or_a_span() -> None:
    service = CannedService({"GET /v1/events": a_page("events")})
    ctl(service, "events", "list", "--since", "24h", "--until", "2026-01-01T00:00:00Z")
    assert service.asked[0][2]["start"] == "2025-12-31T00:00:00Z"
    assert service.asked[0][2]["end"] == "2026-01-01T00:00:00Z"
    assert ctl(service, "events", "list", "--since", "yesterday").code == 2


def test_evidence_without_a_dimension_is_a_usage_error() -> None:
    assert ctl(CannedService({}), "send-corroborator", "-s", "snmp").code == 2


def test_a_path_segment_is_encoded() -> None:
    path = "/v1/safelist/2001%3Adb8%3A%3A%2F32"
    service = CannedService({f"DELETE {path}": None})
    assert ctl(service, "safelist", "remove", "2001:db8::/32").code == 0


def test_safelisting_says_what_it_withdrew() -> None:
    reply = {"entry": {"prefix": "203.0.113.0/28"}, "withdrawn": [ID]}
    said = ctl(CannedService({"POST /v1/safelist": reply}), "safelist", "add", "203.0.113.0/28")
    assert said.out == f"203.0.113.0/28 added to the safelist; withdrew 1: {ID}\n"


def test_login_keeps_the_session_and_logout_forgets_it(tmp_path: Path) -> None:
    reply = answer(
        {"operator_id": ID, "username": "alice", "role": "admin"}, set_cookie="id=abc; Path=/"
    )
    service = CannedService({"POST /v1/auth/login": reply, "POST /v1/auth/logout": None})
    said = ctl(service, "login", "alice", "--password-stdin", typed="secret\n", home=tmp_path)
    assert said.out == "signed in as alice (admin)\n"
    assert service.asked[0][2] == {"username": "alice", "password": "secret"}
    kept = tmp_path / ".local/state/prefixd/sessions.json"
    assert json.loads(kept.read_text()) == {"http://127.0.0.1:8080": "abc"}
    service.cookie = "abc"
    assert ctl(service, "logout", home=tmp_path).code == 0
    assert json.loads(kept.read_text()) == {}


def test_a_wrong_password_is_code_4_and_names_the_way_in(tmp_path: Path) -> None:
    service = CannedService({"POST /v1/auth/login": answer({"error": "wrong"}, 401)})
    said = ctl(service, "login", "alice", "--password-stdin", typed="x\n", home=tmp_path)
    assert said.code == 4
    assert "prefixd adduser" in said.err


def test_people_are_named_by_name() -> None:
    rows = {"operators": [{"operator_id": ID, "username": "alice"}]}
    service = CannedService({"GET /v1/operators": rows, f"DELETE /v1/operators/{ID}": None})
    assert ctl(service, "operators", "delete", "alice", typed="alice\n").code == 0
    assert ctl(service, "operators", "delete", "alice", typed="bob\n").code == 1
    assert ctl(service, "operators", "delete", "mallory", "--yes").code == 1


def test_a_password_on_the_command_line_is_warned_of() -> None:
    reply = {"operator_id": ID, "username": "bob", "role": "viewer"}
    service = CannedService({"POST /v1/operators": answer(reply, 201)})
    words = ("operators", "create", "-u", "bob", "-r", "viewer", "-p", "long enough")
    assert "is visible to other users" in ctl(service, *words).err
    assert service.asked[0][2]["password"] == "long enough"


def test_a_token_alone_stands_on_standard_output() -> None:
    reply = {"token_id": "t1", "name": "fnm", "token": "pfd_t1_secret"}
    service = CannedService({"POST /v1/tokens": answer(reply, 201)})
    said = ctl(service, "tokens", "create", "fnm", "ingest", "--ttl", "1d")
    assert said.out == "pfd_t1_secret\n"
    assert "only this once" in said.err
    assert service.asked[0][2]["ttl_seconds"] == 86400


def test_applying_a_part_refuses_to_overwrite_a_newer_one(tmp_path: Path) -> None:
    path = tmp_path / "playbooks.yaml"
    path.write_text("playbooks: []\n")
    service = CannedService(
        {
            "GET /v1/config/playbooks": answer({"playbooks": []}, etag='"v1"'),
            "PUT /v1/config/playbooks": refused("playbooks changed since you read it"),
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


def test_a_report_goes_into_a_file(tmp_path: Path) -> None:
    service = CannedService({"GET /v1/reports/incident": answer("x")})
    path = tmp_path / "incident.md"
    assert ctl(service, "report", ID, "-o", str(path)).code == 0
    assert service.asked[0][2] == {"mitigation_id": ID}
    assert path.read_text() == '"x"'
    ctl(service, "report", "198.51.100.20")
    assert service.asked[1][2] == {"ip": "198.51.100.20"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["statsu"], "unknown command 'statsu'; did you mean `stats`?"),
        (["mitigation", "list"], "unknown command 'mitigation'; did you mean `mitigations`?"),
        (["mitigations", "lst"], "unknown command 'lst'; did you mean `list`?"),
        (["qqqq"], "unknown command 'qqqq'"),
        (["request", "FOO", "/v1/stats"], "argument METHOD: invalid choice: 'FOO' (choose"),
    ],
)
def test_a_misspelt_command_is_guessed(words: list[str], said: str) -> None:
    with pytest.raises(Failure) as raised:
        GRAMMAR.parse_args(words)
    assert raised.value.code == 2
    assert raised.value.message.startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["events", "batch", "absent.json"], "absent.json: no such file or directory\n"),
        (
            ["mitigations", "list", "--since", "yesterday"],
            "invalid --since 'yesterday': write 2026-",
        ),
        (["mitigations", "create", "x", "redirect", "-r", "y"], "--route-target or --next-hop\n"),
        (["mitigations", "create", "x", "police", "-r", "y"], "police needs --rate"),
        (["preview", "x", "mark"], "mark needs --dscp"),
        (["login"], "no terminal to ask: user name\n"),
    ],
)
def test_wrong_words_are_answered_in_words(words: list[str], said: str) -> None:
    service = CannedService({})
    answered = ctl(service, *words)
    assert (answered.code, answered.out, service.asked) == (2, "", [])
    assert said in answered.err


def test_every_problem_of_a_reload_has_a_line_of_its_own() -> None:
    problems = ["prefixd.yaml:31:3: one", "playbooks.yaml:2:1: two"]
    tree = {"error": f"2 problems: {problems[0]}", "errors": problems, "code": "bad_config"}
    assert sentence_of(answer(tree, 400)) == ("2 problems (400)", problems)
    alone = {"error": "1 problem: one", "errors": ["one"]}
    assert sentence_of(answer(alone, 400)) == ("1 problem (400)", ["one"])
