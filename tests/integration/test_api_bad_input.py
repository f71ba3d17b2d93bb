"""Input nobody should send, and what the daemon answers: always the same, never a 5xx.

Requests are written as octets, because no client library would send most of them.
"""

import gzip
import json
import socket
from collections.abc import Iterator

import pytest

from tests.kit.daemon_process import DaemonProcess

EVENT = {
    "timestamp": "2026-01-10T08:00:00Z",
    "source": "rude",
    "victim_ip": "198.51.100.20",
    "vector": "udp_flood",
}
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with DaemonProcess(tmp_path_factory.mktemp("rude")) as running:
        yield running
        assert running.get("/v1/health").status == 200
        assert "request failed" not in running.log_text


def exchange(daemon: DaemonProcess, octets: bytes, patience_s: float = 10) -> bytes:
    """Everything that comes back until the daemon closes."""
    found = b""
    with socket.create_connection((daemon.host, daemon.port), timeout=patience_s) as wire:
        wire.sendall(octets)
        while chunk := wire.recv(65_536):
            found += chunk
    return found


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def posted(daemon: DaemonProcess, body: bytes, headers: bytes = JSON) -> tuple[int, str]:
    """Status and code of an event posted as these octets."""
    head = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + headers
    answer = exchange(daemon, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    return status_of(answer), document.get("code", document.get("status"))


def event(member: bytes, value: bytes) -> bytes:
    """A good event but for one member, written by hand."""
    return json.dumps(EVENT).encode()[:-1] + b', "%s": %s}' % (member, value)


BODIES = {
    "empty": (b"", 400, "bad_json"),
    "no JSON": (b"victim=198.51.100.20", 400, "bad_json"),
    "cut off": (json.dumps(EVENT).encode()[:-10], 400, "bad_json"),
    "two documents": (b"{}{}", 400, "bad_json"),
    "byte order mark": (b"\xef\xbb\xbf{}", 400, "bad_json"),
    "a list": (b"[]", 422, "bad_field"),
    "a member twice": (event(b"source", b'"other"'), 400, "bad_json"),
    "a member twice, deep": (event(b"raw_details", b'[{"a": {"b": 1, "b": 2}}]'), 400, "bad_json"),
    "a member twice, by escape": (event(b"sourc\\u0065", b'"other"'), 400, "bad_json"),
    "100,000 lists": (b"[" * 100_000, 400, "bad_json"),
    "900 lists": (event(b"raw_details", b"[" * 900 + b"]" * 900), 400, "bad_json"),
    "65 lists": (event(b"raw_details", b"[" * 64 + b"]" * 64), 400, "bad_json"),
    "NaN": (event(b"bps", b"NaN"), 400, "bad_json"),
    "Infinity": (event(b"confidence", b"-Infinity"), 400, "bad_json"),
    "1e999": (event(b"confidence", b"1e999"), 422, "bad_field"),
    "5000 digits": (event(b"bps", b"9" * 5000), 422, "bad_field"),
    "Latin-1": (event(b"event_id", b'"\xe9\xff"'), 400, "bad_json"),
    "half a surrogate pair": (event(b"event_id", b'"\\ud800"'), 400, "bad_json"),
    "NUL in a name": (event(b"event_id", b'"a\\u0000b"'), 400, "bad_json"),
    "NUL in the details": (event(b"raw_details", b'{"k\\u0000": 1}'), 400, "bad_json"),
    "control characters": (event(b"event_id", b'"a\\u0007b"'), 400, "bad_request"),
    "a prefix as victim": (event(b"event_id", b"7"), 422, "bad_field"),
    "over a mebibyte": (event(b"raw_details", b'"%s"' % (b"x" * 1_048_576)), 413, "too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_wrong_is_refused_with_a_word(daemon: DaemonProcess, name: str) -> None:
    body, status, code = BODIES[name]
    assert posted(daemon, body) == (status, code)


def test_what_only_looks_wrong_is_taken(daemon: DaemonProcess) -> None:
    for details in (b'"\\\\u0000"', b'"[[[[{{{{"', b"[" * 60 + b"]" * 60, b'[{"a": 1}, {"a": 2}]'):
        assert posted(daemon, event(b"raw_details", details))[0] == 202


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (b"", 415, "bad_media_type"),
        (b"Content-Type: text/plain\r\n", 415, "bad_media_type"),
        (b"Content-Type: application/x-www-form-urlencoded\r\n", 415, "bad_media_type"),
        (b"Content-Type: application/vnd.detector+json; charset=utf-8\r\n", 202, "accepted"),
    ],
)
def test_only_json_is_read_as_json(
    daemon: DaemonProcess, headers: bytes, status: int, code: str
) -> None:
    found = posted(daemon, json.dumps(EVENT).encode(), headers)
    assert found[0] == status
    assert found[1].startswith(code)


def test_gzip_is_inflated_within_bounds(daemon: DaemonProcess) -> None:
    encoded = JSON + b"Content-Encoding: gzip\r\n"
    assert posted(daemon, gzip.compress(json.dumps(EVENT).encode()), encoded)[0] == 202
    bomb = gzip.compress(b" " * 200_000_000)
    assert posted(daemon, bomb, encoded) == (413, "too_large")
    assert posted(daemon, gzip.compress(b"{}")[:-4], encoded) == (400, "bad_body")
    assert posted(daemon, b"\x1f\x8bnonsense", encoded) == (400, "bad_body")


@pytest.mark.parametrize(
    "octets",
    [
        b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-A: y\r\n" * 10_000 + b"\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: a\0b\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n"
        b"Content-Length: 2\r\n\r\n{}",
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"BREW /coffee HTCPCP/1.0\r\n\r\n",
    ],
    ids=["10,000 headers", "long header", "long path", "NUL", "two lengths", "lengths differ",
         "negative length", "TLS", "no HTTP"],
)  # fmt: skip
def test_what_is_no_proper_http_is_a_400_and_the_end(daemon: DaemonProcess, octets: bytes) -> None:
    try:
        answer = exchange(daemon, octets)
    except ConnectionError:
        return  # closed while we were still talking, which is an answer as well
    assert status_of(answer) == 400
    assert len(answer) < 1000


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/events?source=a%00b", 400),
        ("/v1/events?limit=99999999999999999999999999", 200),
        ("/v1/events?limit=-1", 400),
        ("/v1/events?limit=1.5", 400),
        ("/v1/events?cursor=%F0%9F%92%A3", 400),
        ("/v1/events?start=2026-13-01T00:00:00Z", 400),
        ("/v1/events?start=0001-01-01T00:00:00%2B14:00", 400),
        ("/v1/mitigations/not-a-uuid", 400),
        ("/v1/mitigations/..%2f..%2fetc%2fpasswd", 400),
        ("/v1/ip/198.51.100.0%00/history", 400),
        ("/v1/ip/999.1.1.1/history", 400),
        ("/v1/bgp/peers/a%00b", 404),
        ("/v1/stats/timeseries?range=" + "9" * 400 + "d", 400),
        ("//v1/health", 404),
    ],
)
def test_odd_targets_have_a_defined_status(daemon: DaemonProcess, target: str, status: int) -> None:
    octets = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    assert status_of(exchange(daemon, octets)) == status


def test_credentials_that_are_no_text_are_wrong_credentials(daemon: DaemonProcess) -> None:
    for header in (b"Authorization: Bearer pfd_aaaaaaaaaaaa_\xff\xfe", b"Authorization: \xff"):
        octets = b"GET /v1/stats HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + header
        assert status_of(exchange(daemon, octets + b"\r\n\r\n")) in {200, 401}
    cookie = (
        b"GET /v1/stats HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: id=\xff\r\n\r\n"
    )
    assert status_of(exchange(daemon, cookie)) == 200, "mode none: the cookie is nobody's"


@pytest.mark.slow
def test_a_body_that_does_not_come_is_not_waited_for(daemon: DaemonProcess) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + JSON
    answer = exchange(daemon, head + b"Content-Length: 500\r\n\r\n{", patience_s=30)
    assert status_of(answer) == 408
    assert b'"timeout"' in answer
