"""Who may do what, asked of the real daemon with real people and tokens."""

from pathlib import Path

import pytest

from tests.kit.daemon_process import Answer, DaemonProcess
from tests.kit.operators import ADMIN, OPERATOR, PASSWORD, VIEWER, with_operators

RULE = {
    "reason": "ticket", "victim_ip": "198.51.100.20", "protocol": "udp", "action": "discard",
    "ttl_seconds": 300,
}  # fmt: skip
EVENT = {
    "timestamp": "2026-01-10T08:00:00Z", "source": "box", "victim_ip": "198.51.100.9",
    "vector": "udp_flood",
}  # fmt: skip
ENTRY = {"prefix": "198.51.100.7", "reason": "resolver"}

# method, path, body, and whether a viewer, an operator and an admin may
MATRIX = [
    ("GET", "/v1/mitigations", None, (True, True, True)),
    ("GET", "/v1/config/settings", None, (True, True, True)),
    ("GET", "/v1/health/detail", None, (True, True, True)),
    ("GET", "/v1/preferences", None, (True, True, True)),
    ("POST", "/v1/events", EVENT, (False, True, True)),
    ("POST", "/v1/events/batch", {"events": [EVENT]}, (False, True, True)),
    ("POST", "/v1/signals/fastnetmon", {"ip": "198.51.100.9", "action": "ban"},
     (False, True, True)),
    ("POST", "/v1/mitigations", RULE, (False, True, True)),
    ("POST", "/v1/mitigations/withdraw", {"mitigation_ids": ["x"], "reason": "r"},
     (False, True, True)),
    ("POST", "/v1/mitigations/acknowledge", {"mitigation_ids": ["x"]}, (False, True, True)),
    ("GET", "/v1/audit", None, (False, True, True)),
    ("POST", "/v1/safelist", ENTRY, (False, False, True)),
    ("DELETE", "/v1/safelist/198.51.100.8%2F32", None, (False, False, True)),
    ("POST", "/v1/config/reload", None, (False, False, True)),
    ("PUT", "/v1/config/correlation", {}, (False, False, True)),
    ("GET", "/v1/operators", None, (False, False, True)),
    ("POST", "/v1/tokens", {"name": "t", "permissions": ["read"]}, (False, False, True)),
    ("GET", "/v1/signals/corroborator/cache", None, (False, False, True)),
]  # fmt: skip


def cookie_of(daemon: DaemonProcess, name: str) -> str:
    answer = login(daemon, name)
    assert answer.status == 200, answer.body
    return answer.headers["Set-Cookie"].partition(";")[0]


def login(daemon: DaemonProcess, name: str, password: str = PASSWORD, **headers: str) -> Answer:
    body = {"username": name, "password": password}
    return daemon.post("/v1/auth/login", body, **headers)


def test_w54_roles_open_what_they_should_and_nothing_else(tmp_path: Path) -> None:
    with with_operators(tmp_path) as daemon:
        people = [cookie_of(daemon, name) for name in (VIEWER, OPERATOR, ADMIN)]
        for method, path, body, allowed in MATRIX:
            assert daemon.request(method, path, body).status == 401, path
            for cookie, may in zip(people, allowed, strict=True):
                answer = daemon.request(method, path, body, Cookie=cookie)
                assert (answer.status != 403) is may, (method, path, answer.body)
                assert answer.status != 401
                if not may:
                    assert answer.json["code"] == "forbidden"


def test_a_session_cookie_is_for_browsers_only_and_ends_with_logout(tmp_path: Path) -> None:
    with with_operators(tmp_path) as daemon:
        answer = login(daemon, OPERATOR)
        assert set(answer.json) == {"operator_id", "username", "role"}
        attributes = answer.headers["Set-Cookie"].lower()
        assert "httponly" in attributes
        assert "samesite=lax" in attributes
        cookie = cookie_of(daemon, OPERATOR)
        me = daemon.get("/v1/auth/me", Cookie=cookie)
        assert (me.json["username"], me.json["role"]) == (OPERATOR, "operator")
        assert daemon.post("/v1/auth/logout", None, Cookie=cookie).status == 200
        assert daemon.get("/v1/auth/me", Cookie=cookie).status == 401


