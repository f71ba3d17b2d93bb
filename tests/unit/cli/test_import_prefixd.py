"""An earlier prefixd's dump or API becomes requests to this one."""

from pathlib import Path

import pytest

from prefixd.cli.dump import read_dump
from prefixd.cli.failure import denied, refused
from prefixd.cli.legacy_rows import from_api, from_dump
from tests.kit.clock import FakeClock
from tests.unit.cli.kit import ID, CannedService, a_mitigation, a_page, answer, ctl

COPY = r"""--
-- PostgreSQL database dump
--
SET statement_timeout = 0;
CREATE TABLE public.mitigations (
    mitigation_id uuid NOT NULL
);
COPY public.events (event_id, source) FROM stdin;
00000000-0000-0000-0000-000000000001	nobody asks
\.
COPY public.mitigations (mitigation_id, status, pop, victim_ip, vector, match_json, action_type, action_params_json, expires_at, reason) FROM stdin;
m1	active	ams1	198.51.100.20	udp_flood	{"dst_prefix": "198.51.100.20/32", "protocol": 17, "dst_ports": [53, 123]}	police	{"rate_bps": 5000000}	2026-01-01 00:10:00+00	tab\\tand back\\\\slash
m2	expired	ams1	198.51.100.21	udp_flood	{}	discard	\N	2025-01-01 00:00:00+00	\N
m3	escalated	ams1	198.51.100.22	syn_flood	{"dst_prefix": "198.51.100.22/32", "protocol": 6, "dst_ports": []}	discard	\N	2026-01-01 01:30:00+01	\N
m4	active	ams1	198.51.100.23	syn_flood	not json	discard	\N	2026-01-01 01:30:00+00	\N
m5	active	ams1	198.51.100.24	syn_flood	{}	discard	\N	2025-12-31 23:59:59+00	over already
\.
COPY public.safelist (prefix, added_at, added_by, reason, expires_at) FROM stdin;
203.0.113.0/28	2025-01-01 00:00:00+00	alice	it's ours	\N
\.
COPY public.operators (operator_id, username, password_hash, role) FROM stdin;
o1	alice	$argon2id$secret	admin
\.
"""  # noqa: E501  because: a dump writes a row a line
INSERTS = """CREATE TABLE public.safelist (
    prefix text NOT NULL,
    added_by text,
    reason text,
    CONSTRAINT safelist_pkey PRIMARY KEY (prefix)
);
INSERT INTO public.safelist VALUES ('203.0.113.0/28', 'alice', 'it''s
ours, (really); yes'), ('203.0.113.16/28', NULL, NULL);
INSERT INTO public.safelist (reason, prefix) VALUES ('other order', '203.0.113.32/28');
INSERT INTO public.elsewhere VALUES (1);
"""


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "old.sql"
    path.write_text(COPY)
    return path


def test_copy_blocks(dump: Path) -> None:
    tables = read_dump(dump.read_text(), ("mitigations", "operators"))
    assert [row["mitigation_id"] for row in tables["mitigations"]] == ["m1", "m2", "m3", "m4", "m5"]
    assert tables["mitigations"][0]["reason"] == "tab\\tand back\\\\slash"
    assert tables["mitigations"][1]["reason"] is None
    assert set(tables) == {"mitigations", "operators"}


def test_escapes_of_copy() -> None:
    text = "COPY t (a, b) FROM stdin;\nx\\ty\\\\z\\n\\x41\\101\t\\N\n\\.\n"
    assert read_dump(text, ("t",)) == {"t": [{"a": "x\ty\\z\nAA", "b": None}]}


def test_insert_statements() -> None:
    assert read_dump(INSERTS, ("safelist",))["safelist"] == [
        {"prefix": "203.0.113.0/28", "added_by": "alice", "reason": "it's\nours, (really); yes"},
        {"prefix": "203.0.113.16/28", "added_by": None, "reason": None},
        {"reason": "other order", "prefix": "203.0.113.32/28"},
    ]


def test_only_what_lives_is_taken_over(dump: Path) -> None:
    holdings = from_dump(dump, FakeClock().now())
    assert [row.victim for row in holdings.mitigations] == ["198.51.100.20/32", "198.51.100.22/32"]
    assert holdings.remarks == ("mitigation m4: its match is no JSON; left out",)
    assert holdings.mitigations[0].body(FakeClock().now()) == {
        "victim_ip": "198.51.100.20/32", "action": "police", "ttl_seconds": 600, "protocol": "udp",
        "dst_ports": [53, 123], "rate_bps": 5_000_000,
        "reason": "taken over: tab\\tand back\\\\slash",
    }  # fmt: skip
    assert holdings.mitigations[1].body(FakeClock().now())["ttl_seconds"] == 1800


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
    assert "there already, extended" in said.out


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


def test_the_api_of_an_earlier_service() -> None:
    first = answer(a_page("mitigations", a_mitigation(), more="next"))
    second = answer(a_page("mitigations", a_mitigation(expires_at="2025-01-01T00:00:00Z")))
    none = [answer(a_page("mitigations")) for _ in range(2)]
    service = CannedService(
        {
            "GET /v1/safelist": [
                answer([{"prefix": "203.0.113.0/28", "reason": None, "added_by": "bob"}])
            ],
            "GET /v1/mitigations": [first, second, *none],
            "GET /v1/operators": denied("forbidden"),
        }
    )
    holdings = from_api(service)
    assert [entry.prefix for entry in holdings.safelist] == ["203.0.113.0/28"]
    assert [row.victim for row in holdings.mitigations] == ["198.51.100.20/32"]
    assert holdings.remarks == ("operators are not listed: forbidden",)
    assert [body["status"] for _, path, body in service.asked if path == "/v1/mitigations"] == [
        "active", "active", "escalated", "pending",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "hint"), [("PGDMP\x01", "pg_dump -Fp"), ("select 1;", "plain pg_dump")]
)
def test_files_that_are_no_plain_dump(tmp_path: Path, text: str, hint: str) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    said = ctl(CannedService({}), "import", "prefixd", str(path))
    assert said.code == 2
    assert hint in said.err
