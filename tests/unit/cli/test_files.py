"""Local files are read, or named with the reason."""

import io
from pathlib import Path

import pytest

from prefixd.cli.failure import ExitCode, Failure
from prefixd.cli.files import read_mapping, read_text


def test_yaml_json_and_an_empty_file_are_mappings(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for text, tree in (("a: 1", {"a": 1}), ('{"a": [1]}', {"a": [1]}), ("", {})):
        path.write_text(text)
        assert read_mapping(path) == tree


def test_standard_input_is_named_by_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("text"))
    assert read_text("-") == "text"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or directory"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"- a\n", "must be a mapping"),
        (b"a: [", "neither YAML nor JSON"),
    ],
)
def test_other_files_are_usage_errors(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "x"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Failure, match=reason) as caught:
        read_mapping(path)
    assert caught.value.code is ExitCode.USAGE
    assert caught.value.message.startswith(f"{path}: ")