def test_w56_guessing_is_slowed_down_and_tells_nothing(tmp_path: Path) -> None:
    with with_operators(tmp_path) as daemon:
        unknown, wrong = login(daemon, "nobody", "x" * 9), login(daemon, ADMIN, "x" * 9)
        assert unknown.status == wrong.status == 401
        assert unknown.json["error"] == wrong.json["error"]
        statuses = [login(daemon, ADMIN, "x" * 9).status for _ in range(5)]
        assert statuses == [401, 401, 401, 401, 429]
        shut = login(daemon, ADMIN)
        assert (shut.status, shut.json["code"]) == (429, "throttled")
        assert 1 <= int(shut.headers["Retry-After"]) <= 60


def test_x_forwarded_for_counts_only_from_a_trusted_proxy(tmp_path: Path) -> None:
    trusted = {"trusted_proxies": ["127.0.0.1/32", "10.0.0.0/8"]}
    (tmp_path / "a").mkdir()
    with with_operators(tmp_path / "a", http=trusted) as daemon:
        for _ in range(5):
            login(daemon, ADMIN, "x" * 9, X_Forwarded_For="203.0.113.66, 10.1.1.1")
        assert login(daemon, ADMIN, X_Forwarded_For="203.0.113.66").status == 429
        assert login(daemon, ADMIN, X_Forwarded_For="203.0.113.67").status == 200
        spoofed = "203.0.113.67, 203.0.113.66"  # the left one is what the client says of itself
        assert login(daemon, ADMIN, X_Forwarded_For=spoofed).status == 429
    (tmp_path / "b").mkdir()
    with with_operators(tmp_path / "b") as daemon:
        for number in range(5):
            login(daemon, ADMIN, "x" * 9, X_Forwarded_For=f"203.0.113.{number}")
        assert login(daemon, ADMIN, X_Forwarded_For="203.0.113.99").status == 429


def test_w55_w83_a_token_does_what_it_was_made_for_until_it_is_revoked(tmp_path: Path) -> None:
    with with_operators(tmp_path) as daemon:
        admin = cookie_of(daemon, ADMIN)
        wish = {"name": "box-a", "permissions": ["ingest"], "sources": ["box"]}
        made = daemon.post("/v1/tokens", wish, Cookie=admin)
        assert made.status == 201
        bearer = f"Bearer {made.json['token']}"
        assert daemon.post("/v1/events", EVENT, Authorization=bearer).status == 202
        other = daemon.post("/v1/events", {**EVENT, "source": "edge"}, Authorization=bearer)
        assert (other.status, other.json["code"]) == (403, "forbidden")
        forced = daemon.post("/v1/events", {**EVENT, "force": True}, Authorization=bearer)
        assert forced.status == 403, "a detector cannot insist"
        for path in ("/v1/mitigations", "/v1/feed", "/v1/config/settings"):
            assert daemon.get(path, Authorization=bearer).status == 403
        (row,) = daemon.get("/v1/tokens", Cookie=admin).json["tokens"]
        assert "token" not in row
        assert made.json["token"] not in daemon.log_text
        path = f"/v1/tokens/{made.json['token_id']}"
        assert daemon.request("DELETE", path, None, Cookie=admin).status == 204
        assert daemon.post("/v1/events", EVENT, Authorization=bearer).status == 401
        for missing in (path, "/v1/tokens/a%00b", "/v1/tokens/zz"):
            assert daemon.request("DELETE", missing, None, Cookie=admin).status == 404
        far = {**wish, "name": "far", "networks": ["203.0.113.0/24"]}
        token = daemon.post("/v1/tokens", far, Cookie=admin).json["token"]
        assert daemon.post("/v1/events", EVENT, Authorization=f"Bearer {token}").status == 401


