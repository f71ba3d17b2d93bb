"""TLS with real certificates: who may connect, as whom, and how a renewed one is taken over."""

import http.client
import json
import signal
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_daemon import prefixd
from tests.kit.certificates import HOST, Authority
from tests.kit.daemon_process import DaemonProcess
from tests.kit.daemons import wait_for

Pair = tuple[Path, Path]


def settings(authority: Authority, server: Pair, mode: str = "none") -> dict[str, Any]:
    auth: dict[str, Any] = {"mode": mode}
    if mode == "mtls":
        auth["mtls"] = {"roles": {"noc.example": "operator", "wall.example": "viewer"}}
    tls = {"cert_path": str(server[0]), "key_path": str(server[1])}
    if mode == "mtls":
        tls["ca_path"] = str(authority.path)
    return {"http": {"auth": auth, "tls": tls}}


def context(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    found = ssl.create_default_context(cafile=str(authority.path))
    if client is not None:
        found.load_cert_chain(*client)
    return found


def ask(
    daemon: DaemonProcess, tls: ssl.SSLContext, method: str, path: str, body: object = None
) -> tuple[int, http.client.HTTPMessage, Any]:
    connection = http.client.HTTPSConnection(HOST, daemon.port, timeout=10, context=tls)
    with closing(connection):
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.headers, json.loads(reply.read() or b"null")


def serial(daemon: DaemonProcess, tls: ssl.SSLContext) -> str:
    connection = http.client.HTTPSConnection(HOST, daemon.port, timeout=10, context=tls)
    with closing(connection):
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        certificate = connection.sock.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def test_a_renewed_certificate_is_taken_over_by_a_reload(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("server")
    tls = context(authority)
    with DaemonProcess(tmp_path, main=settings(authority, server)) as daemon:
        status, headers, body = ask(daemon, tls, "GET", "/v1/health")
        assert (status, body["status"]) == (200, "ok")
        assert "max-age" in headers["Strict-Transport-Security"]
        before = serial(daemon, tls)
        authority.issue("server")
        assert serial(daemon, tls) == before, "files alone change nothing"
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: serial(daemon, tls) != before, 10, "the new certificate")


def test_a_broken_certificate_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("server")
    tls = context(authority)
    with DaemonProcess(tmp_path, main=settings(authority, server)) as daemon:
        before = serial(daemon, tls)
        server[0].write_text("no certificate")
        status, _, body = ask(daemon, tls, "POST", "/v1/config/reload")
        assert (status, body["code"]) == (400, "bad_config")
        assert serial(daemon, tls) == before


def test_w53_a_client_certificate_gives_the_role_its_name_is_mapped_to(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("server")
    noc, wall, stranger = (
        context(authority, authority.issue(name))
        for name in ("noc.example", "wall.example", "stranger.example")
    )
    rule = {
        "reason": "ticket 7", "victim_ip": "198.51.100.20", "protocol": "udp",
        "action": "discard", "ttl_seconds": 300,
    }  # fmt: skip
    with DaemonProcess(tmp_path, main=settings(authority, server, "mtls")) as daemon:
        status, _, me = ask(daemon, noc, "GET", "/v1/auth/me")
        assert (status, me["username"], me["role"]) == (200, "noc.example", "operator")
        assert ask(daemon, noc, "POST", "/v1/mitigations", rule)[0] == 201
        assert ask(daemon, noc, "POST", "/v1/config/reload")[0] == 403, "operator is not admin"
        assert ask(daemon, wall, "GET", "/v1/mitigations")[0] == 200
        assert ask(daemon, wall, "POST", "/v1/mitigations", rule)[0] == 403
        assert ask(daemon, stranger, "GET", "/v1/mitigations")[0] == 401, "a name without a role"


def test_w53_without_a_certificate_of_our_authority_there_is_no_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    other = Authority(tmp_path, "other")
    server = authority.issue("server")
    forged = other.issue("noc.example", file="forged")
    with DaemonProcess(tmp_path, main=settings(authority, server, "mtls")) as daemon:
        for client in (None, forged):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                ask(daemon, context(authority, client), "GET", "/v1/health")


def test_w53_client_certificates_without_tls_are_refused_at_the_start(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path, main={"http": {"auth": {"mode": "mtls"}}})
    daemon.write_config()
    done = prefixd("check", "-c", str(daemon.config_dir), cwd=tmp_path)
    assert done.returncode != 0
    assert "tls" in done.stdout + done.stderr
