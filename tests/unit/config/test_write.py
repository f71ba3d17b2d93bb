"""Replacing files: all or nothing, never through a link, the old one kept."""

import os
from pathlib import Path

import pytest

from prefixd.config.write import WriteFailed, write_atomic


def test_the_file_is_replaced_and_the_old_one_kept(tmp_path: Path) -> None:
    path = tmp_path / "playbooks.yaml"
    write_atomic(path, "first\n")
    write_atomic(path, "second\n")
    assert path.read_text() == "second\n"
    assert (tmp_path / "playbooks.yaml.bak").read_text() == "first\n"
    assert sorted(found.name for found in tmp_path.iterdir()) == [
        "playbooks.yaml",
        "playbooks.yaml.bak",
    ]


def test_a_new_file_is_not_readable_by_everybody(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.yaml", "x\n")
    assert (tmp_path / "a.yaml").stat().st_mode & 0o007 == 0


def test_mode_and_owner_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("old\n")
    path.chmod(0o604)
    before = path.stat()
    write_atomic(path, "new\n")
    after = path.stat()
    assert after.st_mode == before.st_mode
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


@pytest.mark.parametrize("name", ["a.yaml", "a.yaml.bak"])
def test_links_are_refused(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (tmp_path / "a.yaml").write_text("old\n")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(victim)
    with pytest.raises(WriteFailed, match="is a symbolic link"):
        write_atomic(tmp_path / "a.yaml", "new\n")
    assert victim.read_text() == "precious\n"


def test_a_directory_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    with pytest.raises(WriteFailed, match="is not a regular file"):
        write_atomic(tmp_path / "a.yaml", "new\n")


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match=r"cannot be written: no such file.*read-only"):
        write_atomic(tmp_path / "nowhere" / "a.yaml", "new\n")


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("old\n")
    real_fsync = os.fsync
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:  # backup and its directory went well; the new text does not
            raise OSError(28, "No space left on device")
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteFailed, match="no space left on device"):
        write_atomic(path, "new\n")
    assert path.read_text() == "old\n"
    assert not [found for found in tmp_path.iterdir() if found.name.endswith(".tmp")]


def test_rubbish_of_a_crash_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / f".a.yaml.{os.getpid()}.tmp").write_text("half")
    write_atomic(tmp_path / "a.yaml", "new\n")
    assert (tmp_path / "a.yaml").read_text() == "new\n"
