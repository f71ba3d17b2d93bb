"""The client against a real server on loopback: what it sends, what it makes of answers."""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from prefixd.cli.client import Client, sentence_of
from prefixd.cli.failure import Failure
from prefixd.cli.target import Target
from prefixd.clock import SystemClock
from tests.unit.cli.kit import answer


class Service(BaseHTTPRequestHandler):
    """Answers `status` and `body` of the class; keeps what was asked."""

    protocol_version = "HTTP/1.1"
    status: ClassVar[int] = 200
    reply: ClassVar[bytes] = b"{}"
    location: ClassVar[str | None] = None
    hang_up: ClassVar[bool] = False
    seen: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        self.seen.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.reply)))
        if self.location is not None:
            self.send_header("Location", self.location)
        self.end_headers()
        self.wfile.write(self.reply)
        if self.hang_up:
            self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        """Quiet."""

    def address_string(self) -> str:
        return "local"


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Service.status, Service.reply, Service.location = 200, b"{}", None
    Service.hang_up = False
    Service.seen.clear()


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def tcp() -> Iterator[str]:
    server = TcpServer(("127.0.0.1", 0), Service)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


@contextmanager
def client(api: str, cookie: str | None = None, **fields: object) -> Iterator[Client]:
    made = Client(Target(api=api, **fields), SystemClock(), cookie)  # type: ignore[arg-type]  # because: fields of Target
    try:
        yield made
    finally:
        made.close()


def test_a_token_goes_along_and_queries_are_encoded() -> None:
    with tcp() as api, client(api, token="t0k", cookie="session") as service:
        answer = service.ask("GET", "/v1/x", query={"q": "a b&c/é", "none": None})
    (_, path, headers, _) = Service.seen[0]
    assert path == "/v1/x?q=a+b%26c%2F%C3%A9"
    assert headers["Authorization"] == "Bearer t0k"
    assert "Cookie" not in headers, "a token goes before a session"
    assert answer.now.tzinfo is not None


def test_a_session_goes_along_and_bodies_are_json() -> None:
    with tcp() as api, client(api, cookie="abc") as service:
        service.ask("POST", "/v1/x", {"ä": 1})
    (method, _, headers, body) = Service.seen[0]
    assert (method, headers["Cookie"], headers["Content-Type"]) == (
        "POST", "id=abc", "application/json",
    )  # fmt: skip
    assert json.loads(body) == {"ä": 1}


def test_an_address_may_have_a_path() -> None:
    with tcp() as api, client(f"{api}/prefixd/") as service:
        service.ask("GET", "/v1/health")
    assert Service.seen[0][1] == "/prefixd/v1/health"


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    server = UnixServer(str(path), Service)
    with serving(server), client(f"unix://{path}") as service:
        assert service.ask("GET", "/v1/x").tree == {}
    with client(f"unix://{path}.gone") as service, pytest.raises(Failure) as caught:
        service.ask("GET", "/v1/x")
    assert caught.value.code == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 1), (401, 4), (403, 4), (404, 1), (409, 1), (422, 1), (429, 1), (500, 1), (503, 3)],
)
def test_refusals_are_sentences_with_a_code(status: int, code: int) -> None:
    Service.status = status
    Service.reply = b'{"error": "no", "errors": ["first", "second"], "request_id": "r1"}'
    with tcp() as api, client(api) as service, pytest.raises(Failure) as caught:
        service.ask("GET", "/v1/x")
    assert caught.value.code == code
    assert caught.value.message == f"no ({status})"
    assert caught.value.hints[:2] == ("first", "second")
    assert ("request id r1" in caught.value.hints) == (status >= 500)


def test_a_stranger_who_answers_is_not_taken_for_the_service() -> None:
    Service.reply = b"<html>"
    with tcp() as api, client(api) as service:
        with pytest.raises(Failure, match="not a prefixd API") as caught:
            _ = service.ask("GET", "/v1/x").tree
        assert caught.value.code == 3
        Service.status = 404
        with pytest.raises(Failure, match="404 Not Found"):
            service.ask("GET", "/v1/x")


