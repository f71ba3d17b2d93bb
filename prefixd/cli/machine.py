"""What is visible on this machine, without asking the service and without changing anything."""

import errno
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prefixd.cli.amount import size

BGP_PORT = 179
FIRST_FREE_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
SYNCHRONIZED = (Path("/run/systemd/timesync/synchronized"), Path("/run/chrony"), Path("/run/ntpd"))
TCP_MD5SIG = 14
TCP_AO_INFO = 40
LEAST_FREE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Finding:
    state: str
    """ok, note, warn or bad."""
    check: str
    text: str
    hint: str = ""


def findings(data_dir: str) -> Iterator[Finding]:
    yield md5_finding()
    yield ao_finding()
    yield time_finding()
    yield disk_finding(Path(data_dir))


def port_finding() -> Finding:
    """Checked when no service answers: binding the port for a moment shows whether it is
    permitted, and whether the port is in use."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", BGP_PORT))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return Finding("ok", "port 179", "in use: a program listens there")
            if error.errno in {errno.EACCES, errno.EPERM}:
                return Finding(
                    "note",
                    "port 179",
                    f"this user may not bind it (ports from {_first_port()} on are permitted)",
                    "the service unit grants CAP_NET_BIND_SERVICE; a port above 1023 needs nothing",
                )
            return Finding("warn", "port 179", (error.strerror or str(error)).lower())
    return Finding("ok", "port 179", "free, and this user may bind it")


def md5_finding() -> Finding:
    key = b"prefixd"
    address = socket.inet_aton("127.0.0.1")
    sockaddr = socket.AF_INET.to_bytes(2, sys.byteorder) + bytes(2) + address
    option = sockaddr.ljust(128, b"\0") + bytes(2) + len(key).to_bytes(2, sys.byteorder) + bytes(4)
    return _option("TCP MD5", TCP_MD5SIG, option + key.ljust(80, b"\0"), "password")


def ao_finding() -> Finding:
    """Reads AO state of a socket without keys: a kernel with TCP-AO answers ENOENT or EINVAL."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.getsockopt(socket.IPPROTO_TCP, TCP_AO_INFO, 64)
        except OSError as error:
            if error.errno == errno.ENOPROTOOPT:
                text = "not supported by this kernel (Linux 6.7 or newer)"
                return Finding("note", "TCP-AO", text, "tcp_ao keys will not work here; MD5 may")
    return Finding("ok", "TCP-AO", "supported by the kernel")


def time_finding() -> Finding:
    if any(path.exists() for path in SYNCHRONIZED):
        return Finding("ok", "time service", "the clock of this machine is synchronized")
    return Finding("note", "time service", "none found of systemd-timesyncd, chrony and ntpd")


def disk_finding(directory: Path) -> Finding:
    if not directory.is_dir():
        text = f"{directory} not found; --data-dir sets the directory of the database"
        return Finding("note", "disk", text)
    total, _, free = shutil.disk_usage(directory)
    text = f"{size(free)} of {size(total)} free below {directory}"
    if free < total * LEAST_FREE_SHARE:
        hint = "a full disk refuses every new mitigation"
        return Finding("bad" if free < 64 << 20 else "warn", "disk", text, hint)
    if not os.access(directory, os.W_OK):
        return Finding("note", "disk", f"{text}; this user may not write there")
    return Finding("ok", "disk", text)


def _option(what: str, number: int, value: bytes, key: str) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, number, value)
        except OSError as error:
            if error.errno in {errno.ENOPROTOOPT, errno.ENOSYS}:
                return Finding(
                    "warn", what, "not supported by this kernel", f"`{key}` will not work here"
                )
            reason = (error.strerror or str(error)).lower()
            return Finding("note", what, f"cannot be tested: {reason}")
    return Finding("ok", what, "supported by the kernel")


def _first_port() -> str:
    try:
        return FIRST_FREE_PORT.read_text().strip()
    except OSError:
        return "1024"