def test_w57_the_last_admin_stays_and_operators_cannot_delete_themselves(tmp_path: Path) -> None:
    with with_operators(tmp_path) as daemon:
        admin = cookie_of(daemon, ADMIN)
        rows = daemon.get("/v1/operators", Cookie=admin).json["operators"]
        ids = {row["username"]: row["operator_id"] for row in rows}
        own = f"/v1/operators/{ids[ADMIN]}"
        assert daemon.request("DELETE", own, None, Cookie=admin).status == 400
        demoted = daemon.request("PUT", f"{own}/role", {"role": "viewer"}, Cookie=admin)
        assert (demoted.status, demoted.json["code"]) == (409, "conflict")
        taken = {"username": VIEWER, "password": PASSWORD, "role": "viewer"}
        assert daemon.post("/v1/operators", taken, Cookie=admin).status == 409
        for wrong in ({"role": "god"}, {"password": "short"}, {"username": "a b"}):
            assert daemon.post("/v1/operators", taken | wrong, Cookie=admin).status == 400
        path = f"/v1/operators/{ids[VIEWER]}"
        assert daemon.request("DELETE", path, None, Cookie=admin).status == 204
        assert daemon.request("DELETE", path, None, Cookie=admin).status == 404
        actions = {e["action"] for e in daemon.get("/v1/audit", Cookie=admin).json["entries"]}
        assert {"operator_create", "operator_delete", "login"} <= actions


def test_one_s_own_password_needs_the_old_one(tmp_path: Path) -> None:
    with with_operators(tmp_path) as daemon:
        cookie = cookie_of(daemon, VIEWER)
        own = daemon.get("/v1/auth/me", Cookie=cookie).json["operator_id"]
        path, new = f"/v1/operators/{own}/password", {"new_password": "quite another"}
        assert daemon.request("PUT", path, new, Cookie=cookie).status == 400
        new["current_password"] = PASSWORD
        assert daemon.request("PUT", path, new, Cookie=cookie).status == 204
        assert daemon.get("/v1/auth/me", Cookie=cookie).status == 401
        assert login(daemon, VIEWER, "quite another").status == 200
        others = cookie_of(daemon, OPERATOR)
        assert daemon.request("PUT", path, new, Cookie=others).status == 403


def test_w73_preferences_belong_to_people(tmp_path: Path) -> None:
    quiet = {"muted_events": [], "quiet_hours_start": 22, "quiet_hours_end": 6}
    (tmp_path / "a").mkdir()
    with with_operators(tmp_path / "a") as daemon:
        cookie = cookie_of(daemon, VIEWER)
        assert daemon.get("/v1/preferences", Cookie=cookie).json["quiet_hours_start"] is None
        assert daemon.request("PUT", "/v1/preferences", quiet, Cookie=cookie).status == 200
        assert daemon.get("/v1/preferences", Cookie=cookie).json == quiet
        for wrong in ({"quiet_hours_end": None}, {"quiet_hours_end": 24}, {"muted_events": ["x"]}):
            answer = daemon.request("PUT", "/v1/preferences", quiet | wrong, Cookie=cookie)
            assert answer.status == 400
    (tmp_path / "b").mkdir()
    with DaemonProcess(tmp_path / "b") as daemon:
        for answer in (
            daemon.get("/v1/preferences"), daemon.request("PUT", "/v1/preferences", quiet),
        ):  # fmt: skip
            assert (answer.status, answer.json["code"]) == (409, "conflict")


@pytest.mark.parametrize("secret", ["PREFIXD_API_TOKEN", "unset"])
def test_the_shared_token_is_an_operator_and_no_more(tmp_path: Path, secret: str) -> None:
    settings = {"http": {"auth": {"mode": "bearer"}}}
    environment = {"PREFIXD_API_TOKEN": "shared-by-everybody"}
    with DaemonProcess(tmp_path, main=settings, environment=environment) as daemon:
        good = "shared-by-everybody" if secret != "unset" else ""
        status = daemon.get("/v1/mitigations", Authorization=f"Bearer {good}").status
        assert status == (200 if good else 401)
        if good:
            daemon.token = good
            assert daemon.get("/v1/auth/me").json["username"] == "bearer-token"
            assert daemon.post("/v1/events", EVENT).status == 202
            assert daemon.post("/v1/config/reload", None).status == 403
