"""How far one new event travels through the code: files, functions, calls, visits to packages.

    python -m bench.trace_event [--root DIRECTORY] [--files]

Starts the daemon (SQLite) under a profile function with `prefixd listen` as its router, reports a
few attacks to warm it up, then records one more, from the request to the UPDATE and the answer.
Only calls inside the package count, in every thread. `--root` measures another checkout.
"""

import argparse
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path(__file__).resolve().parent.parent


class Tracer:
    """Calls of our own functions and the files they lead through, while `on`."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.on = False
        self.calls: Counter[tuple[str, str, int]] = Counter()
        self.way: list[str] = []

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if not self.on or event != "call":
            return
        code = frame.f_code
        name = code.co_filename
        if name.startswith(self.package):
            self.calls[name, code.co_qualname, code.co_firstlineno] += 1
            if not self.way or self.way[-1] != name:
                self.way.append(name)

    def measured(self) -> dict[str, Any]:
        room = [_room(name, self.package) for name in self.way]
        visits = [each for index, each in enumerate(room) if not index or room[index - 1] != each]
        files = Counter(name.removeprefix(self.package) for name, _, _ in self.calls.elements())
        return {
            "files": len({name for name, _, _ in self.calls}),
            "functions": len(self.calls),
            "calls": self.calls.total(),
            "file hops": max(0, len(self.way) - 1),
            "package visits": len(visits),
            "packages": len(set(visits)),
            "re-entries": len(visits) - len(set(visits)),
            "by file": files.most_common(),
        }


def _room(name: str, package: str) -> str:
    return str(Path(name.removeprefix(package)).parent)


def inside(root: Path, result: Path) -> None:
    """In the daemon's process: SIGUSR1 begins, SIGUSR2 ends and writes the result."""
    tracer = Tracer(f"{root}/prefixd/")

    def begin(number: int, frame: object) -> None:
        tracer.on = True

    def end(number: int, frame: object) -> None:
        tracer.on = False
        ready = result.with_suffix(".new")
        ready.write_text(json.dumps(tracer.measured()))
        ready.rename(result)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    threading.setprofile(tracer)
    sys.setprofile(tracer)
    sys.path.insert(0, str(root))
    runpy.run_module("prefixd", run_name="__main__", alter_sys=True)


def measure(root: Path) -> dict[str, Any]:
    from tests.kit.daemon_process import DaemonProcess, free_port

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result, port = folder / "result.json", free_port()
        environment = {**os.environ, "PYTHONPATH": str(root)}
        router = subprocess.Popen(
            [sys.executable, "-m", "prefixd", "listen", "--port", str(port), "--peer-asn", "64500"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=root,
        )  # fmt: skip
        neighbor = {
            "name": "r1", "address": "127.0.0.1", "port": port, "peer_asn": 64500, "export": {},
            "afi_safi": ["ipv4-flowspec"], "timers": {"connect_retry_seconds": 0.2},
        }  # fmt: skip
        bgp = {
            "mode": "speaker", "local_asn": 64500, "router_id": "127.0.0.1", "listen": [],
            "neighbors": [neighbor],
        }  # fmt: skip
        daemon = DaemonProcess(folder, main={"bgp": bgp}, environment={"PYTHONPATH": str(root)})
        daemon.write_config()
        words = ["--inside", str(result), "--root", str(root)]
        log = (folder / "daemon.log").open("ab")
        daemon.process = subprocess.Popen(
            [sys.executable, str(HERE / "bench" / "trace_event.py"), *words,
             "run", "-c", str(daemon.config_dir)],
            env=environment, stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
        try:
            daemon._await_ready(0)
            _await(lambda: _established(daemon), "an established session")
            for last in range(20, 24):
                answer = daemon.event(f"198.51.100.{last}")
                assert answer.status in (200, 201, 202), answer.body
            time.sleep(3)  # what follows an announcement (pacing, the probe) has ended by then
            daemon.process.send_signal(signal.SIGUSR1)
            answer = daemon.event("198.51.100.30")
            time.sleep(0.3)
            daemon.process.send_signal(signal.SIGUSR2)
            _await(result.exists, "the result")
            return dict(json.loads(result.read_text()))
        finally:
            daemon.stop()
            router.terminate()
            router.wait()
            log.close()


def _established(daemon: Any) -> bool:
    sessions = daemon.get("/v1/health/detail").json["bgp_sessions"]
    return bool(sessions) and all(each == "established" for each in sessions.values())


def _await(condition: Any, what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"no {what} in 20 s"
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=HERE)
    parser.add_argument("--files", action="store_true", help="calls per file as well")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args()
    if options.inside is not None:
        sys.argv = ["prefixd", *rest]
        inside(options.root.resolve(), options.inside)
        return
    measured = measure(options.root.resolve())
    by_file = measured.pop("by file")
    for name, number in measured.items():
        print(f"{name:16} {number:6}")
    if options.files:
        for name, number in by_file:
            print(f"  {number:5} {name}")


if __name__ == "__main__":
    main()