def test_a_redirect_is_shown_and_not_followed() -> None:
    Service.status, Service.location = 301, "https://elsewhere.example.net/"
    with tcp() as api, client(api, token="t0k") as service, pytest.raises(Failure) as caught:
        service.ask("GET", "/v1/x")
    assert "https://elsewhere.example.net/" in caught.value.message
    assert len(Service.seen) == 1


def test_a_read_is_asked_again_on_a_kept_connection_that_was_closed() -> None:
    with tcp() as api, client(api) as service:
        Service.hang_up = True
        service.ask("GET", "/v1/one")
        service.ask("GET", "/v1/two")
    assert [path for _, path, _, _ in Service.seen] == ["/v1/one", "/v1/two"]


def test_a_change_is_never_sent_twice() -> None:
    """A server that takes the request and hangs up may have done it."""
    taken: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def take_two() -> None:
        first, _ = listening.accept()
        with first:
            first.recv(65536)
            first.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            taken.append(first.recv(65536))
        listening.settimeout(0.2)
        try:
            second, _ = listening.accept()
        except TimeoutError:
            return
        with second:
            taken.append(second.recv(65536))

    thread = threading.Thread(target=take_two)
    thread.start()
    with client(f"http://127.0.0.1:{listening.getsockname()[1]}") as service:
        service.ask("GET", "/v1/x")
        with pytest.raises(Failure) as caught:
            service.ask("POST", "/v1/panic", {})
    thread.join()
    listening.close()
    assert caught.value.code == 3
    assert len(taken) == 1


@pytest.mark.parametrize("api", ["ftp://x", "localhost:8080", "http://", "http://x:port"])
def test_what_is_no_address(api: str) -> None:
    with client(api) as service, pytest.raises(Failure, match="invalid API address") as caught:
        service.ask("GET", "/v1/x")
    assert caught.value.code == 2


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "prefixd")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "cert.pem", directory / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


class TlsServer(TcpServer):
    context: ssl.SSLContext

    def get_request(self) -> tuple[socket.socket, object]:
        plain, address = super().get_request()
        return self.context.wrap_socket(plain, server_side=True), address

    def handle_error(self, *_args: object) -> None:
        """A client that does not trust us hangs up; that is what the test wants."""


def test_certificates_are_checked_unless_insecure(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    server = TlsServer(("127.0.0.1", 0), Service)
    server.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.context.load_cert_chain(cert, key)
    server.context.load_verify_locations(cert)
    server.context.verify_mode = ssl.CERT_OPTIONAL
    api = f"https://127.0.0.1:{server.server_address[1]}"
    with serving(server):
        with client(api) as service, pytest.raises(Failure, match="not trusted") as caught:
            service.ask("GET", "/v1/x")
        assert caught.value.code == 3
        assert "--ca" in caught.value.hints[0]
        with client(api, ca=cert, cert=cert, key=key) as service:
            assert service.ask("GET", "/v1/x").status == 200
        with client(api, insecure=True) as service:
            assert service.ask("GET", "/v1/x").status == 200
    with client(api, ca=tmp_path / "absent") as service, pytest.raises(Failure) as caught:
        service.ask("GET", "/v1/x")
    assert caught.value.code == 2


def test_every_problem_of_a_reload_has_a_line_of_its_own() -> None:
    problems = ["prefixd.yaml:31:3: one", "playbooks.yaml:2:1: two"]
    tree = {"error": f"2 problems: {problems[0]}", "errors": problems, "code": "bad_config"}
    assert sentence_of(answer(tree, 400)) == ("2 problems (400)", problems)
    alone = {"error": "1 problem: one", "errors": ["one"]}
    assert sentence_of(answer(alone, 400)) == ("1 problem (400)", ["one"])
