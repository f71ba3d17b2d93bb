"""Files that cannot be had: each message says what, where, and what to do."""

import codecs
import os
from pathlib import Path

import pytest

from prefixd.config.load import Document, load_file
from tests.unit.config.directories import make, texts


def only(directory: Path) -> str:
    (text,) = texts(directory)
    return text


def test_a_missing_directory(tmp_path: Path) -> None:
    text = only(tmp_path / "nowhere")
    assert "the configuration directory does not exist" in text
    assert "prefixd init DIR" in text


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is not a directory" in only(tmp_path / "file")


def test_a_missing_file(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "inventory.yaml").unlink()
    assert only(tmp_path) == (
        f"inventory.yaml: {tmp_path}/inventory.yaml does not exist; "
        "name the directory with --config, or write a sample with `prefixd init DIR`"
    )


def test_every_missing_file_is_named(tmp_path: Path) -> None:
    assert [text.split(":")[0] for text in texts(tmp_path)] == [
        "prefixd.yaml",
        "inventory.yaml",
        "playbooks.yaml",
    ]


def test_an_unreadable_file(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "playbooks.yaml").chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:3]):  # three above it under pytest-xdist
        folder.chmod(0o755)
    is_root = os.geteuid() == 0
    codecs.lookup("utf-8-sig")  # read from disk once, and the other user may not be allowed to
    if is_root:
        os.seteuid(65534)
    try:
        text = only(tmp_path)
    finally:
        if is_root:
            os.seteuid(0)
    assert "playbooks.yaml cannot be read: permission denied" in text
    assert "chmod 0640" in text


def test_a_directory_in_place_of_a_file(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "playbooks.yaml").unlink()
    (tmp_path / "playbooks.yaml").mkdir()
    assert "playbooks.yaml cannot be read" in only(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "playbooks.yaml:1:1: the file is empty"),
        ("  \n\n", "playbooks.yaml:1:1: the file is empty"),
        ("# later\n", "playbooks.yaml:1:1: the file holds only comments"),
    ],
)
def test_an_empty_file(tmp_path: Path, text: str, message: str) -> None:
    found = only(make(tmp_path, playbooks=text))
    assert found.startswith(message)
    assert "prefixd init DIR" in found


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "playbooks.yaml").write_bytes(b"playbooks:\n  - name: M\xfcnchen\n")
    assert only(tmp_path) == ("playbooks.yaml:2:12: the file is not UTF-8 text; save it as UTF-8")


def test_tabs(tmp_path: Path) -> None:
    found = only(make(tmp_path, playbooks="playbooks:\n\t- name: udp\n"))
    assert found == (
        "playbooks.yaml:2:1: tab in the indentation; YAML is indented with spaces only"
    )


def test_a_byte_order_mark_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfpop: x\n")
    document = load_file(tmp_path / "a.yaml")
    assert isinstance(document, Document)
    assert document.tree == {"pop": "x"}


def test_the_version_follows_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    versions = []
    for text in ("pop: x\n", "pop: x # same tree\n", "pop: x\n"):
        path.write_text(text)
        document = load_file(path)
        assert isinstance(document, Document)
        versions.append(document.version)
    assert versions[0] == versions[2] != versions[1]
