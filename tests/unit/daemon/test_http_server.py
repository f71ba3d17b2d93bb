"""Sockets that are bound early, with advice when they cannot be; certificates without TLS."""

import socket
from pathlib import Path

import pytest

from prefixd.api.settings import TlsSettings
from prefixd.daemon.http_server import Certificates, bind_tcp
from prefixd.errors import StartupError


def test_a_taken_port_says_so_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError) as caught:
            bind_tcp("127.0.0.1", port, "the API")
    assert str(caught.value) == (
        f"the API cannot listen on 127.0.0.1:{port}: another process uses it already "
        "(find it with `ss -ltnp`), or change the setting"
    )


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartupError, match="this machine does not have that address"):
        bind_tcp("192.0.2.77", 8080, "the API")


def test_both_families_listen() -> None:
    for host in ("127.0.0.1", "::1"):
        with bind_tcp(host, 0, "the API") as listening:
            assert listening.getsockname()[0] == host


def test_without_tls_there_is_no_context_and_nothing_to_reload() -> None:
    certificates = Certificates(None, from_clients=False)
    certificates.check(None)
    certificates.reload(None)
    assert certificates.context is None


def test_files_that_cannot_be_used_are_refused_before_anything_changes(tmp_path: Path) -> None:
    missing = TlsSettings(cert_path=tmp_path / "cert.pem", key_path=tmp_path / "key.pem")
    with pytest.raises(StartupError, match=r"http\.tls: .* cannot be used"):
        Certificates(None, from_clients=False).check(missing)
