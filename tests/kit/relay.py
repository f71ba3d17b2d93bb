"""A wire that can be cut: bytes pass through this process, until they silently do not.

Unlike a closed connection, a cut wire tells nobody: what is sent disappears from sight, and only
time outs find out. `mend` lets through what was held back, as TCP would; new connections made
meanwhile are accepted by nobody until then.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

CHUNK = 65536


class Relay:
    def __init__(self, listening: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._listening = listening
        self._connect = connect
        self._whole = threading.Event()
        self._whole.set()
        self._over = False
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._over = True
        self._whole.set()
        for each in [self._listening, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._over:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self._sockets.append(near)
            self._whole.wait()
            try:
                far = self._connect()
            except OSError:
                near.close()
                continue
            self._sockets.append(far)
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pump, args=(source, sink), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := source.recv(CHUNK):
                self._whole.wait()
                sink.sendall(octets)
        self._whole.wait()
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relay_to_path(near: str, far: str) -> Iterator[Relay]:
    """Between two Unix sockets."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(far)
        return made

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(near)
    listening.listen(64)
    yield from _running(Relay(listening, connect))


@contextlib.contextmanager
def relay_to_port(near: tuple[str, int], far: tuple[str, int]) -> Iterator[Relay]:
    """Between two TCP ports; the far side sees us come from 127.0.0.1."""
    listening = socket.create_server(near)
    yield from _running(
        Relay(listening, lambda: socket.create_connection(far, 5, ("127.0.0.1", 0)))
    )


def _running(relay: Relay) -> Iterator[Relay]:
    try:
        yield relay
    finally:
        relay.close()
