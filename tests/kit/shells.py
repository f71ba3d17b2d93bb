"""Completion as bash, zsh and fish do it: each shell runs the script that prefixdctl prints."""

import os
import pty
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path

from tests.kit.require import binary

SHELLS = ("bash", "zsh", "fish")
LIMIT_S = 60.0
_BASH = """\
source {script}; COMP_LINE={line}; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9
_python_argcomplete prefixdctl; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
_ZSH = """\
compdef() {{ : }}; _describe() {{ print -l -- ${{${{(P)2}}%%:*}} }}
source {script}; words=(prefixdctl); BUFFER={line}; CURSOR=${{#BUFFER}}; _python_argcomplete
"""
_FISH = "source {script}; complete -C {line}"
_QUIET = {"bash": ("--norc",), "zsh": ("-f",), "fish": ("--no-config",)}


def environment(home: Path, **more: str) -> dict[str, str]:
    programs = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return {"PATH": programs, "HOME": str(home), "TERM": "xterm", **more}


def registration(shell: str, home: Path) -> Path:
    path = home / f"completion.{shell}"
    path.write_text(
        subprocess.run(
            ["prefixdctl", "completion", shell], env=environment(home),
            capture_output=True, text=True, timeout=LIMIT_S, check=True,
        ).stdout
    )  # fmt: skip
    return path


def candidates(shell: str, line: str, home: Path, **more: str) -> list[str]:
    """What the shell offers at the end of `line`, sorted."""
    text = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}[shell].format(
        script=shlex.quote(str(registration(shell, home))), line=shlex.quote(line)
    )
    done = subprocess.run(
        [binary(shell), *_QUIET[shell], "-c", text], env=environment(home, **more),
        capture_output=True, text=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return sorted(row.split("\t")[0].strip() for row in done.stdout.splitlines() if row.strip())


def after_a_tab(shell: str, line: str, expected: str, home: Path, **more: str) -> str:
    """What is on the screen of an interactive bash or zsh when `expected` appears behind a Tab."""
    script = registration(shell, home)
    started = f"source {script}; PS1='rea''dy '\n"
    if shell == "zsh":
        started = f"autoload -Uz compinit; compinit -u -D; {started}"
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [binary(shell), *_QUIET[shell], "-i"], stdin=follower, stdout=follower, stderr=follower,
        start_new_session=True, env=environment(home, **more),
    )  # fmt: skip
    os.close(follower)
    try:
        os.write(leader, started.encode())
        shown = _read_until(leader, "ready ")
        os.write(leader, f"{line}\t".encode())
        return shown + _read_until(leader, expected)
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def _read_until(leader: int, expected: str) -> str:
    shown, deadline = "", time.monotonic() + LIMIT_S
    while expected not in shown and time.monotonic() < deadline:
        ready, _, _ = select.select([leader], [], [], 0.1)
        if ready:
            shown += os.read(leader, 65536).decode(errors="replace")
    return shown
