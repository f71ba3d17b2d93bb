"""What `prefixd init` writes, and what it never overwrites."""

from pathlib import Path

import pytest

from prefixd.config.assemble import load_config
from prefixd.config.bundle import FILE_NAMES
from prefixd.config.sample import SampleRefused, write_sample


def test_a_sample_is_written_and_loads(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "etc"
    written = write_sample(directory)
    assert [path.name for path in written] == list(FILE_NAMES)
    assert load_config(directory, {}).warnings == ()


def test_a_sample_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text("mine\n")
    with pytest.raises(SampleRefused, match=r"already has inventory\.yaml.*nothing was written"):
        write_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["inventory.yaml"]


def test_a_sample_needs_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SampleRefused, match="is not a directory"):
        write_sample(tmp_path / "file")
    with pytest.raises(SampleRefused, match="cannot be made"):
        write_sample(tmp_path / "file" / "below")
