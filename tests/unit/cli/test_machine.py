"""What `doctor` sees of this machine; the kernel here may have or lack each thing."""

import errno
import os
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from prefixd.cli import machine
from prefixd.cli.doctor import is_local


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("free", "state"), [(500 << 30, "ok"), (50 << 30, "warn"), (10 << 20, "bad")]
)
def test_a_full_disk_is_bad_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: Usage(1 << 40, 0, free))
    assert machine.disk_finding(tmp_path).state == state


def test_a_directory_elsewhere_is_only_noted(tmp_path: Path) -> None:
    found = machine.disk_finding(tmp_path / "absent")
    assert (found.state, "--data-dir" in found.text) == ("note", True)


class Refusing(socket.socket):
    """A kernel that says no, with the number of the test's choice."""

    number = errno.EACCES

    def bind(self, _address: object) -> None:
        raise OSError(self.number, os.strerror(self.number))

    def setsockopt(self, *_args: object) -> None:
        raise OSError(self.number, os.strerror(self.number))

    def getsockopt(self, *_args: object) -> int:  # type: ignore[override]  # because: only raises
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "state", "words"),
    [
        (errno.EADDRINUSE, "ok", "a program listens there"),
        (errno.EACCES, "note", "may not bind it"),
        (errno.EADDRNOTAVAIL, "warn", "cannot assign"),
    ],
)
def test_the_bgp_port(monkeypatch: pytest.MonkeyPatch, number: int, state: str, words: str) -> None:
    monkeypatch.setattr(machine.socket, "socket", Refusing)
    monkeypatch.setattr(Refusing, "number", number)
    found = machine.port_finding()
    assert found.state == state
    assert words in found.text


def test_a_kernel_without_keys_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.socket, "socket", Refusing)
    monkeypatch.setattr(Refusing, "number", errno.ENOPROTOOPT)
    assert machine.md5_finding().state == "warn"
    assert machine.ao_finding().state == "note"


def test_a_kernel_with_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.socket, "socket", Refusing)
    monkeypatch.setattr(Refusing, "number", errno.ENOENT)
    assert machine.ao_finding().state == "ok"
    assert machine.md5_finding().state == "note", "EPERM and the like prove nothing"


def test_what_is_here() -> None:
    assert is_local("unix:///run/x")
    assert is_local("http://[::1]:8080")
    assert not is_local("https://prefixd.example.net")
