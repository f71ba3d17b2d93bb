"""What a service manager offers and wants, without a library: readiness, watchdog, sockets.

Everything is optional: started by hand, none of the variables is set and nothing here does
anything. See sd_notify(3) and sd_listen_fds(3) for the protocol.
"""

import asyncio
import os
import socket
from collections.abc import Mapping

FIRST_FD = 3


class Notifier:
    """Reports our state to the service manager, one datagram a message."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self._watchdog_us = _own_number(environment, "WATCHDOG_USEC", "WATCHDOG_PID")

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to call `alive`: half of what is allowed; None without a watchdog."""
        return None if self._watchdog_us is None else self._watchdog_us / 2 / 1_000_000

    async def feed_watchdog(self) -> None:
        """A supervised task, where the service manager wants one."""
        interval_s = self.watchdog_interval_s
        while interval_s is not None:
            self.alive()
            await asyncio.sleep(interval_s)

    def ready(self, status: str) -> None:
        # The one-file executable starts us as a grandchild: signals shall come to us, not to it.
        self._send(f"READY=1\nMAINPID={os.getpid()}\nSTATUS={status}")

    def reloading(self, monotonic_us: int) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_us}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            try:
                channel.sendto(text.encode(), self._address)
            except OSError:
                # The manager is gone or its queue is full. It has timeouts of its own; we go on
                # serving the routers.
                return


def inherited_sockets(environment: Mapping[str, str]) -> dict[str, list[socket.socket]]:
    """Listening sockets the service manager opened for us, by the name in its unit file.

    They stay open over a restart, so peers and clients queue instead of being refused.
    """
    count = _own_number(environment, "LISTEN_FDS", "LISTEN_PID")
    if count is None:
        return {}
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[socket.socket]] = {}
    for index in range(count):
        inherited = socket.socket(fileno=FIRST_FD + index)
        inherited.setblocking(False)
        name = names[index] if index < len(names) else "unknown"
        found.setdefault(name, []).append(inherited)
    return found


def _own_number(environment: Mapping[str, str], name: str, pid_name: str) -> int | None:
    """A number meant for this process: the variables may be inherited from a parent."""
    text = environment.get(name, "")
    pid = environment.get(pid_name, "")
    if not text.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return int(text)
