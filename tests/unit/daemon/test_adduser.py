"""`prefixd adduser`: what an operator at the keyboard can do instead of typing a password."""

from pathlib import Path

import pytest

from prefixd.__main__ import main
from prefixd.config.sample import write_sample


@pytest.mark.parametrize(
    ("ends", "code", "said"),
    [(EOFError, 2, "prefixd: no password given\n"), (KeyboardInterrupt, 130, "\n")],
)
def test_a_prompt_that_is_ended_is_no_traceback(
    ends: type[BaseException],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ended(_question: str) -> str:
        raise ends

    monkeypatch.setattr("getpass.getpass", ended)
    monkeypatch.chdir(tmp_path)
    write_sample(tmp_path / "conf")
    assert main(["adduser", "alice", "-c", str(tmp_path / "conf")]) == code
    assert capsys.readouterr().err == said
